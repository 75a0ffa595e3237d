"""Retention at work: dry runs are listed, and what a person let go is deleted through the registry, batch by batch.

Before a batch goes, the rules and the guard are asked again; before a manifest goes, it is read, and only what it was
taken for is deleted. A run is held with a lease: whatever is killed goes on where it was; deleting twice is nothing.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections import defaultdict
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from functools import partial

from django.conf import settings
from django.db import connection, transaction
from django.db.models import QuerySet
from django.utils import timezone

from governance.accounts.audit import audit
from governance.approvals.guard import siblings_of
from governance.approvals.models import RetentionItem, RetentionRun
from governance.approvals.retention import named
from governance.approvals.retention_plan import plan_run, still_going
from governance.images.clean import clean_text
from governance.images.models import Image, Manifest, Placement
from governance.images.vanish import mark_placements
from scanning.connections import target_of
from scanning.deliveries import LostLease
from scanning.failpoints import reach
from scanning.heartbeat import beating
from scanning.models import Connection, RepositoryCrawl
from scanning.registries import Registry, RegistryError, open_registry
from scanning.registries.values import Document

LOG = logging.getLogger(__name__)
State, Run = RetentionItem.State, RetentionRun.State
TURN_SECONDS, BATCH = 20.0, 20
# A repository whose crawl ended longer ago than this many of its turns may have tags that nobody knows yet.
TURNS = 3
TRY_AGAIN = timedelta(minutes=1)

CLAIM = """
UPDATE approvals_retentionrun SET lease_owner = %(owner)s,
    lease_until = statement_timestamp() + make_interval(secs => %(lease)s)
WHERE id = (
    SELECT id FROM approvals_retentionrun
    WHERE state IN ('planning', 'deleting') AND next_at <= statement_timestamp()
      AND (lease_until IS NULL OR lease_until < statement_timestamp())
    ORDER BY next_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING id
"""
HOLD = """
UPDATE approvals_retentionrun SET lease_until = statement_timestamp() + make_interval(secs => %s)
WHERE id = %s AND lease_owner = %s AND (state IN ('planning', 'deleting') OR %s)
"""


def work(seconds: float = TURN_SECONDS) -> int:
    """List and delete for a turn; returns how many runs were worked on."""
    done, until = 0, time.monotonic() + seconds
    while time.monotonic() < until:
        owner = uuid.uuid4()
        with connection.cursor() as cursor:
            cursor.execute(CLAIM, {"owner": owner, "lease": settings.LEASE_SECONDS})
            row = cursor.fetchone()
        if row is None:
            break
        try:
            with beating(partial(hold, row[0], owner)):
                _work_on(RetentionRun.objects.get(pk=row[0]), owner, until)
        except LostLease:
            LOG.warning("retention run %s was stopped or taken over", row[0])
        done += 1
    return done


def hold(run: int, owner: uuid.UUID, stopped: bool = False) -> None:
    """First statement of whatever writes: hold it longer, or raise `LostLease` and undo everything.

    What was done is written down also where the run was `stopped` meanwhile.
    """
    with connection.cursor() as cursor:
        cursor.execute(HOLD, [settings.LEASE_SECONDS, run, owner, stopped])
        if not cursor.rowcount:
            raise LostLease(f"retention run {run} was stopped or taken over")


def _work_on(run: RetentionRun, owner: uuid.UUID, until: float) -> None:
    """Either list it, or delete until the turn is over."""
    if run.state == Run.PLANNING:
        plan_run(run)
    else:
        while time.monotonic() < until:
            items = list(_listed(run)[:BATCH])
            if not items:
                _finish(run, owner)
                return
            pause = _delete(run, owner, items)
            if pause is not None:
                _mine(run, owner).update(next_at=timezone.now() + pause)
                break
    _mine(run, owner).update(lease_owner=None, lease_until=None)


def _mine(run: RetentionRun, owner: uuid.UUID) -> QuerySet[RetentionRun]:
    return RetentionRun.objects.filter(pk=run.pk, lease_owner=owner)


def _listed(run: RetentionRun) -> QuerySet[RetentionItem]:
    rows = RetentionItem.objects.filter(run=run, state=State.LISTED).select_related("repository__registry", "image")
    return rows.order_by("repository", "id")


def _finish(run: RetentionRun, owner: uuid.UUID) -> None:
    with transaction.atomic():
        hold(run.pk, owner)
        _mine(run, owner).update(state=Run.DONE, finished_at=timezone.now(), lease_owner=None, lease_until=None)
        counts = {str(state): run.items.filter(state=state).count() for state in State}
        audit(None, "retention.done", named(run), after=counts, reason=f"started by {run.started_by}"[:500])


def _delete(run: RetentionRun, owner: uuid.UUID, items: Sequence[RetentionItem]) -> timedelta | None:
    """One batch; how long to wait, where a registry wants to be left alone or cannot be reached."""
    with transaction.atomic():
        hold(run.pk, owner)
        going = still_going(items)
    by_registry: dict[int, list[RetentionItem]] = defaultdict(list)
    for item in going:
        by_registry[item.repository.registry_id].append(item)
    pause: timedelta | None = None
    for registry, some in by_registry.items():
        row = Connection.objects.filter(registry=registry, is_enabled=True).select_related("registry").first()
        if problem := unfit(row):
            _say(some, State.FAILED, problem)
        elif row is not None:
            try:
                _delete_from(row, some)
            except RegistryError as error:
                wait = timedelta(seconds=error.seconds) if error.why == "limited" else TRY_AGAIN
                pause = max(pause or wait, wait)
                _mine(run, owner).update(error=clean_text(str(error), 500))
    with transaction.atomic():
        hold(run.pk, owner, stopped=True)
        _write(run, items)
    reach("retention.after_batch")
    return pause


def unfit(row: Connection | None) -> str:
    """Why nothing may be deleted through a connection; empty where it may."""
    if row is None:
        return "This registry is not connected, or its connection is switched off."
    if not row.may_delete:
        return "Deletion is switched off for this registry: allow it in its connection."
    if row.tags:
        return "Its connection reads some tags only: others may name the same digest."
    return ""


def _delete_from(row: Connection, items: Sequence[RetentionItem]) -> None:
    """RegistryError for what is the registry's trouble; what is one manifest's alone is said there."""
    with ExitStack() as stack:
        registry: Registry | None = None
        for item in items:
            if problem := astray(row, item):
                _say([item], State.FAILED, problem)
                continue
            registry = registry or stack.enter_context(open_registry(target_of(row)))
            try:
                _delete_one(registry, item)
            except RegistryError as error:
                if error.why in ("limited", "unreachable", "auth"):
                    raise
                _say([item], State.FAILED, str(error))


def astray(row: Connection, item: RetentionItem) -> str:
    """Why nobody knows well enough what lies in its repository; empty where it is known."""
    crawl = RepositoryCrawl.objects.filter(connection=row, name=item.repository.name).first()
    if crawl is None or crawl.success_at is None:
        return "The repository was never crawled: which tags it has is not known."
    if timezone.now() - crawl.success_at > timedelta(minutes=row.every_minutes) * TURNS:
        return "The last crawl of the repository is too long ago: which tags it has is not known."
    return "Some tags of the repository could not be read: they may name the same digest." if crawl.unread else ""


def _delete_one(registry: Registry, item: RetentionItem) -> None:
    """Indexes first, so that none is left that names what is gone."""
    rows = Manifest.objects.filter(image=item.image_id).values_list("digest", "kind")
    order = sorted(rows, key=lambda row: row[1] != Manifest.Kind.INDEX)
    gone = list(map(str, item.digests))
    for digest in (str(one) for one, _ in order):
        try:
            document = registry.document(item.repository.name, digest)
        except RegistryError as error:
            if error.why != "missing":
                raise
            continue
        if problem := is_other(document, item.image):
            _say([item], State.FAILED, f"{digest}: {problem}")
            return
        # Written down before it is done, so that what was deleted is audited whatever is killed now.
        item.digests = gone = [*gone, digest]
        item.save(update_fields=["digests"])
        reach("retention.before_delete", digest)
        registry.delete(item.repository.name, digest)
    _say([item], State.DELETED, "" if gone else "It was not there any more.")


def is_other(found: Document, image: Image) -> str:
    """What lies under a digest may be another thing than was reported; empty where it is this image's."""
    if found.kind == "image":
        config = found.config.digest if found.config else ""
        return "" if config == image.config_digest else "it is another image than was reported."
    if found.kind != "index":
        return "it is no image."
    family = {image.pk, *siblings_of([image.pk])[image.pk]}
    known = set(map(str, Manifest.objects.filter(image__in=family).values_list("digest", flat=True)))
    strange = [child.digest for child in found.children if child.digest not in known and not child.is_attestation]
    return f"it names {strange[0]}, which nobody reported." if strange else ""


def _say(items: Sequence[RetentionItem], state: str, why: str) -> None:
    for item in items:
        item.state, item.why, item.at = state, clean_text(why, 500), timezone.now()


def _write(run: RetentionRun, items: Sequence[RetentionItem]) -> None:
    """What became of a batch, with its audit entry; where it was deleted, it lies no more."""
    changed = [item for item in items if item.state in (State.DELETED, State.FAILED)]
    RetentionItem.objects.bulk_update(changed, ["state", "why", "at", "digests"])
    deleted = [item for item in changed if item.state == State.DELETED]
    for item in deleted:
        rows = Placement.objects.filter(image=item.image_id, repository=item.repository_id).values_list("pk", flat=True)
        mark_placements([], list(rows), item.at or timezone.now())
    if deleted:
        lines = [f"{item.repository}@{digest}" for item in deleted for digest in map(str, item.digests)]
        after = {"deleted": lines, "images": len(deleted)}
        audit(None, "retention.deleted", named(run), after=after, reason=f"started by {run.started_by}"[:500])
