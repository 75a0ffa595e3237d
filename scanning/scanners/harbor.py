"""Harbor's own scanner (goharbor/harbor API v2.0): ask for a scan, look how it goes, fetch the report.

The account needs, beside pulling, "Create scan" and "Read artifact addition" in the project.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from governance.web.outbound import Limits, OutboundError
from scanning.registries import Registry, RegistryError, open_registry
from scanning.registries.product import login
from scanning.scanners.values import Asked, Outcome, Place, Report, ScanFailed

NAME = "harbor"
FORMAT = "harbor"
REPORT = "application/vnd.security.vulnerability.report; version=1.1"
OLDER = "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0"
ACCEPTED = {"X-Accept-Vulnerabilities": f"{REPORT}, {OLDER}"}
LIMITS = Limits(connect=5, read=30, whole=120, body=64 * 2**20)
# Seconds between two looks.
PAUSE = 20.0
WORKING = {"pending", "running", "scheduled"}


class Overview(msgspec.Struct):
    """How a scan stands."""

    report_id: str | None = None
    scan_status: str | None = None


class Artifact(msgspec.Struct):
    """An artifact, as far as its scans go."""

    scan_overview: dict[str, Overview] | None = None


def suits(kind: str) -> bool:
    """Only its own."""
    return kind == "harbor"


def scan(place: Place, remote_ref: str) -> Outcome:
    """Ask first (the report of before is remembered), then look until there is another one."""
    try:
        with open_registry(place.target) as registry:
            return _fetch(registry, place, remote_ref) if remote_ref else _ask(registry, place)
    except (RegistryError, OutboundError) as error:
        raise ScanFailed(str(error)) from error


def _ask(registry: Registry, place: Place) -> Outcome:
    before = _overview(registry, place)
    status, _ = _call(registry, "POST", f"{_path(place)}/scan")
    if status in (404, 405, 412, 422, 501):
        raise ScanFailed(f"Harbor does not scan {place.repository} ({status})", elsewhere=True)
    if status == 409:
        # A scan is running already, whose result is as good.
        return Asked(PAUSE, "after -")
    if status not in (200, 201, 202):
        raise ScanFailed(f"Harbor refuses to scan {place.repository} with {status}", elsewhere=True)
    return Asked(PAUSE, f"after {(before.report_id if before else '') or 'none'}"[:255])


def _fetch(registry: Registry, place: Place, remote_ref: str) -> Outcome:
    found = _overview(registry, place)
    status = ((found.scan_status if found else "") or "").lower()
    if status in ("error", "stopped"):
        raise ScanFailed(f"Harbor's scanner failed ({status})", elsewhere=True)
    if found is None or status in WORKING or f"after {found.report_id}" == remote_ref:
        return Asked(PAUSE, remote_ref)
    code, body = _call(registry, "GET", f"{_path(place)}/additions/vulnerabilities", ACCEPTED)
    if code != 200 or body.strip() in (b"", b"{}"):
        raise ScanFailed(f"Harbor does not give out the report ({code})", elsewhere=True)
    return Report(body, FORMAT)


def _overview(registry: Registry, place: Place) -> Overview | None:
    code, body = _call(registry, "GET", f"{_path(place)}?with_scan_overview=true", ACCEPTED)
    if code != 200:
        raise ScanFailed(f"Harbor answers {code} when asked for {place.repository}", elsewhere=True)
    try:
        listed = msgspec.json.decode(body, type=Artifact).scan_overview or {}
    except (msgspec.DecodeError, RecursionError) as error:
        raise ScanFailed("Harbor answers with something else than an artifact", elsewhere=True) from error
    return next(iter(listed.values()), None)


def _path(place: Place) -> str:
    """Names with a slash are encoded twice there."""
    project, _, name = place.repository.partition("/")
    name = quote(quote(name, safe=""), safe="")
    return f"/api/v2.0/projects/{quote(project, safe='')}/repositories/{name}/artifacts/{place.digest}"


def _call(
    registry: Registry, method: str, path: str, headers: dict[str, str] | None = None, body: Any = None
) -> tuple[int, bytes]:
    url = f"{registry.target.api}{path}"
    sent = {"Accept": "application/json", **(headers or {}), **login(registry)}
    if "Authorization" in sent and not registry.target.may_have_secret(url):
        raise ScanFailed("the credentials are not sent to the address of Harbor's API", final=True)
    answer, content = registry.client.fetch(method, url, headers=sent, body=body, limits=LIMITS)
    return answer.status, content
