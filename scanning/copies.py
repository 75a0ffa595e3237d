"""Making, verifying and restoring kept copies: one leased job at a time, resumed wherever somebody was killed.

A copy is `kept` only once all of it was read back from where it is kept; that is written in one statement, under the
lease, after everything else.
"""

from __future__ import annotations

import logging
import time
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from django.db import Error, connection, transaction
from django.db.models import F
from django.utils import timezone

from governance.approvals.copies import elsewhere, target_of, tell
from governance.approvals.models import KeptCopy, Watch
from governance.images.clean import clean_text
from scanning.copy_tree import Place, Tree, read_tree
from scanning.crawl_lease import Lease, Table, claim_due, kept
from scanning.deliveries import LostLease
from scanning.failpoints import reach
from scanning.hints import hint
from scanning.pushing import push_target, source_target
from scanning.registries import RegistryError, Target, open_registry
from scanning.transfer import Stopped, Ways, carry, read_back

LOG = logging.getLogger(__name__)
TABLE: Table = "approvals_keptcopy"
# A turn ends between two blobs; one blob may take as long as LONGEST.
TURN_SECONDS, LONGEST = 60.0, 6 * 3_600
# A copy is looked at once a day and read as a whole once a week; after a failure it is tried again sooner at first.
VERIFY, READ, RETRY = timedelta(days=1), timedelta(days=7), timedelta(minutes=5)
# Bytes between two notes of how far it is.
STEP = 8 * 2**20
GOES_AWAY = ("missing", "digest")
State, Job = KeptCopy.State, KeptCopy.Job


def work(only: int | None = None) -> bool:
    """Do the job that is due longest (of one copy), for a turn; False if none was."""
    lease = claim_due(TABLE, at_once=1, only=only)
    if lease is None:
        return False
    try:
        row = mine(lease)
        with kept(lease):
            Work(lease, row).run()
    except LostLease:
        LOG.warning("copy %s was taken over by another worker", lease.id)
    except Stopped:
        give_back(lease)
    except RegistryError as error:
        fail(lease, error)
    except Error as error:
        LOG.warning("copy %s: %s, left to whoever comes next", lease.id, type(error).__name__)
        connection.close()
    except Exception as error:
        LOG.error("copy %s", lease.id, exc_info=error)
        fail(lease, RegistryError("garbled", "it failed in an unexpected way; the log of the worker says where"))
    return True


class Work:
    """One turn of one job."""

    def __init__(self, lease: Lease, row: KeptCopy) -> None:
        self.lease, self.row = lease, row
        self.until = time.monotonic() + TURN_SECONDS
        self.done = self.spared = self.noted = 0

    def run(self) -> None:
        """Copy, verify or restore. RegistryError, `Stopped`, `LostLease`."""
        if self.row.job == Job.VERIFY:
            with open_registry(looking(self.row.registry.host)) as own:
                self.verify(Place(own, self.row.place))
            return
        host, _, path = self.row.name.partition("/")
        own_target = push_target(self.row.registry.host)
        if self.row.job == Job.COPY:
            with open_registry(source_target(host)) as far, open_registry(own_target) as own:
                self.copy(Place(far, path), Place(own, self.row.place))
        else:
            with open_registry(looking(self.row.registry.host)) as own, open_registry(push_target(host)) as far:
                self.restore(Place(own, self.row.place), Place(far, path))

    def copy(self, source: Place, own: Place) -> None:
        """Bring it here and read it back."""
        state = {} if self.row.copied_at else {"state": State.COPYING}
        self.note(**state, done=0, mounted=0)
        tree = read_tree(source, self.row.digest, own)
        self.learn(tree)
        ways = replace(self.ways(), elsewhere=lambda blob: elsewhere(self.row, blob))
        carry(tree, source, own, [keeping_tag(self.row.digest), *filter(None, [self.row.tag])], ways)
        read_back(own, self.row.digest, self.row.digests, Ways())
        reach("copy.before_commit", self.row.digest)
        self.is_whole(read=True)
        reach("copy.after_commit", self.row.digest)

    def verify(self, own: Place) -> None:
        """Look whether it is still whole; what cannot be looked at stays what it was, and says so."""
        deep = self.row.read_at is None or timezone.now() - self.row.read_at > READ
        try:
            read_back(own, self.row.digest, self.row.digests, Ways(), deep)
        except RegistryError as error:
            if error.why not in GOES_AWAY:
                raise
            state = State.MISSING if error.why == "missing" else State.DIFFERS
            news = f"The copy in {own} is no longer whole: {error}" if self.row.state != state else ""
            self.end(news, state=state, error=clean_text(str(error), 500))
            return
        self.is_whole(read=deep)

    def restore(self, own: Place, source: Place) -> None:
        """Put it back, the tag last, and read it back there."""
        tree = read_tree(own, self.row.digest)
        self.note(done=0, total=tree.size, mounted=0)
        tree.tags.pop(keeping_tag(self.row.digest), None)
        carry(tree, own, source, list(filter(None, [self.row.tag])), self.ways())
        read_back(source, self.row.digest, tree.digests, Ways())
        reach("copy.before_commit", self.row.digest)
        news = f"Put back from the kept copy: {target_of(self.row)}"
        self.end(news, job=Job.VERIFY, restored_at=timezone.now(), error="")
        Watch.objects.filter(name=self.row.name).update(next_at=timezone.now())

    def learn(self, tree: Tree) -> None:
        """What it consists of, before any of it is there: so that nothing of it is deleted meanwhile.

        What was attached when it was copied first is still wanted, whether upstream has it or not.
        """
        self.row.digests = list(dict.fromkeys([*tree.digests, *self.row.digests]))
        self.note(
            platforms=tree.platforms,
            digests=self.row.digests,
            blobs=list(tree.blobs),
            attached=tree.attached,
            total=tree.size,
        )

    def is_whole(self, read: bool) -> None:
        """All of it was found where it is kept."""
        now = timezone.now()
        news = f"Kept as {self.row.internal}" if self.row.state != State.KEPT else ""
        made = {"copied_at": now} if self.row.job == Job.COPY else {}
        made |= {"read_at": now} if read else {}
        self.end(news, **made, state=State.KEPT, job=Job.VERIFY, verified_at=now, error="")

    @transaction.atomic
    def end(self, news: str, **changes: Any) -> None:
        """The job is done, and the next look is tomorrow; what is news stands on the timeline, once."""
        self.note(
            lease_owner=None, lease_until=None, next_at=timezone.now() + VERIFY, failures=0, done=F("total"), **changes
        )
        if news:
            tell(self.row, news)

    def ways(self) -> Ways:
        """How far it is is written down."""
        return Ways(self.told, goes_on=lambda: time.monotonic() < self.until)

    def told(self, done: int, spared: int) -> None:
        """So many bytes more."""
        self.done, self.spared = self.done + done, self.spared + spared
        if self.done - self.noted >= STEP or spared:
            self.noted = self.done
            self.note(done=self.done, mounted=self.spared)

    def note(self, **changes: Any) -> None:
        """Write to the row, as long as it is ours."""
        if not KeptCopy.objects.filter(pk=self.lease.id, lease_owner=self.lease.owner).update(**changes):
            raise LostLease(f"copy {self.lease.id} was taken over")


def looking(host: str) -> Target:
    """To read what is kept: whoever may push may, else as it is crawled."""
    with suppress(RegistryError):
        return push_target(host)
    return source_target(host)


def keeping_tag(digest: str) -> str:
    """A tag of its own, so that no cleaning of what has no tag takes it once the other tag moved on."""
    return f"kept-{digest.partition(':')[2][:40]}"


def mine(lease: Lease) -> KeptCopy:
    """The copy's row as it is now. Raises `LostLease`."""
    row = KeptCopy.objects.filter(pk=lease.id, lease_owner=lease.owner).select_related("registry").first()
    if row is None:
        raise LostLease(f"copy {lease.id} was taken over")
    return row


def give_back(lease: Lease) -> None:
    """The turn is over: whoever has one goes on."""
    KeptCopy.objects.filter(pk=lease.id, lease_owner=lease.owner).update(
        lease_owner=None, lease_until=None, next_at=timezone.now()
    )
    hint("copy")


def fail(lease: Lease, error: RegistryError) -> None:
    """Say what went wrong and try again later. What was never whole is `failed`; what was stays as it was found."""
    row = KeptCopy.objects.filter(pk=lease.id, lease_owner=lease.owner).first()
    if row is None:
        return
    changes: dict[str, Any] = {"lease_owner": None, "lease_until": None, "error": clean_text(str(error), 500)}
    if row.job == Job.COPY and row.copied_at is None:
        changes["state"] = State.FAILED
    changes["failures"] = min(row.failures + 1, 12)
    changes["next_at"] = later(error, changes["failures"])
    if row.job == Job.RESTORE:
        # Whoever pressed the button sees it; it is pressed again rather than done behind their back.
        changes |= {"job": Job.VERIFY, "error": clean_text(f"Not put back: {error}", 500), "failures": 0}
    KeptCopy.objects.filter(pk=lease.id, lease_owner=lease.owner).update(**changes)


def later(error: RegistryError, failures: int) -> datetime:
    """When to try again: as the registry says, else after a time that doubles, a day at most."""
    limited = error.why == "limited"
    wait = timedelta(seconds=error.seconds) if limited else min(RETRY * 2 ** (failures - 1), VERIFY)
    return timezone.now() + wait
