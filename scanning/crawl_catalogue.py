"""What repositories a connection has: listed by the registry, or typed in."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from governance.images.clean import clean_text
from governance.images.reference import PATH
from scanning.connections import chosen, lines, literal_names, target_of
from scanning.crawl_lease import Lease, hold, kept, my_connection
from scanning.deliveries import LostLease
from scanning.failpoints import reach
from scanning.models import Connection
from scanning.registries import Listing, RegistryError, find, open_registry

LOG = logging.getLogger(__name__)
# After a failure: soon again, and not so soon that a registry minds.
RETRY = timedelta(minutes=5)

# New ones are due at once; one that was missing and is back, too.
KEEP = """
INSERT INTO scanning_repositorycrawl (connection_id, name, next_at)
SELECT %(connection)s, name, statement_timestamp() FROM unnest(%(names)s::text[]) AS name
ON CONFLICT (connection_id, name) DO UPDATE SET unlisted_at = NULL, next_at = statement_timestamp()
WHERE scanning_repositorycrawl.unlisted_at IS NOT NULL
"""
MISS = """
UPDATE scanning_repositorycrawl SET unlisted_at = statement_timestamp(), next_at = statement_timestamp()
WHERE connection_id = %(connection)s AND unlisted_at IS NULL AND NOT name = ANY(%(names)s::text[])
"""


def list_repositories(lease: Lease) -> None:
    """Ask for the repositories of a claimed connection and write down what changed."""
    try:
        row = my_connection(lease)
        with kept(lease):
            listing = names_of(row)
        reach("crawl.listed")
        with transaction.atomic():
            hold(lease)
            keep(row, listing)
    except RegistryError as error:
        fail(lease, error)
    except LostLease:
        LOG.warning("connection %s was taken over by another worker", lease.id)


def names_of(row: Connection) -> Listing:
    """The repositories that the patterns choose; RegistryError where they cannot be listed."""
    patterns = lines(row.repositories)
    typed = literal_names(row.repositories)
    if typed is not None:
        return Listing(tuple(name for name in typed if PATH.fullmatch(name) and chosen(name, patterns)), False)
    with open_registry(target_of(row)) as registry:
        listing = find(row.kind).repositories(registry)
    names = (name for name in listing.names if PATH.fullmatch(name) and len(name) <= 255)
    return Listing(tuple(name for name in names if chosen(name, patterns)), listing.complete)


def keep(row: Connection, listing: Listing) -> None:
    """New repositories, those that came back, and (where the whole list is known) those that are listed no longer."""
    said: dict[str, Any] = {"connection": row.pk, "names": list(listing.names)}
    with connection.cursor() as cursor:
        cursor.execute(KEEP, said)
        if listing.complete:
            cursor.execute(MISS, said)
    now = timezone.now()
    Connection.objects.filter(pk=row.pk).update(
        listed_at=now,
        is_whole=listing.complete,
        error="",
        next_at=now + timedelta(minutes=row.every_minutes),
        lease_owner=None,
        lease_until=None,
    )


def fail(lease: Lease, error: RegistryError) -> None:
    """Say what went wrong; known repositories are crawled all the same."""
    wait = timedelta(seconds=error.seconds) if error.why == "limited" else RETRY
    now = timezone.now()
    paused = {"paused_until": now + wait} if error.why == "limited" else {}
    Connection.objects.filter(pk=lease.id, lease_owner=lease.owner).update(
        error=clean_text(str(error), 500), next_at=now + wait, lease_owner=None, lease_until=None, **paused
    )
