"""Who sends is heard in the background; who falls silent raises one event, which ends when it is heard again."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from governance.accounts.models import AuditEntry, Team, Token, User
from governance.accounts.services import revoke_token
from governance.findings.models import Scan, Silence, Source
from governance.findings.sources import Heard, hear, limit_of, set_limit
from scanning import hearing
from scanning.hearing import listen
from scanning.models import Delivery, Listening
from tests.make import deliver, digest_of, make_report, make_token

pytestmark = pytest.mark.django_db
NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


class Clock:
    """Lets a source send every so often and listens in between, as the periodic task would."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = NOW
        self.sent = 0
        self.token = make_token(Token.Scope.INGEST)[0]
        monkeypatch.setattr(hearing.timezone, "now", lambda: self.now)
        # Weeks go by in a few looks.
        monkeypatch.setattr(hearing, "DEAF", timedelta(days=100))
        listen()

    def wait(self, span: timedelta, looks: int = 2) -> int:
        """Nothing happens but that somebody listens now and then; returns how many sources fell silent."""
        raised = 0
        for _ in range(looks):
            self.now += span / looks
            raised += listen()
        return raised

    def send(self, **changes: Any) -> None:
        """A report comes."""
        self.sent += 1
        said = {"source": f"token:{self.token.pk}", "token": self.token, "scanner": "trivy", "stage": "ci"}
        said |= {"state": "done", "key": str(self.sent), "wire_bytes": 1, "raw_bytes": 1, "body_sha256": b"x"}
        Delivery.objects.create(**said | {"received_at": self.now} | changes)

    def send_every(self, span: timedelta, times: int) -> None:
        for _ in range(times):
            self.send()
            self.wait(span, looks=1)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def open_silences() -> int:
    return Silence.objects.filter(ended_at=None).count()


def test_a_source_is_one_sender_with_one_scanner_at_one_stage(clock: Clock) -> None:
    clock.send()
    clock.send(stage="registry")
    clock.send(scanner="grype")
    clock.send(source="command line", token=None)
    clock.send(state="quarantined", scanner="")
    clock.wait(HOUR)
    assert sorted(Source.objects.values_list("sender", "scanner", "stage")) == sorted(
        [
            (f"token:{clock.token.pk}", "trivy", "ci"),
            (f"token:{clock.token.pk}", "trivy", "registry"),
            (f"token:{clock.token.pk}", "grype", "ci"),
            ("command line", "trivy", "ci"),
        ]
    )
    assert set(Source.objects.exclude(token=None).values_list("name", "reports")) == {(clock.token.name, 1)}


def test_it_raises_one_event_and_ends_it_when_the_source_is_heard_again(clock: Clock) -> None:
    clock.send_every(4 * HOUR, 60)
    last = Source.objects.get().last_heard
    assert (open_silences(), Source.objects.get().usual) == (0, 4 * 3600)
    assert clock.wait(3 * HOUR) == 0, "twice its pause is not over"
    assert clock.wait(24 * HOUR, looks=9) == 1, "once, however often somebody looks"
    assert Silence.objects.get().since == last
    clock.send()
    clock.wait(HOUR)
    silence = Silence.objects.get()
    assert silence.ended_at == Source.objects.get().last_heard
    assert Source.objects.get().usual == 8 * 3600, "the silence itself is learned no longer than the limit"


def test_nights_and_weekends_of_a_source_that_works_office_hours_raise_nothing(clock: Clock) -> None:
    for day in range(28):
        for _ in range(3):
            if (NOW + timedelta(days=day)).weekday() < 5:
                clock.send()
            clock.wait(3 * HOUR, looks=1)
        clock.wait(15 * HOUR, looks=1)
    assert Silence.objects.count() == 0
    assert clock.wait(timedelta(days=7)) == 1


def test_what_was_sent_once_or_twice_has_no_habit(clock: Clock) -> None:
    clock.send_every(24 * HOUR, 2)
    assert clock.wait(timedelta(days=20)) == 0
    assert limit_of(Source.objects.get()) is None


def test_a_limit_for_all_and_one_for_the_source(clock: Clock, settings: Any, admin: User) -> None:
    clock.send()
    settings.SILENT_HOURS = 2
    assert (clock.wait(HOUR), clock.wait(2 * HOUR)) == (0, 1)
    source = Source.objects.get()
    set_limit(admin, source, 0)
    assert (open_silences(), clock.wait(5 * HOUR)) == (0, 0)
    set_limit(admin, source, 30)
    assert clock.wait(30 * HOUR) == 1
    entries = AuditEntry.objects.filter(action="source.limit").order_by("pk")
    assert list(entries.values_list("before", "after")) == [
        ({"hours": None}, {"hours": 0}),
        ({"hours": 0}, {"hours": 30}),
    ]


@pytest.mark.parametrize("hours", [-1, 8_761])
def test_a_limit_must_make_sense(clock: Clock, admin: User, mate: User, hours: int) -> None:
    clock.send()
    clock.wait(HOUR)
    source = Source.objects.get()
    with pytest.raises(ValidationError):
        set_limit(admin, source, hours)
    with pytest.raises(PermissionDenied):
        set_limit(mate, source, 5)
    assert Source.objects.get().limit_hours is None


def test_a_revoked_token_is_not_missed(clock: Clock, admin: User) -> None:
    clock.send_every(4 * HOUR, 60)
    assert clock.wait(24 * HOUR) == 1
    revoke_token(admin, clock.token)
    assert (clock.wait(HOUR), open_silences()) == (0, 0)


def test_nobody_is_silent_while_nobody_listens(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    clock.send_every(4 * HOUR, 60)
    monkeypatch.setattr(hearing, "DEAF", timedelta(minutes=15))
    clock.now += timedelta(days=3)
    assert listen() == 0, "Portwarden was down: it could not be heard"
    assert clock.wait(8 * HOUR, looks=48) == 0
    assert clock.wait(HOUR, looks=6) == 1


def test_what_waits_in_the_inbox_was_not_silent(clock: Clock) -> None:
    clock.send_every(4 * HOUR, 60)
    clock.send(state="received")
    assert clock.wait(timedelta(days=3)) == 0, "what came later is not known yet"
    Delivery.objects.filter(state="received").update(state="done")
    assert clock.wait(HOUR) == 1


def test_every_delivery_is_heard_once_though_they_finish_in_any_order(clock: Clock) -> None:
    clock.send()
    clock.send(state="processing")
    clock.send()
    clock.wait(HOUR)
    assert Source.objects.get().reports == 1
    Delivery.objects.update(state="done")
    clock.wait(HOUR)
    clock.wait(HOUR)
    assert (Source.objects.get().reports, Listening.objects.get().upto) == (3, Delivery.objects.latest("pk").pk)


def test_after_a_long_time_it_catches_up_in_turns(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hearing, "MOST", 3)
    clock.send()
    Listening.objects.update(upto=Delivery.objects.get().pk - 1)
    for _ in range(9):
        clock.send()
    clock.now += HOUR
    assert [listen() or Source.objects.get().reports for _ in range(4)] == [3, 6, 9, 10]


def test_a_pause_is_forgotten_after_two_periods() -> None:
    source = Source(period=NOW, first_heard=NOW, last_heard=NOW, pause=5_000, pauses=9, reports=9)
    for day in (29, 58):
        at = NOW + timedelta(days=day)
        source.last_heard = at - timedelta(seconds=700)
        hear(source, Heard(1, 1, at, at, 0, 0))
    assert (source.usual, source.pauses, source.reports) == (700, 11, 11)


def test_the_scan_knows_its_source_from_the_first_report_on(team: Team) -> None:
    token = make_token(team=team)[0]
    for day in (1, 2):
        report = make_report(config=digest_of("config"), at=(timezone.now() - timedelta(days=day)).isoformat())
        deliver(report, viewer=token, stage="registry")
    source = Source.objects.get()
    assert (source.sender, source.name, source.scanner, source.stage) == (
        f"token:{token.pk}",
        token.name,
        "trivy",
        "registry",
    )
    assert set(Scan.objects.values_list("source", flat=True)) == {source.pk}
