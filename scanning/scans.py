"""Having images scanned where they lie: what needs it is planned within a budget, claimed with a lease, delivered once.

A finished scan and its report are written in one transaction: a worker that is killed before it has done nothing, and
one that is killed after it has nothing left to do.
"""

from __future__ import annotations

import io
import logging
import random
import uuid
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import Error, connection, transaction
from django.utils import timezone

from governance.accounts.audit import audit
from governance.accounts.models import User
from governance.accounts.scope import Viewer, edits
from governance.images.clean import clean_text
from governance.images.models import Image
from governance.web.fields import unpack_digest
from scanning.body import Refused, receive
from scanning.connections import target_of
from scanning.deliveries import Envelope, LostLease, accept
from scanning.failpoints import reach
from scanning.heartbeat import beating
from scanning.hints import hint
from scanning.models import Connection
from scanning.models_scans import ScanJob
from scanning.registries import RegistryError
from scanning.scan_plan import ORIGIN
from scanning.scanners import Asked, Place, Report, ScanFailed, ways
from scanning.stopping import is_stopping

LOG = logging.getLogger(__name__)
ATTEMPTS = 3
# How long the registry's own scanner may take.
ASKED_LONGEST = timedelta(hours=6)
# Claims come one after the other, so that nobody exceeds SCANS_AT_ONCE.
CLAIM_LOCK = 0x70775F7363616E73


@dataclass(frozen=True, slots=True)
class Held:
    """A job in this worker's hands."""

    id: int
    owner: uuid.UUID


CLAIM = """
UPDATE scanning_scanjob SET state = 'running', attempts = attempts + 1, lease_owner = %(owner)s,
    started_at = CASE WHEN state = 'asked' THEN started_at ELSE statement_timestamp() END,
    lease_until = statement_timestamp() + make_interval(secs => %(lease)s)
WHERE id = (
    SELECT id FROM scanning_scanjob
    WHERE state IN ('waiting', 'running', 'asked') AND next_attempt_at <= statement_timestamp()
      AND (lease_until IS NULL OR lease_until < statement_timestamp())
      AND (%(only)s::bigint IS NULL OR id = %(only)s::bigint)
      AND (SELECT count(*) FROM scanning_scanjob busy
           WHERE busy.state = 'running' AND busy.lease_until >= statement_timestamp()) < %(at_once)s
    ORDER BY priority, requested_at, id LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING id
"""


def claim(only: int | None = None) -> Held | None:
    """The scan that is wanted most; None where nothing is due, or enough are running."""
    owner = uuid.uuid4()
    row: dict[str, Any] = {
        "owner": owner,
        "lease": settings.LEASE_SECONDS,
        "only": only,
        "at_once": settings.SCANS_AT_ONCE,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [CLAIM_LOCK])
        cursor.execute(CLAIM, row)
        found = cursor.fetchone()
    return Held(int(found[0]), owner) if found else None


def renew(held: Held) -> None:
    """Hold it longer. Raises `LostLease`."""
    until = timezone.now() + timedelta(seconds=settings.LEASE_SECONDS)
    if not mine(held).update(lease_until=until):
        raise LostLease(f"scan {held.id} was taken over")


def mine(held: Held) -> Any:
    """The job, as long as the lease stands."""
    return ScanJob.objects.filter(pk=held.id, lease_owner=held.owner, state=ScanJob.State.RUNNING)


def work(only: int | None = None) -> bool:
    """Have one image scanned; False where nothing was due."""
    if is_stopping() or (held := claim(only)) is None:
        return False
    try:
        with beating(partial(renew, held)):
            scan(held)
    except LostLease:
        LOG.warning("scan %s was taken over by another worker", held.id)
    except Error:
        # The database is away: the lease runs out, and somebody does it again.
        connection.close()
        raise
    except Exception as error:
        LOG.error("scan %s", held.id, exc_info=error)
        give_up(held, "scanning failed in an unexpected way; the log of the worker says where")
    return True


PLACES = """
SELECT connection.id, repository.name, manifest.digest
FROM images_manifest manifest
JOIN images_placement placement ON placement.image_id = manifest.image_id AND placement.gone_at IS NULL
JOIN images_repository repository ON repository.id = placement.repository_id
JOIN scanning_connection connection ON connection.registry_id = repository.registry_id AND connection.is_enabled
WHERE manifest.image_id = %s AND manifest.kind <> 'index'
ORDER BY manifest.kind = 'manifest' DESC, placement.last_seen DESC NULLS LAST, placement.id, manifest.id LIMIT 20
"""


def places_of(image: int) -> list[tuple[int, str, str]]:
    """Where a platform image lies: (connection, repository, manifest digest), the surest first."""
    with connection.cursor() as cursor:
        cursor.execute(PLACES, [image])
        return [(int(row[0]), str(row[1]), unpack_digest(row[2])) for row in cursor.fetchall()]


def scan(held: Held) -> None:
    """Take a claimed job to its end, or to when it is looked at again."""
    job = mine(held).select_related("image").first()
    if job is None:
        raise LostLease(f"scan {held.id} was taken over")
    if job.attempts > ATTEMPTS and not job.remote_ref:
        return give_up(held, job.error or f"the worker died {ATTEMPTS} times on this scan")
    found = places_of(job.image_id)
    if not found:
        return give_up(held, "it lies in no registry that is connected, or no manifest of it is known")
    # What lies at one place may have gone: each attempt takes the next.
    number, repository, digest = found[0 if job.remote_ref else (job.attempts - 1) % len(found)]
    row = Connection.objects.select_related("registry").get(pk=number)
    try:
        place = Place(target_of(row), repository, digest)
        outcome, name = attempt(job, place, row.kind)
    except (ScanFailed, RegistryError) as failure:
        return failed(held, job, failure)
    reach("scan.after_run", place.reference)
    if isinstance(outcome, Asked):
        return look_later(held, job, outcome, name, place)
    return deliver(held, place, outcome, name)


def attempt(job: ScanJob, place: Place, kind: str) -> tuple[Report | Asked, str]:
    """Try the ways one after the other, where one says that another may work. Raises `ScanFailed`."""
    chosen = [way for way in ways(kind) if not job.remote_ref or job.scanner == way.NAME]
    last = ScanFailed("there is nothing to scan with: set SCANNER, or connect a registry that scans itself", final=True)
    for way in chosen:
        try:
            return way.scan(place, job.remote_ref), way.NAME
        except ScanFailed as failure:
            last = failure
            if not failure.elsewhere:
                break
    raise last


def deliver(held: Held, place: Place, report: Report, name: str) -> None:
    """Store the report and finish, both or neither."""
    try:
        body = receive(io.BytesIO(report.body))
    except Refused as refused:
        return give_up(held, f"its report is not taken: {refused}")
    key = f"{held.id} {held.owner}"
    envelope = Envelope(
        image=place.reference, stage="registry", format=report.format, idempotency_key=key, origin=ORIGIN
    )
    with transaction.atomic():
        finish(held, state=ScanJob.State.DONE, error="", scanner=name, reference=place.reference[:500])
        delivery, _ = accept(body, envelope, ring=False)
        ScanJob.objects.filter(pk=held.id).update(delivery=delivery)
        reach("scan.before_commit", place.reference)
    reach("scan.after_commit", place.reference)
    hint()
    return None


def finish(held: Held, **changes: Any) -> None:
    """Write the end of it. Raises `LostLease`, which undoes everything."""
    ended = {"finished_at": timezone.now(), "lease_owner": None, "lease_until": None, "remote_ref": "", **changes}
    if not mine(held).update(**ended):
        raise LostLease(f"scan {held.id} was taken over")


def give_up(held: Held, reason: str) -> None:
    """It failed, until it is wanted again."""
    finish(held, state=ScanJob.State.FAILED, error=clean_text(reason, 1000))


def failed(held: Held, job: ScanJob, failure: ScanFailed | RegistryError) -> None:
    """Try again a little later, or give up."""
    final = isinstance(failure, ScanFailed) and failure.final
    text = clean_text(str(failure), 1000)
    if is_stopping():
        return again(held, attempts=job.attempts - 1, error="")
    if final or job.attempts >= ATTEMPTS:
        return give_up(held, text)
    seconds = 30.0 * 2**job.attempts * random.uniform(0.8, 1.2)  # noqa: S311 (jitter, not a secret)
    seconds = max(seconds, getattr(failure, "seconds", 0.0))
    return again(held, error=text, remote_ref="", next_attempt_at=timezone.now() + timedelta(seconds=seconds))


def again(held: Held, **changes: Any) -> None:
    """Put it back."""
    back = {"state": ScanJob.State.WAITING, "lease_owner": None, "lease_until": None, **changes}
    if not mine(held).update(**back):
        raise LostLease(f"scan {held.id} was taken over")


def look_later(held: Held, job: ScanJob, asked: Asked, name: str, place: Place) -> None:
    """The registry's scanner is at it."""
    now = timezone.now()
    if job.remote_ref and job.started_at and now - job.started_at > ASKED_LONGEST:
        return give_up(held, "the registry's scanner did not finish")
    return again(
        held,
        state=ScanJob.State.ASKED,
        attempts=min(job.attempts, ATTEMPTS),
        scanner=name,
        reference=place.reference[:500],
        remote_ref=asked.remote_ref,
        next_attempt_at=now + timedelta(seconds=asked.seconds),
        error="",
    )


@transaction.atomic
def rescan(viewer: Viewer | None, image: Image) -> ScanJob:
    """Have it scanned now, before all that is only planned.

    Raises `PermissionDenied` for who may not decide about the image, `ValidationError` where nothing can scan it.
    """
    if not edits(viewer, image.owners):
        raise PermissionDenied("administrators, and editors of the team that owns it, have an image scanned")
    if why := hindrance(image):
        raise ValidationError(why)
    by = viewer if isinstance(viewer, User) else None
    job, created = ScanJob.objects.select_for_update().get_or_create(
        image=image, defaults={"why": ScanJob.Why.PERSON, "asked_by": by, "priority": 0}
    )
    if not created and job.state != ScanJob.State.RUNNING:
        now = timezone.now()
        ScanJob.objects.filter(pk=job.pk).update(
            state=ScanJob.State.WAITING,
            why=ScanJob.Why.PERSON,
            asked_by=by,
            priority=0,
            requested_at=now,
            next_attempt_at=now,
            attempts=0,
            error="",
            remote_ref="",
        )
    team = image.repository.owner_id if image.repository else None
    audit(viewer, "image.rescan", f"image {image.pk} {image}", team=team)
    transaction.on_commit(lambda: hint("scan"))
    return job


def hindrance(image: Image) -> str:
    """Why it cannot be scanned, in a sentence, or nothing."""
    found = places_of(image.pk)
    if not found:
        return "It lies in no registry that is connected, or no manifest of it is known."
    kinds = Connection.objects.filter(pk__in=[place[0] for place in found]).values_list("kind", flat=True)
    if not any(ways(kind) for kind in kinds):
        return "There is nothing to scan with: set SCANNER, or connect a registry that scans itself."
    return ""
