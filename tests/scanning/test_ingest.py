"""Troubles while a delivery is worked on: whose fault they are decides whether they count."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from django.db import DataError, InterfaceError, InternalError, OperationalError, connection
from django.db.models import F
from django.db.models.functions import Now

from scanning import capacity, deliveries, ingest
from scanning.body import Refused, receive
from scanning.deliveries import Envelope, accept, claim, give_back
from scanning.models import Delivery
from tests.make import Bytes, make_body, make_report


def trouble(kind: type[Exception], state: str | None) -> Exception:
    error = kind("trouble")
    error.__cause__ = SimpleError(state)
    return error


class SimpleError(Exception):
    def __init__(self, sqlstate: str | None) -> None:
        super().__init__()
        self.sqlstate = sqlstate


@pytest.mark.parametrize(
    ("kind", "state", "passing"),
    [
        (OperationalError, None, True),
        (InterfaceError, None, True),
        (OperationalError, "57P01", True),
        (OperationalError, "40P01", True),
        (OperationalError, "53100", True),
        (InternalError, "25P03", True),
        (OperationalError, "57014", False),
        (OperationalError, "54000", False),
        (OperationalError, "53200", False),
        (DataError, "22021", False),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_only_what_will_pass_by_itself_is_no_fault_of_the_report(kind, state, passing: bool) -> None:
    assert ingest.is_passing(trouble(kind, state)) is passing


def test_a_fault_of_python_does_not_pass() -> None:
    assert not ingest.is_passing(ValueError("no"))


@pytest.mark.django_db
def test_a_statement_that_always_takes_too_long_ends_in_quarantine(monkeypatch) -> None:
    pk, _ = accept(make_body(make_report()), Envelope(), ring=False)

    def record(*_: object) -> None:
        raise trouble(OperationalError, "57014")

    monkeypatch.setattr(ingest, "record_report", record)
    for _ in range(deliveries.ATTEMPTS):
        Delivery.objects.filter(pk=pk).update(next_attempt_at=Now())
        ingest.process(claim(pk))
    assert Delivery.objects.get(pk=pk).state == "quarantined"


@pytest.mark.django_db
def test_an_attempt_that_the_database_spoilt_is_given_back_though_another_took_over() -> None:
    pk, _ = accept(make_body(make_report()), Envelope(), ring=False)
    first = claim(pk)
    Delivery.objects.filter(pk=pk).update(lease_until=Now() - deliveries.timedelta(seconds=1))
    claim(pk)
    give_back(first, 1, count=False)
    delivery = Delivery.objects.get(pk=pk)
    assert (delivery.state, delivery.attempts) == ("processing", 1)


def test_an_ending_is_written_when_the_database_answers_again(monkeypatch) -> None:
    monkeypatch.setattr(connection, "close", lambda: None)
    monkeypatch.setattr(ingest, "time", SimpleNamespace(monotonic=lambda: 0.0, sleep=lambda _: None))
    answers = [OperationalError("away"), InterfaceError("closed"), None]

    def write() -> None:
        if error := answers.pop(0):
            raise error

    ingest.insist(write)
    assert answers == []


@pytest.mark.django_db
def test_a_replayed_delivery_of_last_month_stops_nobody() -> None:
    accept(make_body(make_report()), Envelope(), ring=False)
    month = deliveries.timedelta(days=30)
    Delivery.objects.update(received_at=F("received_at") - month)
    assert capacity.trouble() == ""
    Delivery.objects.update(next_attempt_at=F("next_attempt_at") - month)
    assert "too long" in capacity.trouble()


def test_a_body_that_ends_early_is_refused() -> None:
    with pytest.raises(Refused, match="cut off after 5 bytes"):
        receive(Bytes(b"12345"), length=6)


def test_a_body_that_breaks_off_is_refused() -> None:
    class Broken(Bytes):
        def read(self, size: int, /) -> bytes:
            raise ConnectionResetError

    with pytest.raises(Refused) as caught:
        receive(Broken(b""))
    assert caught.value.status == 400
