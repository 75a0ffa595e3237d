"""What goes out: rows of the outbox are claimed with a lease and carried out, each by the function of its kind.

A row is `sending` before anything leaves. Just before the step that cannot be taken back the sender calls
`Held.cross`, which commits and counts that. Where the answer to that step never came, or the worker died before it
could write it down, nobody knows whether there was an effect. Then the step is done again, in the very same words, so
that nothing is lost and whoever gets it twice can fold it; after `MOST_UNKNOWN` such steps the row ends as unconfirmed.
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
# Steps without an answer that one row may take: so many copies there are at most of one mail.
MOST_UNKNOWN = 3
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

    @property
    def unknown(self) -> int:
        """Steps of earlier tries that may have had their effect: nobody came back from them to say."""
        return self.row.unknown

    def cross(self) -> None:
        """Commit that the next step may have its effect. Raises `Taken`."""
        reach("outbox.before", self.row.kind)
        self._write(unknown=self.unknown + 1)
        reach("outbox.crossed", self.row.kind)

    def _write(self, **values: object) -> None:
        if not Outbox.objects.filter(pk=self.row.pk, lease_owner=self.owner).update(**values):
            raise Taken(f"outbox {self.row.pk} was taken over")

    @transaction.atomic
    def end(self, kind: Kind, state: str, error: str = "") -> None:
        """Write down how it ended, for the row and for what it is about."""
        self._write(state=state, error=error[:2000], lease_owner=None, lease_until=None)
        kind.ended(self.row, state, error)

    def give_up(self, kind: Kind, error: str) -> None:
        """No more tries; only what surely had no effect is called undelivered."""
        self.end(kind, Outbox.State.UNCONFIRMED if self.unknown else Outbox.State.GIVEN_UP, error)

    def wait(self, error: str, unknown: int) -> None:
        """Back among those that wait, for a while; `unknown` steps may have had their effect."""
        pause = min(FIRST * 2 ** min(self.row.attempts - 1, 10), LONGEST)
        self._write(
            state=Outbox.State.WAITING,
            error=error[:2000],
            unknown=unknown,
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
    if rows:
        reach("outbox.taken", rows[0].kind)
    return Held(rows[0], owner) if rows else None


def carry_out(held: Held, kind: Kind) -> None:
    """One row, whatever comes of it."""
    if held.unknown >= MOST_UNKNOWN:
        error = held.row.error or "the worker that sent it ended before it knew whether it did"
        return held.end(kind, Outbox.State.UNCONFIRMED, error)
    try:
        kind.send(held)
        reach("outbox.sent", held.row.kind)
    except Unknown as error:
        return held.wait(str(error), held.unknown + 1)
    except Refused as error:
        return held.give_up(kind, str(error))
    except TryLater as error:
        if timezone.now() - held.row.created_at > LIFE:
            return held.give_up(kind, str(error))
        return held.wait(str(error), held.unknown)
    return held.end(kind, Outbox.State.SENT)


def waiting() -> int:
    """Rows that are not carried out yet."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM scanning_outbox WHERE state IN ('waiting', 'sending')")
        return int(cursor.fetchone()[0])
