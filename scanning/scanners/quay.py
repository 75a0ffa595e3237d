"""Quay's own scanner (quay/quay `endpoints/api/secscan.py`): it scans by itself, so only the report is fetched."""

from __future__ import annotations

from urllib.parse import quote

import msgspec

from governance.web.outbound import Limits, OutboundError
from scanning.registries import RegistryError, open_registry
from scanning.registries.quay import OAUTH
from scanning.scanners.values import Asked, Outcome, Place, Report, ScanFailed

NAME = "quay"
FORMAT = "quay"
LIMITS = Limits(connect=5, read=30, whole=120, body=64 * 2**20)
PAUSE = 60.0


class Status(msgspec.Struct):
    """Whether there is a report."""

    status: str = ""


def suits(kind: str) -> bool:
    """Only its own."""
    return kind == "quay"


def scan(place: Place, remote_ref: str) -> Outcome:
    """Fetch the report, or look again later while Quay is at it."""
    target = place.target
    path = f"/api/v1/repository/{quote(place.repository)}/manifest/{place.digest}/security?vulnerabilities=true"
    url = f"{target.api}{path}"
    headers = {"Accept": "application/json"}
    if target.username == OAUTH and target.may_have_secret(url):
        headers["Authorization"] = f"Bearer {target.secret}"
    try:
        with open_registry(target) as registry:
            answer, body = registry.client.fetch("GET", url, headers=headers, limits=LIMITS)
    except (RegistryError, OutboundError) as error:
        raise ScanFailed(str(error)) from error
    if answer.status != 200:
        raise ScanFailed(f"Quay answers {answer.status} when asked for the report", elsewhere=True)
    try:
        status = msgspec.json.decode(body, type=Status).status
    except (msgspec.DecodeError, RecursionError) as error:
        raise ScanFailed("Quay answers with something else than a report", elsewhere=True) from error
    if status == "queued":
        return Asked(PAUSE, "queued")
    if status != "scanned":
        raise ScanFailed(f"Quay could not scan it ({status[:40] or 'no status'})", elsewhere=True)
    return Report(body, FORMAT)
