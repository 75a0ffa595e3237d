"""What goes out: rows of the outbox are claimed with a lease and carried out, each by the function of its kind.

A row is `sending` before anything leaves. Just before the step that cannot be taken back the sender calls
`Held.cross`, which commits that. Whoever finds a row whose lease ran out takes it over; one that had crossed may have
had its effect, so it is not carried out again by itself: it ends as unconfirmed, and people see it.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

from django.conf import settings
from django.db import connection, transaction
from django.utils import timezone

from governance.briefings.channels.mail import Refused, TryLater, Unknown
from scanning.failpoints import reach
from scanning.models import Outbox
from scanning.stopping import is_stopping

LOG = logging.getLogger(__name__)
CROSSED = "handed over"
TURN_SECONDS = 20.0
# Tries begin a minute apart and end an hour apart; after four days nobody waits for it any more.
FIRST, LONGEST, LIFE = timedelta(minutes=1), timedelta(hours=1), timedelta(days=4)

CLAIM = """
UPDATE scanning_outbox SET state = 'sending', attempts = attempts + 1, lease_owner = %(owner)s,
    lease_until = statement_timestamp() + make_interval(secs => %(lease)s)
WHERE id = (
    SELECT id FROM scanning_outbox
    WHERE state IN ('waiting', 'sending') AND next_attempt_at <= statement_timestamp() AND kind = ANY(%(kinds)s)
      AND (lease_until IS NULL OR lease_until < statement_timestamp())
    ORDER BY next_attempt_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
RETURNING *
"""


class Taken(Exception):
    """Another worker has the row by now: nothing may be done with it here."""


@dataclass(frozen=True, slots=True)
class Held:
    """A row in this worker's hands."""

    row: Outbox
    owner: uuid.UUID

    def cross(self) -> None:
        """Commit that the next step may have its effect. Raises `Taken`."""
        reach("outbox.before", self.row.kind)
        self._write(remote_ref=CROSSED)
        reach("outbox.crossed", self.row.kind)

    def _write(self, **values: object) -> None:
        if not Outbox.objects.filter(pk=self.row.pk, lease_owner=self.owner).update(**values):
            raise Taken(f"outbox {self.row.pk} was taken over")

    @transaction.atomic
    def end(self, kind: Kind, state: str, error: str = "") -> None:
        """Write down how it ended, for the row and for what it is about."""
        self._write(state=state, error=error[:2000], lease_owner=None, lease_until=None)
        kind.ended(self.row, state, error)

    def wait(self, error: str) -> None:
        """Back among those that wait, for a while."""
        pause = min(FIRST * 2 ** min(self.row.attempts - 1, 10), LONGEST)
        self._write(
            state=Outbox.State.WAITING,
            error=error[:2000],
            remote_ref="",
            next_attempt_at=timezone.now() + pause,
            lease_owner=None,
            lease_until=None,
        )


@dataclass(frozen=True, slots=True)
class Kind:
    """How rows of a kind are carried out. `send` raises what `channels.mail` does; `ended` notes how it went."""

    send: Callable[[Held], None]
    ended: Callable[[Outbox, str, str], None]


def work(kinds: dict[str, Kind], seconds: float = TURN_SECONDS) -> int:
    """Carry out what is due for a turn; returns how many rows were in hand."""
    done, until = 0, time.monotonic() + seconds
    while time.monotonic() < until and not is_stopping() and (held := claim(list(kinds))):
        try:
            carry_out(held, kinds[held.row.kind])
        except Taken as error:
            LOG.warning("%s", error)
        done += 1
    return done


def claim(kinds: list[str]) -> Held | None:
    """The row that is due longest; None where nothing is."""
    owner = uuid.uuid4()
    values = {"owner": owner, "lease": settings.LEASE_SECONDS, "kinds": kinds}
    rows = list(Outbox.objects.raw(CLAIM, values))
    return Held(rows[0], owner) if rows else None


def carry_out(held: Held, kind: Kind) -> None:
    """One row, whatever comes of it."""
    if held.row.remote_ref == CROSSED:
        return held.end(kind, Outbox.State.UNCONFIRMED, "the worker that sent it ended before it knew whether it did")
    try:
        kind.send(held)
        reach("outbox.sent", held.row.kind)
    except Unknown as error:
        return held.end(kind, Outbox.State.UNCONFIRMED, str(error))
    except Refused as error:
        return held.end(kind, Outbox.State.GIVEN_UP, str(error))
    except TryLater as error:
        if timezone.now() - held.row.created_at > LIFE:
            return held.end(kind, Outbox.State.GIVEN_UP, str(error))
        return held.wait(str(error))
    return held.end(kind, Outbox.State.SENT)


def waiting() -> int:
    """Rows that are not carried out yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM scanning_outbox WHERE state IN ('waiting', 'sending')")
        return int(cursor.fetchone()[0])
