"""Who crawls what: connections and repositories are claimed with a lease, so that a killed crawler's work goes on."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal

from django.conf import settings
from django.db import connection, transaction

from scanning.deliveries import LostLease
from scanning.heartbeat import beating
from scanning.models import Connection, RepositoryCrawl

# Repositories of one registry that are crawled at a time, whoever crawls them.
AT_ONCE = 2
# Claims come one after the other (they are rare), so that nobody exceeds AT_ONCE.
CLAIM_LOCK = 0x70775F637261776C

type Table = Literal["scanning_connection", "scanning_repositorycrawl", "approvals_keptcopy", "approvals_watch"]


@dataclass(frozen=True, slots=True)
class Lease:
    """A row in this worker's hands."""

    table: Table
    id: int
    owner: uuid.UUID


CLAIM_CONNECTION = """
UPDATE scanning_connection SET lease_owner = %(owner)s, tried_at = statement_timestamp(),
    lease_until = statement_timestamp() + make_interval(secs => %(lease)s)
WHERE id = (
    SELECT id FROM scanning_connection
    WHERE is_enabled AND next_at <= statement_timestamp() AND (%(only)s::bigint IS NULL OR id = %(only)s::bigint)
      AND (lease_until IS NULL OR lease_until < statement_timestamp())
      AND (paused_until IS NULL OR paused_until < statement_timestamp())
    ORDER BY next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""
CLAIM_REPOSITORY = """
UPDATE scanning_repositorycrawl SET lease_owner = %(owner)s,
    lease_until = statement_timestamp() + make_interval(secs => %(lease)s),
    started_at = coalesce(started_at, statement_timestamp())
WHERE id = (
    SELECT crawl.id FROM scanning_repositorycrawl crawl
    JOIN scanning_connection connection ON connection.id = crawl.connection_id AND connection.is_enabled
     AND (connection.paused_until IS NULL OR connection.paused_until < statement_timestamp())
    WHERE crawl.next_at <= statement_timestamp()
      AND (%(only)s::bigint IS NULL OR crawl.connection_id = %(only)s::bigint)
      AND (crawl.lease_until IS NULL OR crawl.lease_until < statement_timestamp())
      AND (SELECT count(*) FROM scanning_repositorycrawl busy WHERE busy.connection_id = crawl.connection_id
              AND busy.lease_until >= statement_timestamp()) < %(at_once)s
    ORDER BY crawl.next_at, crawl.id LIMIT 1 FOR UPDATE OF crawl SKIP LOCKED)
RETURNING id
"""


def claim(table: Table, only: int | None = None) -> Lease | None:
    """Take the connection or repository that is due longest (of one connection); None if nothing is."""
    owner = uuid.uuid4()
    arguments: dict[str, Any] = {"owner": owner, "lease": settings.LEASE_SECONDS, "only": only, "at_once": AT_ONCE}
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CLAIM_LOCK])
        cursor.execute(CLAIM_CONNECTION if table == "scanning_connection" else CLAIM_REPOSITORY, arguments)
        row = cursor.fetchone()
    return Lease(table, int(row[0]), owner) if row else None


HOLD = """
UPDATE {table} SET lease_until = statement_timestamp() + make_interval(secs => %s) WHERE id = %s AND lease_owner = %s
"""
DUE = """
UPDATE {table} SET lease_owner = %(owner)s, lease_until = statement_timestamp() + make_interval(secs => %(lease)s)
WHERE id = (
    SELECT id FROM {table}
    WHERE next_at <= statement_timestamp() AND (%(only)s::bigint IS NULL OR id = %(only)s::bigint)
      AND (lease_until IS NULL OR lease_until < statement_timestamp())
      AND (SELECT count(*) FROM {table} busy WHERE busy.lease_until >= statement_timestamp()) < %(at_once)s
    ORDER BY next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""


def claim_due(table: Table, at_once: int, only: int | None = None) -> Lease | None:
    """Take the row that is due longest, of at most so many that are worked on at a time; None if nothing is."""
    arguments: dict[str, Any] = {"lease": settings.LEASE_SECONDS, "only": only, "at_once": at_once}
    owner = uuid.uuid4()
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CLAIM_LOCK])
        cursor.execute(DUE.format(table=table), {**arguments, "owner": owner})
        row = cursor.fetchone()
    return Lease(table, row[0], owner) if row else None


def hold(lease: Lease) -> None:
    """First statement of a transaction that writes: hold it longer, or raise `LostLease` and undo everything."""
    with connection.cursor() as cursor:
        cursor.execute(HOLD.format(table=lease.table), [settings.LEASE_SECONDS, lease.id, lease.owner])
        if not cursor.rowcount:
            raise LostLease(f"{lease.table} {lease.id} was taken over")


@contextmanager
def kept(lease: Lease) -> Iterator[None]:
    """Hold it while the work goes on."""
    with beating(partial(hold, lease)):
        yield


def mine(lease: Lease) -> RepositoryCrawl:
    """The repository's row as it is now. Raises `LostLease`."""
    row = RepositoryCrawl.objects.filter(pk=lease.id, lease_owner=lease.owner).select_related("connection__registry")
    if (found := row.first()) is None:
        raise LostLease(f"crawl {lease.id} was taken over")
    return found


def my_connection(lease: Lease) -> Connection:
    """The connection's row as it is now. Raises `LostLease`."""
    row = Connection.objects.filter(pk=lease.id, lease_owner=lease.owner).select_related("registry")
    if (found := row.first()) is None:
        raise LostLease(f"connection {lease.id} was taken over")
    return found
