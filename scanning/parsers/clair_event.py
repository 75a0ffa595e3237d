"""A page of Clair 4's notifications (quay/claircore `notifier`): manifests that a new advisory concerns, or no longer.

That one advisory is not recorded: a report of the manifest would say everything.
"""

from __future__ import annotations

import msgspec

from governance.findings.report import ImageFacts, ScanReport
from scanning.parsers.document import Document, check_amount, decode, members_of
from scanning.parsers.events import event

NAME = "clair-event"


class Notification(msgspec.Struct, gc=False):
    """One manifest and the advisory that concerns it."""

    manifest: str | None = None


class Page(msgspec.Struct, gc=False):
    """A page."""

    notifications: list[Notification] | None = None


DECODER = msgspec.json.Decoder(Page)
PEEK = msgspec.json.Decoder(list[msgspec.Raw])


def recognises(document: Document) -> bool:
    """A page of notifications that name manifests."""
    if not document.has("page", "notifications"):
        return False
    try:
        listed = PEEK.decode(document.members["notifications"])
    except (msgspec.DecodeError, RecursionError):
        return False
    return not listed or {"manifest", "reason"} <= members_of(listed[0]).keys()


def parse(document: Document) -> ScanReport:
    """Read the manifests' digests."""
    listed = decode(DECODER, document.body).notifications or []
    check_amount(len(listed), "notifications")
    return event(NAME, "clair", (ImageFacts(manifest_digest=one.manifest) for one in listed if one.manifest), None)
