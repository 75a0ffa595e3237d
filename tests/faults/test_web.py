"""Accepting: what dies, repeats or quarrels on the way in."""

from __future__ import annotations

import os
import signal
import socket
import threading
from contextlib import suppress

import pytest

from governance.local.instance import HOST
from tests.faults.instance import WEB_TRAPS, Instance, wait_until
from tests.faults.ledger import Ledger
from tests.faults.load import Report, Sender, make_load_report


@pytest.mark.parametrize("point", WEB_TRAPS)
def test_a_report_is_kept_though_the_web_process_dies_before_it_answers(
    instance: Instance, ledger: Ledger, point: str
) -> None:
    kills = 3
    with ledger.load() as load:
        for _ in range(kills):
            wait_until(lambda: len(instance.children("web")) == 2, "both web processes are there")
            instance.spring(point)
            load.works()
    # The repetition was told that it is one, with the id that the lost answer had carried.
    assert len(load.answered_after_break()) >= kills


def test_a_hundred_copies_at_once_are_one_delivery(instance: Instance, ledger: Ledger) -> None:
    report = make_load_report()
    answers: list[tuple[int, int, bool]] = []
    barrier = threading.Barrier(8)

    def send(count: int) -> None:
        sender = Sender(instance)
        barrier.wait()
        for _ in range(count):
            copy = Report(report.body, report.name, report.key)
            status, document, _ = sender.post(copy)
            answers.append((status, document["id"], document["duplicate"]))
        sender.close()

    threads = [threading.Thread(target=send, args=(count,)) for count in (13, 13, 13, 13, 12, 12, 12, 12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(answers) == 100
    assert len({pk for _, pk, _ in answers}) == 1
    assert [duplicate for _, _, duplicate in answers].count(False) == 1
    assert {status for status, _, duplicate in answers if duplicate} == {200}
    report.id = answers[0][1]
    ledger.reports.append(report)


def test_a_key_that_was_used_for_another_body_is_refused(instance: Instance, ledger: Ledger) -> None:
    first, second = make_load_report(), make_load_report()
    first.key = second.key = "the same key"
    sender = Sender(instance)
    assert sender.deliver(first)
    status, document, _ = sender.post(second)
    sender.close()
    ledger.reports.append(first)
    assert status == 422
    assert str(first.id) in document["detail"]


def begin(instance: Instance, report: Report) -> socket.socket:
    """Open a connection and send half of a report."""
    head = [
        "POST /api/v1/reports/ HTTP/1.1",
        f"Host: {HOST}",
        f"Authorization: Bearer {instance.token}",
        f"Idempotency-Key: {report.key}",
        f"Content-Length: {len(report.body)}",
    ]
    client = socket.create_connection((HOST, instance.port), timeout=20)
    client.sendall("\r\n".join([*head, "", ""]).encode() + report.body[: len(report.body) // 2])
    return client


def test_half_a_report_is_not_taken_for_a_whole_one(instance: Instance, ledger: Ledger) -> None:
    report = make_load_report()
    report.key = "cut off on its way"
    with begin(instance, report) as client:
        client.shutdown(socket.SHUT_WR)
        assert client.recv(4096).startswith(b"HTTP/1.1 400")
    again(instance, ledger, report)


def test_a_web_process_that_dies_in_the_middle_of_a_body_leaves_nothing(instance: Instance, ledger: Ledger) -> None:
    report = make_load_report(findings=5_000)
    report.key = "died in the middle"
    with begin(instance, report) as client:
        for process in instance.children("web"):
            os.kill(process, signal.SIGKILL)
        # Cut off, or taken over from the queue by the next process, which then waits for the rest in vain.
        with suppress(ConnectionError, TimeoutError):
            assert client.recv(4096) == b""
    again(instance, ledger, report)


def again(instance: Instance, ledger: Ledger, report: Report) -> None:
    """The whole report, sent again with the same key, is the one that is stored; the ledger compares the bytes.

    The answer is 200 where the first one to it was lost with the process that is just being replaced.
    """
    sender = Sender(instance)
    assert sender.deliver(report)
    sender.close()
    ledger.reports.append(report)
    ledger.settle()
    ledger.check()


def test_stopping_the_web_process_under_load_loses_nothing(instance: Instance, ledger: Ledger) -> None:
    with ledger.load() as load:
        for _ in range(2):
            load.works()
            assert instance.stop("web") < 20
            instance.start_web()
