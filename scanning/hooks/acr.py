"""Azure Container Registry's webhooks (Microsoft, "Webhook reference"): one event as Distribution writes it."""

from __future__ import annotations

from typing import Any

from governance.findings.report import ReportError
from scanning.hooks.hints import MEBIBYTE, Heard, Hint
from scanning.hooks.proof import Scheme
from scanning.parsers.document import Document
from scanning.parsers.registry_event import Target, events_of
from scanning.parsers.scalars import moment

NAME = "acr"
TITLE = "Azure Container Registry"
SCHEME: Scheme = "bearer"
HOST = ""
LIMIT = MEBIBYTE


def settings(address: str, secret: str) -> tuple[tuple[str, str], ...]:
    """A webhook of the registry."""
    command = (
        f"az acr webhook create --registry REGISTRY --name portwarden --actions push delete quarantine"
        f" --uri '{address}' --headers 'Authorization=Bearer {secret}'"
    )
    return (("Run once for the registry", command),)


def read(document: Document) -> Heard:
    """A push or deletion; charts and pings are no images."""
    if not document.has("action"):
        raise ReportError("this is no event of Azure Container Registry: it has no action")
    if document.text("action") not in ("push", "delete", "quarantine"):
        return Heard(notes=(f"{document.text('action')[:40] or 'an action'} says nothing about an image",))
    (one,) = events_of(document)
    target = one.target or Target()
    if not target.repository:
        return Heard(notes=("it names no repository",))
    host = (one.request and one.request.host) or ""
    hint = Hint(target.repository, target.tag or "", target.digest or "", host, gone=one.action == "delete")
    return Heard((hint,), at=moment(one.timestamp))


def sample(host: str, repository: str, tag: str) -> dict[str, Any]:
    """A push."""
    target = {"repository": repository, "tag": tag, "mediaType": "application/vnd.oci.image.manifest.v1+json"}
    return {"id": "test", "action": "push", "target": target, "request": {"host": host}}
