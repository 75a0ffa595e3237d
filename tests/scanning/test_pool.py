"""One delivery at a time in a process, whoever finds it, and none for ever."""

from __future__ import annotations

import signal
import threading

import pytest

from scanning import pool


@pytest.fixture
def queue(monkeypatch) -> list[int]:
    """Deliveries that are due, without a database."""
    due: list[int] = []
    monkeypatch.setattr(pool, "close_old_connections", lambda: None)
    monkeypatch.setattr(pool, "claim", lambda: due.pop() if due else None)
    monkeypatch.setattr(pool, "process", lambda held: None)
    return due


def test_it_works_off_what_is_due(queue) -> None:
    queue += [1, 2, 3]
    assert pool.work() == 3


def test_who_comes_while_it_works_does_not_wait_and_is_not_forgotten(queue, monkeypatch) -> None:
    queue.append(1)
    seen: list[int] = []

    def process(held: int) -> None:
        seen.append(held)
        if held == 1:
            other = threading.Thread(target=lambda: seen.append(-pool.work()))
            other.start()
            other.join(5)
            # What the other was told of is found by the run that was at work.
            queue.append(2)

    monkeypatch.setattr(pool, "process", process)
    assert pool.work() == 2
    assert seen == [1, 0, 2]


def test_it_goes_home_after_its_turn(queue, monkeypatch) -> None:
    monkeypatch.setattr(pool, "TURN_SECONDS", 0.0)
    queue.append(1)
    assert pool.work() == 0


def test_nothing_is_begun_while_the_process_ends(queue, monkeypatch) -> None:
    ending = threading.Event()
    ending.set()
    monkeypatch.setattr(pool, "ENDING", ending)
    queue.append(1)
    assert pool.work() == 0


def test_the_kernel_watches_the_time_of_one_delivery() -> None:
    with pool.time_limit():
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= pool.DELIVERY_SECONDS
    assert signal.getitimer(signal.ITIMER_REAL)[0] == 0


def test_the_sweeper_survives_whatever_happens(monkeypatch) -> None:
    ending, looks = threading.Event(), []

    def work() -> int:
        looks.append(1)
        if len(looks) == 3:
            ending.set()
        raise RuntimeError

    monkeypatch.setattr(pool, "ENDING", ending)
    monkeypatch.setattr(pool, "work", work)
    monkeypatch.setattr(pool.settings, "SWEEP_SECONDS", 0)
    monkeypatch.setattr(pool.connection, "close", lambda: None)
    pool.sweep()
    assert len(looks) == 3
