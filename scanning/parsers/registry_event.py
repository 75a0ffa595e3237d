"""Notifications of a registry: CNCF Distribution's (distribution/distribution `notifications/event.go`), and Azure's,
which are the same without the list.
"""

from __future__ import annotations

import msgspec

from governance.findings.report import ImageFacts, ScanReport
from scanning.parsers.document import Document, check_amount, decode, members_of
from scanning.parsers.events import event, facts_of
from scanning.parsers.scalars import moment

NAME = "registry-event"


class Target(msgspec.Struct, gc=False, rename={"media_type": "mediaType"}):
    """What was pushed, pulled or deleted: a manifest, or a blob of one."""

    media_type: str | None = None
    digest: str | None = None
    repository: str | None = None
    url: str | None = None
    tag: str | None = None


class Request(msgspec.Struct, gc=False):
    """Who asked; the host is the name the client used, which may be a proxy's."""

    host: str | None = None


class Event(msgspec.Struct, gc=False):
    """One event."""

    action: str | None = None
    timestamp: str | None = None
    target: Target | None = None
    request: Request | None = None


class Payload(msgspec.Struct, gc=False):
    """A delivery."""

    events: list[Event] | None = None


PAYLOADS = msgspec.json.Decoder(Payload)
EVENTS = msgspec.json.Decoder(Event)
PEEK = msgspec.json.Decoder(list[msgspec.Raw])


def recognises(document: Document) -> bool:
    """An action on a target; in Distribution's a list of such."""
    if document.has("action", "target", "request"):
        return "repository" in document.inside("target")
    try:
        first = members_of(next(iter(PEEK.decode(document.members.get("events", msgspec.Raw(b"[]")))), None))
    except (msgspec.DecodeError, RecursionError):
        return False
    return {"action", "target"} <= first.keys()


def parse(document: Document) -> ScanReport:
    """Read the manifests' names: what is a blob by its type and its address is no image."""
    listed = events_of(document)
    check_amount(len(listed), "events")
    images = [facts for one in listed if (facts := _facts(one))]
    return event(NAME, "registry", images, moment(listed[0].timestamp) if listed else None)


def events_of(document: Document) -> list[Event]:
    """The events of a delivery, or the one of Azure's. Raises `ReportError`."""
    if document.has("events"):
        return decode(PAYLOADS, document.body).events or []
    return [decode(EVENTS, document.body)]


def is_manifest(target: Target) -> bool:
    """It is a manifest or index by its type, its tag or its address, and no blob."""
    media_type = target.media_type or ""
    return bool("manifest" in media_type or "index" in media_type or target.tag or "/manifests/" in (target.url or ""))


def _facts(one: Event) -> ImageFacts | None:
    target = one.target or Target()
    if not target.repository or not is_manifest(target):
        return None
    host = (one.request and one.request.host) or ""
    return facts_of(target.repository, target.tag or "", target.digest or "", host)
