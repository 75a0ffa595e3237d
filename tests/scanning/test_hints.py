"""The doorbell never harms who rings it."""

import time

import pytest

from scanning.hints import Bell


def test_it_rings() -> None:
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
