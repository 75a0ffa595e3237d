"""Looking where events hinted: one tag is asked for by the crawl's own code, a whole repository is put first."""

from __future__ import annotations

import logging
import time
import uuid
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.db.models import F
from django.db.models.functions import Now
from django.utils import timezone

from governance.images.clean import clean_text
from scanning.connections import chosen, lines, target_of
from scanning.crawl import Pass
from scanning.crawl_lease import Lease, kept, mine
from scanning.crawl_read import Reader
from scanning.deliveries import LostLease
from scanning.failpoints import reach
from scanning.hints import hint
from scanning.models import Connection, RepositoryCrawl, TagMark
from scanning.models_hooks import Look
from scanning.registries import RegistryError, open_registry

LOG = logging.getLogger(__name__)
# After so many failures the next crawl sees to it; a tag may appear a moment after its event.
ATTEMPTS = 6
# A worker's task goes home after this long.
TURN_SECONDS = 20.0
# The repository is being crawled: that crawl may have passed the tag already, so it is asked again soon.
BUSY = timedelta(seconds=3)

CLAIM = """
UPDATE scanning_look SET attempts = attempts + 1, lease_owner = %(owner)s,
    lease_until = statement_timestamp() + make_interval(secs => %(lease)s)
WHERE id = (
    SELECT id FROM scanning_look
    WHERE next_attempt_at <= statement_timestamp() AND (lease_until IS NULL OR lease_until < statement_timestamp())
    ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING *
"""
# Whoever crawls the repository has the row; an event of a repository that was never seen makes it.
HOLD = """
INSERT INTO scanning_repositorycrawl (connection_id, name, lease_owner, lease_until, failures, next_at)
VALUES (%(connection)s, %(name)s, %(owner)s, statement_timestamp() + make_interval(secs => %(lease)s), 0,
    statement_timestamp())
ON CONFLICT (connection_id, name) DO UPDATE SET lease_owner = excluded.lease_owner, lease_until = excluded.lease_until
WHERE scanning_repositorycrawl.lease_until IS NULL OR scanning_repositorycrawl.lease_until < statement_timestamp()
RETURNING id
"""
SOON = """
INSERT INTO scanning_repositorycrawl (connection_id, name, failures, next_at)
VALUES (%(connection)s, %(name)s, 0, statement_timestamp())
ON CONFLICT (connection_id, name) DO UPDATE SET next_at = statement_timestamp()
WHERE scanning_repositorycrawl.lease_until IS NULL OR scanning_repositorycrawl.lease_until < statement_timestamp()
RETURNING id
"""


class IsBusy(Exception):
    """Somebody crawls the repository."""


@dataclass(frozen=True, slots=True)
class Held:
    """A look in this worker's hands, as it was when it was claimed."""

    look: Look
    owner: uuid.UUID


def claim() -> Held | None:
    """The look that is due longest; None where nothing is."""
    owner = uuid.uuid4()
    rows = list(Look.objects.raw(CLAIM, {"owner": owner, "lease": settings.LEASE_SECONDS}))
    return Held(rows[0], owner) if rows else None


def work(seconds: float = TURN_SECONDS) -> int:
    """Look where it was hinted to, for a turn; returns how many places were looked at."""
    done, until = 0, time.monotonic() + seconds
    while time.monotonic() < until and (held := claim()):
        work_on(held)
        done += 1
    return done


def work_on(held: Held) -> None:
    """Look, then forget the look, unless it was wanted again meanwhile."""
    try:
        look_at(held.look)
    except IsBusy:
        return later(held, BUSY, F("attempts") - 1, "the repository is being crawled")
    except (RegistryError, LostLease) as error:
        return failed(held, str(error), getattr(error, "seconds", 0.0))
    except Error:
        connection.close()
        raise
    except Exception as error:
        LOG.error("look %s", held.look.pk, exc_info=error)
        return failed(held, "looking failed in an unexpected way; the log of the worker says where", 0.0)
    reach("look.before_forget")
    forget(held)
    return None


def look_at(look: Look) -> None:
    """Ask the registry. Raises `RegistryError`, `IsBusy`, `LostLease`."""
    row = Connection.objects.select_related("registry").filter(registry=look.registry_id, is_enabled=True).first()
    if row is None or not chosen(look.repository, lines(row.repositories)):
        # Not connected, or left out of what is crawled: an event does not widen that.
        return
    if look.tag and not chosen(look.tag, lines(row.tags)):
        return
    if row.paused_until and row.paused_until > timezone.now():
        raise RegistryError("limited", "the registry wants to be left alone for a while", 60.0)
    owner = uuid.uuid4()
    given: dict[str, Any] = {"connection": row.pk, "name": look.repository, "lease": settings.LEASE_SECONDS}
    with connection.cursor() as cursor:
        cursor.execute(HOLD if look.tag else SOON, given | {"owner": owner})
        found = cursor.fetchone()
    if found is None:
        raise IsBusy
    if not look.tag:
        hint("crawl")
        return
    look_at_tag(Lease("scanning_repositorycrawl", int(found[0]), owner), look.tag)


def look_at_tag(lease: Lease, tag: str) -> None:
    """What the crawl does with one tag, and nothing of what it does at the end of a pass."""
    try:
        with kept(lease):
            row = mine(lease)
            with open_registry(target_of(row.connection)) as registry:
                one = Pass(lease, row, registry)
                before = TagMark.objects.filter(crawl=row, name=tag).first()
                found = one.look(Reader(registry, row.name, frozenset(registry.tags(row.name).names)), tag, before)
                if found.error and not found.images:
                    raise RegistryError("missing" if found.missing else "unreachable", found.error)
                if not found.is_unchanged or found.attached:
                    one.record([found], timezone.now())
    finally:
        # The crawl's own time and watermark stay as they were.
        RepositoryCrawl.objects.filter(pk=lease.id, lease_owner=lease.owner).update(lease_owner=None, lease_until=None)


def forget(held: Held) -> None:
    """It is done; wanted again since it was claimed, it stays."""
    if not mine_of(held).filter(wanted_at=held.look.wanted_at).delete()[0]:
        later(held, timedelta(), 0, "")


def mine_of(held: Held) -> Any:
    """The row, as long as the lease stands."""
    return Look.objects.filter(pk=held.look.pk, lease_owner=held.owner)


def later(held: Held, wait: timedelta, attempts: object, error: str) -> None:
    """Put it back."""
    mine_of(held).update(
        next_attempt_at=Now() + wait, attempts=attempts, lease_owner=None, lease_until=None, error=error[:500]
    )


def failed(held: Held, error: str, seconds: float) -> None:
    """Try again a little later; after some time the next crawl sees to it."""
    if held.look.attempts >= ATTEMPTS:
        LOG.warning("look %s given up: %s", held.look.pk, error[:200])
        forget(held)
        return
    wait = timedelta(seconds=max(seconds, 2.0**held.look.attempts))
    later(held, wait, held.look.attempts, clean_text(error, 500))
