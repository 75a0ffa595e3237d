"""Valkey may be lost, emptied, full or frozen: it only carries hints."""

from __future__ import annotations

import time

from tests.faults.instance import Instance, wait_until
from tests.faults.ledger import Ledger
from tests.faults.load import Load
from tests.faults.test_worker import done


def works(instance: Instance, load: Load) -> None:
    """Reports are accepted and finished."""
    accepted, finished = load.acknowledged, done(instance)
    wait_until(lambda: load.acknowledged > accepted + 20, "reports are accepted")
    wait_until(lambda: done(instance) > finished + 20, "reports are finished")


def test_a_broker_that_loses_everything_delays_only(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        for _ in range(3):
            works(instance, load)
            instance.kill("valkey")
            instance.start_valkey()
        works(instance, load)
    assert load.slowest() < 2


def test_a_broker_that_is_emptied_delays_only(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        for _ in range(5):
            works(instance, load)
            instance.valkey("FLUSHALL")


def test_work_goes_on_while_the_broker_is_away(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        works(instance, load)
        instance.kill("valkey")
        gone = time.monotonic()
        works(instance, load)
        while time.monotonic() < gone + 5:
            works(instance, load)
        instance.start_valkey()
        works(instance, load)
    assert {answer for report in load.reports for answer in report.answers} <= {"200", "202"}
    assert load.slowest() < 2


def test_a_full_broker_refuses_hints_and_nobody_notices(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        works(instance, load)
        instance.valkey("CONFIG", "SET", "maxmemory", "1mb")
        try:
            instance.valkey("SET", "ballast", "x" * 2**20)
        except Exception:  # noqa: S110, BLE001 (full is what it should be)
            pass
        works(instance, load)
        instance.valkey("CONFIG", "SET", "maxmemory", "256mb")
        works(instance, load)
    assert {answer for report in load.reports for answer in report.answers} <= {"200", "202"}


def test_a_frozen_broker_slows_nobody_down(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        works(instance, load)
        since = len(load.reports)
        instance.freeze("valkey")
        frozen = time.monotonic()
        try:
            while time.monotonic() < frozen + 10:
                works(instance, load)
        finally:
            instance.thaw("valkey")
        works(instance, load)
    assert load.slowest(since) < 1
    assert {answer for report in load.reports for answer in report.answers} <= {"200", "202"}
