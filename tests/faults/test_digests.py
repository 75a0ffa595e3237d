"""Weekly digests of real schedulers, workers and a real mail server, all of which die or hang up while they are at it.

What can be promised: the archive holds one digest of each reader and week with one Message-ID, and at least one mail
with it reaches the server; where the answer to the final dot got lost, the very same bytes come again, at most three
times, for whoever reads them to fold.
"""

from __future__ import annotations

import email
import os
import random
import signal
import time
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from email.message import Message

import pytest

from governance.local.instance import HOST, PYTHON, free_port
from governance.local.process import Program
from scanning.outbox import MOST_UNKNOWN
from tests.faults.instance import Instance, children, wait_until
from tests.faults.ledger import Ledger
from tests.faults.mail_server import CURSED

READERS = [*(f"reader-{number:02}@example.org" for number in range(11)), CURSED]
# Every step of the road: made but not committed, committed, claimed, before the mark, between mark and dot, after it.
POINTS = ("briefing.made", "briefing.kept", "outbox.taken", "outbox.before", "outbox.crossed", "outbox.sent")
# As if this week's digests had been those of some weeks ago.
EARLIER = """
UPDATE briefings_briefing SET week = week - 7 * %s, slot = slot - 7 * %s * interval '1 day',
    message_id = 'earlier ' || %s || message_id
WHERE message_id NOT LIKE 'earlier %%'
"""
# Their hour was yesterday's first.
SUBSCRIBE = """
INSERT INTO briefings_subscription (address, weekday, hour, timezone, when_quiet, alerts, is_active, starts_at, next_at)
SELECT address, %s, 0, 'UTC', 'heartbeat', false, true, now() - interval '90 days', now() - interval '20 days'
FROM unnest(%s::text[]) AS address
"""
OPEN = "SELECT count(*) FROM scanning_outbox WHERE state IN ('waiting', 'sending')"


class Post:
    """Two schedulers, two workers and a mail server on one instance."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.inbox = instance.data.root / "inbox"
        self.inbox.mkdir()
        self.port = free_port(0)
        self.started = 0
        self.begin("mail", "-m", "tests.faults.mail_server", str(self.port), str(self.inbox))

    def begin(self, name: str, *words: str) -> None:
        """Start a Python program; it is killed after the test with all the others."""
        log = self.instance.data.log(name)
        self.instance.begin(Program(name, [PYTHON, *words], log, self.instance.environment))

    def start_worker(self, name: str) -> None:
        """A worker that sends, and that dies where a marker lies."""
        traps = ",".join(f"{point}:kill@{self.instance.markers / point}" for point in POINTS)
        server = {"SMTP_HOST": HOST, "SMTP_PORT": str(self.port), "SMTP_TLS": "off"}
        self.instance.start_worker(name, traps, processes=1, **server)

    def start_scheduler(self, name: str) -> None:
        """One that knows nothing of the other."""
        state = self.instance.data.root / f"{name}-schedule"
        self.begin(name, "-m", "celery", "-A", "tests.faults.quick_beat", "beat", "--schedule", str(state))

    def mails(self) -> dict[str, list[Message]]:
        """What the server got whole, by mailbox; it is forgotten here."""
        found = defaultdict(list)
        for path in sorted(self.inbox.glob("*.eml")):
            mail = email.message_from_bytes(path.read_bytes())
            found[str(mail["To"])].append(mail)
            path.unlink()
        return found

    def arrived(self) -> int:
        """How many mails lie there."""
        return len(list(self.inbox.glob("*.eml")))

    def settle(self) -> None:
        """Wait until nothing is open, without the minutes between two tries."""

        def nothing_open() -> bool:
            self.instance.write("UPDATE scanning_outbox SET next_attempt_at = now() WHERE state = 'waiting'")
            return not self.instance.rows(OPEN)[0][0] and len(self.week()) == len(READERS)

        wait_until(nothing_open, "every digest is made and sent", 60)

    def week(self) -> dict[str, tuple[str, str]]:
        """{mailbox: (Message-ID, state)} of this week's digests; there is never a second one."""
        query = "SELECT recipient, message_id, state FROM briefings_briefing WHERE message_id NOT LIKE %s"
        rows = self.instance.rows(query, "earlier %")
        found = {row[0]: (row[1], row[2]) for row in rows}
        assert len(rows) == len(found)
        return found

    def next_week(self, ago: int) -> None:
        """This week's digests are `ago` weeks old, and everybody's hour is now."""
        self.instance.write(EARLIER, ago, ago, str(ago))
        self.instance.write("UPDATE briefings_subscription SET next_at = now()")

    def check(self) -> Counter[str]:
        """The promise, after a week; returns how many copies each mailbox has."""
        archive, mails = self.week(), self.mails()
        assert sorted(mails) == sorted(archive) == sorted(READERS), "each reader has one, in the archive and as a mail"
        for address, copies in mails.items():
            assert {mail["Message-ID"] for mail in copies} == {archive[address][0]}
            assert len({mail.as_bytes() for mail in copies}) == 1
            assert len(copies) <= MOST_UNKNOWN
            assert archive[address][1] == ("unconfirmed" if address == CURSED else "sent")
        rows = self.instance.rows(
            "SELECT kind, count(*), count(DISTINCT dedupe_key) FROM scanning_outbox GROUP BY kind"
        )
        assert rows == [("briefing", *self.instance.rows("SELECT count(*), count(*) FROM briefings_briefing")[0])]
        return Counter({address: len(copies) for address, copies in mails.items()})


@pytest.fixture
def post(instance: Instance, ledger: Ledger) -> Iterator[Post]:
    """All of it, and readers whose hour came three weeks ago while nothing ran."""
    instance.kill("worker")
    post = Post(instance)
    instance.write(SUBSCRIBE, (datetime.now(UTC) - timedelta(days=1)).weekday(), READERS)
    yield post
    instance.write("TRUNCATE briefings_subscription, scanning_outbox CASCADE")


def test_every_reader_has_one_digest_a_week_whatever_is_killed(instance: Instance, post: Post) -> None:
    for point in POINTS:
        instance.lay(point)
    for name in ("first", "second"):
        post.start_worker(name)
        post.start_scheduler(f"{name}-scheduler")
    # A week in which somebody dies at each step of the road; three weeks that nobody was there for are one digest.
    post.settle()
    assert not [point for point in POINTS if (instance.markers / point).exists()]
    copies = post.check()
    assert copies.pop(CURSED) in {MOST_UNKNOWN - 1, MOST_UNKNOWN}
    assert copies.total() == len(READERS), "one each, and one more of whoever died after the dot"

    # A week in which the server keeps its answer until whoever waits for it is dead, hangs up, and all die at random.
    (post.inbox / "hold").touch()
    post.next_week(2)
    wait_until(lambda: post.arrived() > 0, "a mail is there that nobody has an answer to")
    kill(instance, "first", "second")
    (post.inbox / "hold").unlink()
    dice = random.Random(6)
    for name in ("first", "second", "first"):
        time.sleep(dice.random() / 3)
        kill(instance, name)
        (post.inbox / "drop").touch()
    instance.kill("second")
    instance.kill("second-scheduler")
    post.settle()
    post.check()
    assert not (post.inbox / "drop").exists()

    # A week in which one of each is left, and nothing happens.
    post.next_week(1)
    post.settle()
    copies = post.check()
    assert copies.pop(CURSED) == MOST_UNKNOWN
    assert set(copies.values()) == {1}


def kill(instance: Instance, *names: str) -> None:
    """End what does the work of these workers, at once, wherever it is."""
    for name in names:
        for process in children(instance.pid(name)):
            with suppress(ProcessLookupError):
                os.kill(process, signal.SIGKILL)
