"""The doorbell never harms who rings it."""

import time

import pytest

from scanning.hints import Bell


def test_it_rings(monkeypatch) -> None:
    # A busy machine may take longer than a sender would wait.
    monkeypatch.setattr("scanning.hints.TIMEOUT_SECONDS", 10)
    assert Bell().ring("scanning.tasks.work_off")


def test_a_broker_that_is_away_costs_one_try_in_five_seconds(settings, monkeypatch) -> None:
    bell, opened = Bell(), []

    def refuse() -> None:
        opened.append(1)
        raise ConnectionRefusedError

    monkeypatch.setattr(bell, "_open", refuse)
    start = time.monotonic()
    assert not any(bell.ring("scanning.tasks.work_off") for _ in range(100))
    assert len(opened) == 1
    assert time.monotonic() - start < 1


@pytest.mark.django_db
def test_ready_when_everything_is_there(client) -> None:
    assert client.get("/readyz").json() == {"database": "ok", "broker": "ok", "migrations": "ok"}


def test_hints_that_nobody_takes_stay_few(monkeypatch) -> None:
    monkeypatch.setattr("scanning.hints.TIMEOUT_SECONDS", 10)
    monkeypatch.setattr("scanning.hints.KEEP", 3)
    monkeypatch.setattr("scanning.hints.TRIM_EVERY", 5)
    bell = Bell()
    assert all(bell.ring("scanning.tasks.work_off") for _ in range(10))
    with bell.connection.default_channel.conn_or_acquire() as client:
        # Other tests may ring too.
        assert client.llen("celery") < 10
        client.delete("celery")
    bell.connection.release()
