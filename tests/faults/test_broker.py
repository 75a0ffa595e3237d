"""Valkey may be lost, emptied, full or frozen: it only carries hints."""

from __future__ import annotations

import time

import pytest
import redis

from tests.faults.instance import Instance, wait_until
from tests.faults.ledger import Ledger
from tests.faults.load import Load


def heard(instance: Instance, load: Load) -> None:
    """Hints arrive again: a worker that only seems to be connected would live on its sweeper alone."""
    before = instance.hints_taken()
    wait_until(lambda: instance.hints_taken() > before + 4, "hints reach the workers again", 45)
    load.works()


def test_a_broker_that_loses_everything_delays_only(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        for _ in range(3):
            load.works()
            instance.kill("valkey")
            instance.start_valkey()
        load.works()
        heard(instance, load)
    assert load.slow() < 1


def test_a_broker_that_is_emptied_delays_only(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        for _ in range(5):
            load.works()
            instance.valkey("FLUSHALL")
        heard(instance, load)


def test_work_goes_on_while_the_broker_is_away(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        load.works()
        instance.kill("valkey")
        gone = time.monotonic()
        load.works()
        while time.monotonic() < gone + 5:
            load.works()
        instance.start_valkey()
        load.works()
        heard(instance, load)
    assert load.statuses() <= {"200", "202"}
    assert load.slow() < 1


def test_a_full_broker_refuses_hints_and_nobody_notices(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        load.works()
        instance.valkey("CONFIG", "SET", "maxmemory", "1mb")
        with pytest.raises(redis.OutOfMemoryError):
            instance.valkey("SET", "ballast", "x")
        load.works()
        instance.valkey("CONFIG", "SET", "maxmemory", "256mb")
        load.works()
    assert load.statuses() <= {"200", "202"}


def test_a_frozen_broker_slows_nobody_down(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        load.works()
        since = len(load.reports)
        instance.freeze("valkey")
        frozen = time.monotonic()
        try:
            while time.monotonic() < frozen + 10:
                load.works()
        finally:
            instance.thaw("valkey")
        load.works()
        heard(instance, load)
    assert load.slow(since) < 1
    assert load.statuses() <= {"200", "202"}
