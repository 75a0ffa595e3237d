"""The inbox that loses nothing: accept, claim, finish, quarantine, replay.

A delivery is committed before its sender gets an answer, claimed with a lease, and finished in one transaction that is
guarded by that lease. Whatever dies in between, the lease runs out and somebody else does the work again.
"""

from __future__ import annotations

import hashlib
import json
import uuid
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied
from django.db import connection, transaction
from django.db.models import Q
from django.db.models.functions import Now
from psycopg.pq import Format

from governance.accounts.audit import audit
from governance.accounts.models import Token, User
from governance.accounts.scope import Viewer
from governance.images.clean import clean_text
from scanning.body import Body, unpack_stored
from scanning.failpoints import reach
from scanning.hints import hint
from scanning.models import Delivery, DeliveryBody

ATTEMPTS = 3
# Begins the source of every event.
EVENT = "webhook:"
# Longer names stand in a delivery's key as their hash, so that none is cut and taken for another.
LONGEST_IN_KEY = 180


@dataclass(frozen=True, slots=True)
class Envelope:
    """What a sender says beside the body."""

    viewer: Viewer | None = None  # None is the command line
    image: str = ""
    stage: str = "ci"
    format: str = ""
    idempotency_key: str = ""
    is_demo: bool = False
    subject: str = ""
    # The source of an event.
    webhook: int | None = None
    # What we fetched ourselves, and where: `registry:5`.
    origin: str = ""

    @property
    def source(self) -> str:
        """Keys are unique within this."""
        if self.webhook is not None:
            return f"{EVENT}{self.webhook}"
        if self.origin:
            return self.origin
        if isinstance(self.viewer, Token):
            return f"token:{self.viewer.pk}"
        return f"user:{self.viewer.pk}" if isinstance(self.viewer, User) else "command line"

    def key(self, body: Body) -> str:
        """The sender's own key, else what makes two reports the same: body, stage, image and subject."""
        if self.idempotency_key:
            return f"key:{self.idempotency_key}"[:255]
        named = self.image
        if self.subject or len(named) > LONGEST_IN_KEY:
            named = f"sha256:{hashlib.sha256(f'{named}\0{self.subject}'.encode()).hexdigest()}"
        return f"{body.sha256.hex()}:{self.stage}:{named}"


class KeyReused(Exception):
    """The same Idempotency-Key came with another report."""


class LostLease(Exception):
    """Another worker took the delivery over; this one's work must not be kept."""


ACCEPT = """
WITH arrived AS (
    INSERT INTO scanning_delivery (source, key, token_id, sender_id, team_id, webhook_id, image, subject, stage,
        format_asked, is_demo, repository, body_sha256, wire_bytes, raw_bytes, state, attempts, error_class, error,
        format, scanner, scanner_version, kind)
    VALUES (%(source)s, %(key)s, %(token)s, %(sender)s, %(team)s, %(webhook)s, %(image)s, %(subject)s, %(stage)s,
        %(format)s, %(is_demo)s, %(repository)s, %(sha256)s, %(wire)s, %(raw)s, 'received', 0, '', '', '', '', '', '')
    ON CONFLICT (source, key) DO NOTHING RETURNING id
), body AS (
    INSERT INTO scanning_deliverybody (delivery_id, data) SELECT id, %(packed)s FROM arrived
)
SELECT id FROM arrived
"""


def accept(body: Body, envelope: Envelope, ring: bool = True) -> tuple[int, bool]:
    """Commit the delivery; returns its id and whether it was there before. Raises `KeyReused`.

    One statement, one commit. What follows (the hint) may fail without harm.
    """
    token = envelope.viewer if isinstance(envelope.viewer, Token) else None
    row = {
        "source": envelope.source,
        "key": envelope.key(body),
        "token": token.pk if token else None,
        "sender": envelope.viewer.pk if isinstance(envelope.viewer, User) else None,
        "team": token.team_id if token else None,
        "webhook": envelope.webhook,
        "image": clean_text(envelope.image, 500),
        "subject": clean_text(envelope.subject, 200),
        "stage": envelope.stage,
        "format": clean_text(envelope.format, 40),
        "is_demo": envelope.is_demo,
        "repository": token.repository if token else "",
        "sha256": body.sha256,
        "wire": body.wire_bytes,
        "raw": body.raw_bytes,
        "packed": body.packed,
    }
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(ACCEPT, row)
        found = cursor.fetchone()
    if found is None:
        return _first(envelope, body), True
    reach("accept.after_commit")
    if ring:
        reach("accept.before_hint")
        hint()
    return int(found[0]), False


def _first(envelope: Envelope, body: Body) -> int:
    """The delivery that came first under this key."""
    first = Delivery.objects.get(source=envelope.source, key=envelope.key(body))
    same = bytes(first.body_sha256) == body.sha256 and first.stage == envelope.stage
    named = (clean_text(envelope.image, 500), clean_text(envelope.subject, 200))
    if not same or (first.image, first.subject) != named:
        raise KeyReused(f"this Idempotency-Key was used for another report (delivery {first.pk})")
    return first.pk


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery in this worker's hands until `lease` runs out."""

    id: int
    owner: uuid.UUID
    attempts: int
    delivery: Delivery


CLAIM = """
UPDATE scanning_delivery SET state = 'processing', attempts = attempts + 1, lease_owner = %(owner)s,
    lease_until = statement_timestamp() + make_interval(secs => %(lease)s)
WHERE id = (
    SELECT id FROM scanning_delivery
    WHERE state IN ('received', 'processing') AND next_attempt_at <= statement_timestamp()
      AND (lease_until IS NULL OR lease_until < statement_timestamp())
      AND (%(only)s::bigint IS NULL OR id = %(only)s::bigint)
    ORDER BY next_attempt_at LIMIT 1 FOR UPDATE SKIP LOCKED
)
RETURNING *
"""


def claim(only: int | None = None) -> Claim | None:
    """Take the delivery that waited longest (or the one asked for); None if nothing is due.

    The attempt is counted before the work, so that one that kills the worker counts too.
    """
    owner = uuid.uuid4()
    arguments = {"owner": owner, "lease": settings.LEASE_SECONDS, "only": only}
    rows = list(Delivery.objects.raw(CLAIM, arguments))
    return Claim(rows[0].pk, owner, rows[0].attempts, rows[0]) if rows else None


def mine(held: Claim) -> Any:
    """The delivery, as long as this worker's lease stands."""
    return Delivery.objects.filter(pk=held.id, lease_owner=held.owner, state=Delivery.State.PROCESSING)


def renew(held: Claim) -> bool:
    """Hold it longer; False if somebody else has it."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE scanning_delivery SET lease_until = statement_timestamp() + make_interval(secs => %s) WHERE id IN"
            " (SELECT id FROM scanning_delivery WHERE id = %s AND lease_owner = %s AND state = 'processing'"
            "  FOR UPDATE SKIP LOCKED)",
            [settings.LEASE_SECONDS, held.id, held.owner],
        )
        return bool(cursor.rowcount)


@dataclass(frozen=True, slots=True)
class Figures:
    """What a delivery turned out to be; `result` are the figures of the report resource."""

    format: str
    scanner: str
    scanner_version: str
    kind: str
    scanned_at: datetime
    result: dict[str, Any]


# What follows in the transaction goes by plans that are kept (PostgreSQL, PREPARE, "Notes"): planning it for each
# report's own values takes longer than doing it.
FINISH = """
UPDATE scanning_delivery SET state = 'done', finished_at = statement_timestamp(), lease_owner = NULL,
    lease_until = NULL, error = '', error_class = '', format = %(format)s, scanner = %(scanner)s,
    scanner_version = %(scanner_version)s, kind = %(kind)s, scanned_at = %(scanned_at)s, result = %(result)s::jsonb
WHERE id = %(id)s AND lease_owner = %(owner)s AND state = 'processing'
RETURNING set_config('plan_cache_mode', 'force_generic_plan', true)
"""


def finish(held: Claim, figures: Figures) -> None:
    """First statement of the finishing transaction: mark it done, or raise `LostLease` and undo everything."""
    # Not `asdict`, which copies everything deep.
    told = {field.name: getattr(figures, field.name) for field in fields(figures)}
    row = told | {"result": json.dumps(figures.result), "id": held.id, "owner": held.owner}
    with connection.cursor() as cursor:
        cursor.execute(FINISH, row)
        if not cursor.rowcount:
            raise LostLease(f"delivery {held.id} was taken over")


def quarantine(held: Claim, reason: str, kind: str) -> None:
    """Put it aside with its reason; the body stays until a person decides."""
    mine(held).update(
        state=Delivery.State.QUARANTINED,
        finished_at=Now(),
        lease_owner=None,
        lease_until=None,
        error=clean_text(reason, 2000),
        error_class=kind[:60],
    )


def give_back(held: Claim, seconds: float, count: bool) -> None:
    """Let it be tried again after `seconds`; `count` False gives the attempt back (not the report's fault).

    The attempt is given back also where another worker took the delivery over meanwhile: it was counted for this one.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE scanning_delivery SET state = 'received', lease_owner = NULL, lease_until = NULL,"
            " attempts = attempts - %s, next_attempt_at = statement_timestamp() + make_interval(secs => %s)"
            " WHERE id = %s AND lease_owner = %s AND state = 'processing'",
            [0 if count else 1, seconds, held.id, held.owner],
        )
        if not count and not cursor.rowcount:
            cursor.execute(
                "UPDATE scanning_delivery SET attempts = attempts - 1"
                " WHERE id = %s AND state IN ('received', 'processing') AND attempts > 0",
                [held.id],
            )


@transaction.atomic
def replay(viewer: Viewer | None, delivery: Delivery) -> None:
    """Read a quarantined delivery again, after a fix or a new parser. Raises `PermissionDenied`.

    Allowed to administrators and to whoever could have sent it.
    """
    allowed = viewer is None or (isinstance(viewer, User) and (viewer.is_admin or delivery.sender_id == viewer.pk))
    if isinstance(viewer, Token):
        allowed = viewer.scope == Token.Scope.ADMIN
    if not allowed:
        raise PermissionDenied("only an administrator may replay a delivery")
    again = Delivery.objects.filter(pk=delivery.pk, state=Delivery.State.QUARANTINED).update(
        state=Delivery.State.RECEIVED, attempts=0, next_attempt_at=Now(), error="", error_class="", finished_at=None
    )
    if again:
        before = {"error": delivery.error}
        audit(viewer, "delivery.replay", f"delivery {delivery.pk}", team=delivery.team_id, before=before)
        transaction.on_commit(hint)


BODY = "SELECT data FROM scanning_deliverybody WHERE delivery_id = %s"


def read_body(delivery: Delivery) -> bytes:
    """The bytes as they came. Raises `DeliveryBody.DoesNotExist` once they were pruned.

    Asked for in PostgreSQL's binary format: as text a body would come in hexadecimal, twice as long.
    """
    with connection.cursor() as cursor:
        cursor.cursor.format = Format.BINARY
        cursor.execute(BODY, [delivery.pk])
        found = cursor.fetchone()
    if found is None:
        raise DeliveryBody.DoesNotExist
    return unpack_stored(found[0])


def prune() -> int:
    """Drop the bodies of processed deliveries after `BODY_DAYS`, a thousand at a time; returns how many."""
    old = Delivery.objects.filter(
        ~Q(body=None), state=Delivery.State.DONE, finished_at__lt=Now() - timedelta(days=settings.BODY_DAYS)
    ).order_by("pk")
    gone = list(old.values_list("pk", flat=True)[:1000])
    return DeliveryBody.objects.filter(delivery__in=gone).delete()[0]


def open_count() -> int:
    """Deliveries that wait or are being worked on."""
    return Delivery.objects.filter(state__in=[Delivery.State.RECEIVED, Delivery.State.PROCESSING]).count()
