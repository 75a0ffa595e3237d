"""Crawling registries: what exists, whoever scans it.

A repository is claimed with a lease and gone through in the order of its tags' names. Each tag is looked at by HEAD and
read only if it names something else than before; what is read is recorded in one transaction with its mark, guarded by
the lease. Whatever is killed in between goes on at the watermark: nothing is left out, nothing is written twice.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import batched

from django.db import DataError, Error, connection, transaction
from django.db.models import F
from django.utils import timezone

from governance.findings.observe import Look, record_looks
from governance.images.clean import clean_text
from governance.images.reference import TAG, Reference
from governance.images.vanish import close_tags, mark_placements, untagged
from scanning.body import Refused
from scanning.connections import chosen, lines, target_of
from scanning.crawl_catalogue import RETRY, list_repositories
from scanning.crawl_lease import Lease, claim, hold, kept, mine
from scanning.crawl_read import Found, Reader
from scanning.crawl_store import astray, deliver, mark, touch
from scanning.deliveries import LostLease
from scanning.failpoints import reach
from scanning.hints import hint
from scanning.models import Connection, RepositoryCrawl, TagMark
from scanning.registries import Listing, Registry, RegistryError, open_registry
from scanning.stopping import is_stopping

LOG = logging.getLogger(__name__)
# A worker's task goes home after this long; what is not done is taken up again at once.
TURN_SECONDS = 20.0
# Requests to one repository at a time, and tags between two looks at the clock.
THREADS, BATCH = 4, 8
# Tags that are written down together: so many, or what could be read in so many seconds.
TOGETHER, SECONDS = 96, 2.0
# The registry itself is down when so many tags in a row cannot be reached.
IN_A_ROW = 5
# Images without a tag that are looked for in a pass; attached things of unchanged tags are asked for so often.
MOST_UNTAGGED, AGAIN = 50, timedelta(days=1)
NO_IMAGES = (TagMark.Kind.ARTIFACT, TagMark.Kind.ATTACHED, TagMark.Kind.SCHEMA_1)


def work(seconds: float = TURN_SECONDS, only: int | None = None) -> int:
    """Crawl what is due (of one connection) for a turn; returns how many repositories and lists were worked on."""
    done, until = 0, time.monotonic() + seconds
    while time.monotonic() < until and not is_stopping():
        if lease := claim("scanning_connection", only):
            list_repositories(lease)
        elif lease := claim("scanning_repositorycrawl", only):
            crawl_repository(lease, until)
        else:
            break
        done += 1
    return done


def crawl_repository(lease: Lease, until: float) -> None:
    """Go on with a claimed repository until it is done or the time is over."""
    try:
        row = mine(lease)
        with kept(lease), open_registry(target_of(row.connection)) as registry:
            Pass(lease, row, registry).run(until)
    except LostLease:
        LOG.warning("crawl %s was taken over by another worker", lease.id)
    except RegistryError as error:
        fail(lease, error)
    except Error as error:
        # Two met on the same rows, or the database is away: the lease runs out, and somebody goes on at the watermark.
        LOG.warning("crawl %s: %s, left to whoever comes next", lease.id, type(error).__name__)
        connection.close()
    except Exception as error:
        LOG.error("crawl %s", lease.id, exc_info=error)
        fail(lease, RegistryError("garbled", "crawling failed in an unexpected way; the log of the worker says where"))


@dataclass(frozen=True, slots=True)
class Ending:
    """From this place on nothing is recorded, and why."""

    place: int
    error: RegistryError


class Pass:
    """One way through the tags of a repository, or a part of it."""

    def __init__(self, lease: Lease, row: RepositoryCrawl, registry: Registry) -> None:
        self.lease, self.row, self.registry = lease, row, registry
        self.begun = timezone.now()
        self.in_a_row = 0
        # Config digests of images that were described in this pass.
        self.described: set[str] = set()

    def run(self, until: float) -> None:
        """List, look, record; then what vanished. RegistryError where the repository cannot be crawled."""
        listing = self.list_tags()
        if listing is None:
            return None
        names = sorted(name for name in listing.names if TAG.fullmatch(name))
        wanted = [name for name in names if chosen(name, lines(self.row.connection.tags))]
        left = [name for name in wanted if name > self.row.watermark]
        self.note(tags_total=len(wanted), tags_done=len(wanted) - len(left), gone_at=None)
        reader = Reader(self.registry, self.row.name, frozenset(names))
        before = {one.name: one for one in TagMark.objects.filter(crawl=self.row)}
        for name in astray(self.row):
            before.pop(name, None)
        with ThreadPoolExecutor(THREADS) as threads:
            read = (
                list(threads.map(lambda name: self.look(reader, name, before.get(name)), batch))
                for batch in batched(left, BATCH)
            )
            if not self.take_all(read, until):
                return self.give_back()
        self.finish(listing, names)
        return None

    def list_tags(self) -> Listing | None:
        """The tags; None where the repository is gone: no longer listed, and not there for who asks for it."""
        try:
            return self.registry.tags(self.row.name)
        except RegistryError as error:
            if error.why != "missing" or self.row.unlisted_at is None:
                raise
        self.finish(Listing(()), [], gone=True)
        return None

    def look(self, reader: Reader, name: str, before: TagMark | None) -> Found:
        """In a thread: no database here."""
        again = before is not None and (before.attached_at is None or self.begun - before.attached_at > AGAIN)
        return reader.look(name, before, again)

    def take_all(self, read: Iterable[list[Found]], until: float) -> bool:
        """Record what is read, many together; False where the turn is over before all is."""
        found: list[Found] = []
        began = time.monotonic()
        try:
            for batch in read:
                found += batch
                is_over = time.monotonic() > until or is_stopping()
                if is_over or len(found) >= TOGETHER or time.monotonic() > began + SECONDS:
                    ready, found = found, []
                    self.take(ready)
                    began = time.monotonic()
                if is_over:
                    return False
        finally:
            # Also what was read before the registry wanted to be left alone.
            if found:
                self.take(found)
        return True

    def take(self, found: Sequence[Found]) -> None:
        """Record what was read and move the watermark behind it."""
        at = timezone.now()
        ending = self.ending(found)
        found = found[: ending.place] if ending else found
        if found:
            try:
                self.record(found, at, found[-1].tag)
            except (DataError, UnicodeEncodeError):
                self.record_each(found, at)
            reach("crawl.after_batch", self.row.name)
        if ending:
            raise ending.error

    def ending(self, found: Sequence[Found]) -> Ending | None:
        """Where it shows that the registry itself is down."""
        for place, one in enumerate(found):
            self.in_a_row = self.in_a_row + 1 if one.is_unreachable else 0
            if self.in_a_row >= IN_A_ROW:
                text = f"{IN_A_ROW} tags in a row could not be read: {one.error}"
                return Ending(max(0, place + 1 - IN_A_ROW), RegistryError("unreachable", text))
        return None

    def record_each(self, found: Sequence[Found], at: datetime) -> None:
        """One tag after the other: what the database cannot hold is that tag's trouble alone."""
        for one in found:
            try:
                self.record([one], at, one.tag)
            except (DataError, UnicodeEncodeError) as error:
                LOG.error("crawl %s, tag %s", self.lease.id, one.tag, exc_info=error)
                trouble = Found(one.tag, digest=one.digest, error="what it says of itself cannot be stored")
                self.record([trouble], at, one.tag)

    def record(self, found: Sequence[Found], at: datetime, watermark: str = "") -> None:
        """What tags name now, in one transaction with their marks and the watermark, if that is to move."""
        described, repository = set(self.described), self.row.repository_id
        read = [one for one in found if not one.is_unchanged or one.attached]
        for one in read:
            reach("crawl.before_record", one.tag)
        try:
            with transaction.atomic():
                hold(self.lease)
                arrived = self.write(read, at, described)
                mark(self.row, read, at)
                touch(self.row, [one.tag for one in found if one.is_unchanged], at)
                if watermark:
                    self.note(watermark=watermark, tags_done=F("tags_done") + len(found))
                for one in read:
                    reach("crawl.before_commit", one.tag)
        except BaseException:
            self.row.repository_id = repository
            raise
        self.described = described
        for one in read:
            reach("crawl.after_record", one.tag)
        if arrived:
            hint()

    def write(self, read: Sequence[Found], at: datetime, described: set[str]) -> int:
        """What the tags name, and what is attached to that, which are reports; returns how many of these are new."""
        host, arrived, team = self.row.connection.registry.host, 0, self.row.connection.team_id
        is_known = self.row.repository_id is not None
        is_home = is_known or any(one.images for one in read)
        looks = [
            Look(Reference(host, self.row.name, one.tag), at, tuple(one.images), one.index, team)
            for one in read
            if not one.is_unchanged and (one.images or (is_home and one.kind in NO_IMAGES))
        ]
        if looks:
            repository = record_looks(looks, described)
            if not is_known:
                self.row.repository_id = repository
                self.note(repository=repository)
        for one in read:
            for statement in one.attached:
                try:
                    arrived += deliver(self.row, statement)
                except Refused as refusal:
                    one.error = clean_text(f"{statement.digest} is attached and was not taken: {refusal}", 300)
        return arrived

    def finish(self, listing: Listing, names: list[str], gone: bool = False) -> None:
        """The pass is over: what a whole list does not name has vanished."""
        reach("crawl.before_finish", self.row.name)
        marks = TagMark.objects.filter(crawl=self.row)
        if listing.complete:
            with transaction.atomic():
                hold(self.lease)
                if self.row.repository_id:
                    close_tags(self.row.repository_id, names, list(marks.values_list("name", flat=True)), self.begun)
                marks.exclude(name__in=names).delete()
        reach("crawl.after_close", self.row.name)
        here, away = self.look_for_untagged(gone) if listing.complete else ([], [])
        with transaction.atomic():
            hold(self.lease)
            mark_placements(here, away, self.begun)
            now = timezone.now()
            unread = marks.filter(kind=TagMark.Kind.UNREAD).count()
            self.note(
                started_at=None,
                watermark="",
                tags_done=F("tags_total"),
                unread=unread,
                success_at=now,
                failures=0,
                error="",
                gone_at=self.begun if gone else None,
                next_at=now + timedelta(minutes=self.row.connection.every_minutes),
                lease_owner=None,
                lease_until=None,
            )

    def look_for_untagged(self, gone: bool) -> tuple[list[int], list[int]]:
        """Images that no tag names any more: (placements that are there by digest, those that are not)."""
        here: list[int] = []
        away: list[int] = []
        if self.row.repository_id is None:
            return here, away
        for placement, _, digests in untagged(self.row.repository_id, 100_000 if gone else MOST_UNTAGGED):
            (here if not gone and any(map(self.is_there, digests)) else away).append(placement)
        return here, away

    def is_there(self, digest: str) -> bool:
        """The registry has the manifest. Raises where it does not say."""
        try:
            self.registry.head(self.row.name, digest)
        except RegistryError as error:
            if error.why != "missing":
                raise
            return False
        return True

    def note(self, **changes: object) -> None:
        """Write to the row, as long as it is ours."""
        rows = RepositoryCrawl.objects.filter(pk=self.lease.id, lease_owner=self.lease.owner)
        if not rows.update(**changes):
            raise LostLease(f"crawl {self.lease.id} was taken over")

    def give_back(self) -> None:
        """The turn is over: whoever has one goes on."""
        self.note(lease_owner=None, lease_until=None, next_at=timezone.now())
        hint("crawl")


def fail(lease: Lease, error: RegistryError) -> None:
    """Say what went wrong and try again later, at the watermark; a host that wants to be left alone is."""
    row = RepositoryCrawl.objects.filter(pk=lease.id, lease_owner=lease.owner).select_related("connection").first()
    if row is None:
        return
    now = timezone.now()
    if error.why == "limited":
        Connection.objects.filter(pk=row.connection_id).update(paused_until=now + timedelta(seconds=error.seconds))
        wait, failures = timedelta(seconds=error.seconds), row.failures
    else:
        failures = min(row.failures + 1, 10)
        wait = min(RETRY * 2 ** (failures - 1), max(timedelta(minutes=row.connection.every_minutes), RETRY))
    RepositoryCrawl.objects.filter(pk=lease.id, lease_owner=lease.owner).update(
        error=clean_text(str(error), 500), failures=failures, next_at=now + wait, lease_owner=None, lease_until=None
    )
