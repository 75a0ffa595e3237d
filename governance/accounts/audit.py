"""The audit trail: every decision, append-only, each entry carrying the hash of the one before."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from governance.accounts.models import AuditEntry, Token, User
from governance.accounts.scope import Viewer
from governance.web.request import REQUEST

CHAIN_LOCK = 0x706F727477617264
GENESIS = bytes(32)


def actor_name(viewer: Viewer | None) -> str:
    """How the trail names who acted."""
    if isinstance(viewer, Token):
        return f"token {viewer.pk} {viewer.name}"[:200]
    if isinstance(viewer, User):
        return f"user {viewer.pk} {viewer.username}"[:200]
    return "command line"


@transaction.atomic
def audit(
    viewer: Viewer | None,
    action: str,
    on: str,
    *,
    team: int | None = None,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
    reason: str = "",
) -> AuditEntry:
    """Write an entry in the transaction of the change itself: what cannot be audited does not commit."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CHAIN_LOCK])
    last = AuditEntry.objects.order_by("-pk").first()
    request_id, address = REQUEST.get()
    entry = AuditEntry(
        at=timezone.now(),
        actor=actor_name(viewer),
        action=action,
        object=on[:300],
        team_id=team,
        before=before,
        after=after,
        reason=reason,
        request_id=request_id,
        address=address,
        previous=bytes(last.hash) if last else GENESIS,
    )
    entry.hash = entry_hash(entry)
    entry.save(force_insert=True)
    return entry


def entry_hash(entry: AuditEntry) -> bytes:
    """SHA-256 over the previous hash and every column."""
    columns = [
        entry.at.isoformat(),
        entry.actor,
        entry.action,
        entry.object,
        entry.team_id,
        entry.before,
        entry.after,
        entry.reason,
        entry.request_id,
        entry.address,
    ]
    text = json.dumps(columns, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(bytes(entry.previous) + text.encode()).digest()


def broken_entries() -> Iterator[int]:
    """Ids of entries that were altered, or whose predecessor was altered or taken out."""
    previous = GENESIS
    for entry in AuditEntry.objects.order_by("pk").iterator(chunk_size=1000):
        if bytes(entry.previous) != previous or entry_hash(entry) != bytes(entry.hash):
            yield entry.pk
        previous = bytes(entry.hash)
