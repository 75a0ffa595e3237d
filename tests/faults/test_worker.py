"""Processing: what dies or freezes with a delivery in its hands."""

from __future__ import annotations

import os

import pytest

from tests.faults.instance import LEASE_SECONDS, Instance, wait_until
from tests.faults.ledger import Ledger
from tests.faults.load import Load, Sender, make_load_report

ATTEMPTS = "SELECT attempts, count(*) FROM scanning_delivery WHERE id = ANY(%s) GROUP BY attempts"


def attempts(instance: Instance, load: Load) -> dict[int, int]:
    """How many deliveries of a load needed how many attempts."""
    ids = [report.id for report in load.reports if report.id is not None]
    return dict(instance.rows(ATTEMPTS, ids))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("point", "again"),
    [
        pytest.param("process.in_parse", True, id="redone after dying while it reads"),
        pytest.param("process.before_commit", True, id="rolled back and redone after dying in the transaction"),
        pytest.param("process.after_commit", False, id="not redone after dying when all was committed"),
    ],
)
def test_a_worker_that_dies_leaves_nothing_lost_and_nothing_doubled(
    instance: Instance, ledger: Ledger, point: str, again: bool
) -> None:
    kills = 3
    with ledger.load() as load:
        for _ in range(kills):
            wait_until(lambda: len(instance.children("worker")) == 2, "both worker processes are there")
            instance.spring(point)
    ledger.settle()
    # Each death costs one attempt; a delivery that is tried again may meet the next one, too.
    wasted = sum((tried - 1) * amount for tried, amount in attempts(instance, load).items())
    assert wasted == (kills if again else 0)


def test_killing_the_whole_worker_again_and_again_loses_nothing(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        for _ in range(3):
            load.works()
            instance.kill("worker")
            instance.start_worker()


def test_stopping_the_worker_under_load_wastes_no_attempt(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        for _ in range(2):
            load.works()
            assert instance.stop("worker") < 25
            instance.start_worker()
    ledger.settle()
    assert set(attempts(instance, load)) == {1}


def test_a_report_that_kills_its_worker_is_put_aside_and_its_neighbours_are_done(
    instance: Instance, ledger: Ledger
) -> None:
    poison = make_load_report()
    poison.image = "poison"
    sender = Sender(instance)
    with ledger.load(threads=2):
        assert sender.deliver(poison)
        wait_until(lambda: instance.is_final(poison.id), "the poison is put aside", 4 * LEASE_SECONDS + 10)
    sender.close()
    ledger.reports.append(poison)
    ledger.quarantined.add(int(poison.id or 0))
    delivery = instance.delivery(poison.id)
    assert (delivery["state"], delivery["error_class"]) == ("quarantined", "Crashed")
    assert "died 3 times" in delivery["error"]


def test_a_report_too_large_for_a_workers_memory_is_put_aside_and_its_neighbours_are_done(
    instance: Instance, ledger: Ledger
) -> None:
    large = make_load_report()
    large.gzip = True
    large.body = large.body.replace(b"invented", (os.urandom(500).hex() + "x" * 40_000).encode() * 2_500, 1)
    sender = Sender(instance)
    instance.kill("worker")
    instance.start_worker(WORKER_MEMORY_MB="256")
    with ledger.load(threads=2):
        assert sender.deliver(large), sender.wrong
        wait_until(lambda: instance.is_final(large.id), "the large report is put aside", 60)
    sender.close()
    ledger.reports.append(large)
    ledger.quarantined.add(int(large.id or 0))
    instance.kill("worker")
    instance.start_worker()
    assert "memory" in instance.delivery(large.id)["error"]


def test_a_worker_asked_to_stop_finishes_what_it_has_in_its_hands(instance: Instance, ledger: Ledger) -> None:
    sender = Sender(instance)
    instance.freeze("worker")
    try:
        for point in ("process.in_parse", "process.before_commit"):
            marker = instance.lay("slow")
            instance.start_worker("slow", f"{point}:sleep=1@{marker}", processes=1)
            report = make_load_report()
            assert sender.deliver(report)
            ledger.reports.append(report)
            wait_until(lambda marker=marker: not marker.exists(), f"somebody is at {point}")
            instance.stop("slow")
            delivery = instance.delivery(report.id)
            assert (delivery["state"], delivery["attempts"]) == ("done", 1)
    finally:
        sender.close()
        instance.thaw("worker")


@pytest.mark.parametrize("point", ["process.after_parse", "process.before_commit"])
def test_an_owner_who_returns_after_its_lease_changes_nothing(instance: Instance, ledger: Ledger, point: str) -> None:
    marker = instance.markers / "frozen"
    instance.freeze("worker")
    report, later = make_load_report(), make_load_report()
    sender = Sender(instance)
    try:
        instance.start_worker("sleeper", f"{point}:sleep=1@{marker}", processes=1)
        marker.touch()
        assert sender.deliver(report)
        wait_until(lambda: not marker.exists(), "the sleeper has the report in its hands")
        instance.freeze("sleeper")
    finally:
        instance.thaw("worker")
    ledger.reports += [report, later]
    wait_until(lambda: instance.is_final(report.id), "another worker finished it", LEASE_SECONDS + 10)
    before = instance.delivery(report.id)
    assert (before["state"], before["attempts"]) == ("done", 2)
    instance.thaw("sleeper")
    # It notices, and is of use again.
    instance.freeze("worker")
    try:
        assert sender.deliver(later)
        wait_until(lambda: instance.is_final(later.id), "the sleeper works again")
    finally:
        instance.thaw("worker")
        instance.stop("sleeper")
        sender.close()
    assert instance.delivery(report.id) == before
