"""Harbor's webhooks, default payload and CloudEvents (goharbor/harbor `src/pkg/notifier`)."""

from __future__ import annotations

from typing import Any

from governance.findings.report import ReportError
from scanning.hooks.hints import MEBIBYTE, Heard, Hint
from scanning.hooks.proof import Scheme
from scanning.parsers.document import Document, check_amount
from scanning.parsers.harbor_event import Payload, payload_of, recognises
from scanning.parsers.scalars import moment

NAME = "harbor"
TITLE = "Harbor"
SCHEME: Scheme = "bearer"
HOST = ""
LIMIT = MEBIBYTE
PUSHED = {"PUSH_ARTIFACT", "harbor.artifact.pushed"}
DELETED = {"DELETE_ARTIFACT", "harbor.artifact.deleted"}
SCANNED = {"SCANNING_COMPLETED", "harbor.scan.completed"}


def settings(address: str, secret: str) -> tuple[tuple[str, str], ...]:
    """A webhook of a project."""
    return (
        ("In the project under Webhooks choose New webhook, and as endpoint URL", address),
        ("Auth Header", f"Bearer {secret}"),
        ("Notify type: http. Events: Artifact pushed, Artifact deleted, Scanning finished. Either payload format", ""),
    )


def read(document: Document) -> Heard:
    """Artifacts that were pushed, deleted, or scanned for vulnerabilities."""
    if not recognises(document):
        raise ReportError("this is no event of Harbor (if it was made for Slack, choose the notify type http)")
    payload = payload_of(document)
    kind = payload.type or ""
    at = moment(payload.occurred) or moment(payload.time)
    if kind not in PUSHED | DELETED | SCANNED:
        return Heard(notes=(f"{kind[:60]} says nothing new about an image",), at=at)
    return Heard(tuple(_hints(payload, kind)), at=at)


def _hints(payload: Payload, kind: str) -> list[Hint]:
    data = payload.event_data or payload.data
    name = (data and data.repository and data.repository.name) or ""
    listed = (data and data.resources) or []
    check_amount(len(listed), "resources")
    is_sbom = data is not None and data.scan is not None and data.scan.type == "sbom"
    found = [
        Hint(name, one.tag or "", one.digest or "", gone=kind in DELETED, scanned=kind in SCANNED and not is_sbom)
        for one in listed
        if name
    ]
    return found or ([Hint(name, gone=kind in DELETED)] if name else [])


def sample(host: str, repository: str, tag: str) -> dict[str, Any]:
    """A push."""
    return {
        "type": "PUSH_ARTIFACT",
        "occur_at": 1_787_218_375,
        "operator": "test",
        "event_data": {
            "resources": [{"tag": tag, "resource_url": f"{host}/{repository}:{tag}"}],
            "repository": {"repo_full_name": repository},
        },
    }
