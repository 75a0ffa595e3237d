"""CNCF Distribution (`registry:2` and `:3`): `notifications/event.go`. Blobs and pulls are left aside."""

from __future__ import annotations

from typing import Any

from governance.findings.report import ReportError
from scanning.hooks.hints import MEBIBYTE, Heard, Hint, after
from scanning.hooks.proof import Scheme
from scanning.parsers.document import Document, check_amount
from scanning.parsers.registry_event import Event, events_of, is_manifest
from scanning.parsers.scalars import moment

NAME = "registry"
TITLE = "Distribution (registry:2, registry:3), Zot"
SCHEME: Scheme = "bearer"
HOST = ""
LIMIT = 4 * MEBIBYTE


def settings(address: str, secret: str) -> tuple[tuple[str, str], ...]:
    """The registry's configuration file."""
    text = (
        "notifications:\n  endpoints:\n    - name: portwarden\n"
        f"      url: {address}\n      headers:\n        Authorization: [Bearer {secret}]\n"
        "      timeout: 3s\n      threshold: 5\n      backoff: 10s\n      ignoredmediatypes:\n"
        "        - application/octet-stream\n      ignore:\n        actions:\n          - pull\n"
    )
    return (("Add to the registry's config.yml, and restart the registry", text),)


def read(document: Document) -> Heard:
    """Manifests that were pushed or deleted."""
    if not document.has("events"):
        raise ReportError("this is no notification of CNCF Distribution: it has no events")
    listed = events_of(document)
    check_amount(len(listed), "events")
    return heard_of(listed)


def heard_of(listed: list[Event]) -> Heard:
    """What a list of events hints at."""
    hints = [hint for one in listed if (hint := _hint(one))]
    ignored = sum(1 for one in listed if _hint(one) is None)
    return after(hints, ignored, "events about blobs or pulls", moment(listed[0].timestamp) if listed else None)


def _hint(one: Event) -> Hint | None:
    target = one.target
    if target is None or not target.repository:
        return None
    if one.action == "delete":
        # Of a manifest or a tag in version 2, of a repository without either.
        return Hint(target.repository, target.tag or "", target.digest or "", gone=True)
    if one.action != "push" or not is_manifest(target):
        return None
    return Hint(target.repository, target.tag or "", target.digest or "")


def sample(host: str, repository: str, tag: str) -> dict[str, Any]:
    """A push."""
    target = {
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "repository": repository,
        "tag": tag,
        "size": 0,
    }
    return {"events": [{"id": "test", "action": "push", "target": target, "request": {"host": host}}]}
