"""Senders as CI has them: distinct small reports from several threads, each sent again until it is acknowledged."""

from __future__ import annotations

import gzip
import hashlib
import http.client
import itertools
import json
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from types import TracebackType
from typing import Any
from urllib.parse import quote

import psycopg

from governance.local.instance import HOST
from tests.faults.instance import Instance, wait_until
from tests.make import digest_of, make_report, make_vulnerability

NUMBERS = itertools.count(1)
# This many reports in a row speak of the same image, so that workers meet on it.
PER_IMAGE = 3
GIVE_UP_SECONDS = 60.0
# Senders wait while so many of their reports are unfinished: a busy machine must not make a fault look slow to heal.
AHEAD = 80
BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)


@dataclass
class Report:
    """One report on its way: what was sent, and every answer (a status, or "broken" where none came)."""

    body: bytes
    name: str
    key: str = ""
    image: str = ""
    gzip: bool = False
    id: int | None = None
    answers: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    acknowledged_at: float = 0.0

    @property
    def sha256(self) -> str:
        """What the database knows its body by."""
        return hashlib.sha256(self.body).hexdigest()


def make_load_report(findings: int = 8) -> Report:
    """A report unlike all others; its findings are shared with many."""
    number = next(NUMBERS)
    image = number // PER_IMAGE
    name = f"registry.example/app{image % 7}/api:{image}"
    found = [make_vulnerability(f"CVE-2099-{(number * 7 + i) % 400:04}", f"package{i % 30}") for i in range(findings)]
    at = (BEGINNING + timedelta(seconds=number)).isoformat()
    document = make_report(name, config=digest_of(name), vulnerabilities=found, at=at, DiffIDs=[digest_of(name)])
    # Half of the senders name their deliveries, the others rely on the body alone.
    return Report(json.dumps(document).encode(), name, f"build {number}" if number % 2 else "")


class Sender:
    """One connection to the web process, kept as long as it holds."""

    def __init__(self, instance: Instance, timeout: float = 20.0) -> None:
        self.instance = instance
        self.connection = http.client.HTTPConnection(HOST, instance.port, timeout=timeout)
        # Answers that no sender should ever get.
        self.wrong: list[str] = []

    def post(self, report: Report) -> tuple[int, dict[str, Any], str | None]:
        """Send once: status, document, Retry-After. Raises OSError or HTTPException where no answer comes."""
        headers = {"Authorization": f"Bearer {self.instance.token}", "Content-Type": "application/json"}
        if report.key:
            headers["Idempotency-Key"] = report.key
        body = report.body
        if report.gzip:
            body, headers["Content-Encoding"] = gzip.compress(body, 1), "gzip"
        path = f"/api/v1/reports/?image={quote(report.image)}" if report.image else "/api/v1/reports/"
        began = time.monotonic()
        try:
            self.connection.request("POST", path, body, headers)
            response = self.connection.getresponse()
            text = response.read()
        except (OSError, http.client.HTTPException):
            report.answers.append("broken")
            self.connection.close()
            raise
        report.seconds.append(time.monotonic() - began)
        report.answers.append(str(response.status))
        is_json = "json" in response.getheader("Content-Type", "")
        document = json.loads(text) if is_json else {"text": text.decode()}
        return response.status, document, response.getheader("Retry-After")

    def deliver(self, report: Report, pause: float = 0.2) -> bool:
        """Send until it is acknowledged; False where the answer is none a sender should get."""
        until = time.monotonic() + GIVE_UP_SECONDS
        while time.monotonic() < until:
            try:
                status, document, retry_after = self.post(report)
            except (OSError, http.client.HTTPException):
                time.sleep(pause)
                continue
            if status in (200, 202):
                report.id = document["id"]
                report.acknowledged_at = time.monotonic()
                return True
            if status != 503 or retry_after is None:
                self.wrong.append(f"{status} (Retry-After {retry_after}): {document}")
                return False
            time.sleep(pause)
        self.wrong.append(f"not acknowledged within {GIVE_UP_SECONDS:.0f} s: {report.answers}")
        return False

    def close(self) -> None:
        """Hang up."""
        self.connection.close()


class Load:
    """Several senders at work while the `with` block runs; at its end each delivers what it has in hand."""

    def __init__(self, instance: Instance, threads: int = 4, pause: float = 0.04) -> None:
        self.instance = instance
        self.pause = pause
        self.reports: list[Report] = []
        self.wrong: list[str] = []
        self._over = threading.Event()
        self._ahead = threading.Event()
        self._threads = [threading.Thread(target=self._send, daemon=True) for _ in range(threads)]
        self._threads.append(threading.Thread(target=self._watch, daemon=True))

    def _watch(self) -> None:
        """Note whether the senders are too far ahead of the workers; without a database they send on."""
        while not self._over.wait(0.3):
            ids = [report.id for report in list(self.reports) if report.id is not None]
            query = "SELECT count(*) FROM scanning_delivery WHERE id = ANY(%s) AND finished_at IS NULL"
            is_ahead = False
            with suppress(psycopg.OperationalError):
                is_ahead = self.instance.rows(query, ids)[0][0] > AHEAD
            self._ahead.set() if is_ahead else self._ahead.clear()

    def _send(self) -> None:
        sender = Sender(self.instance)
        try:
            while not self._over.is_set():
                if self._ahead.is_set():
                    time.sleep(self.pause)
                    continue
                report = make_load_report()
                self.reports.append(report)
                sender.deliver(report)
                time.sleep(self.pause)
        finally:
            self.wrong += sender.wrong
            sender.close()

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over.set()
        for thread in self._threads:
            thread.join(GIVE_UP_SECONDS + 30)

    def works(self, count: int = 20) -> None:
        """Wait until more reports were accepted, and more finished."""
        accepted, finished = self.acknowledged, self.instance.done()
        wait_until(lambda: self.acknowledged > accepted + count, "reports are accepted")
        wait_until(lambda: self.instance.done() > finished + count, "reports are finished")

    def answers(self, status: str) -> int:
        """How many answers of this status came so far."""
        return sum(report.answers.count(status) for report in self.reports)

    def statuses(self) -> set[str]:
        """Which answers came."""
        return {answer for report in self.reports for answer in report.answers}

    @property
    def acknowledged(self) -> int:
        """How many were acknowledged so far."""
        return sum(1 for report in self.reports if report.id is not None)

    def answered_after_break(self) -> list[Report]:
        """Reports whose answer was lost though they were stored: the repetition was known already."""
        return [report for report in self.reports if report.answers[-1:] == ["200"]]

    def slow(self, since: int = 0) -> float:
        """Seconds within which 95 of 100 answers came, of the reports from number `since` on."""
        times = sorted(seconds for report in self.reports[since:] for seconds in report.seconds)
        return times[len(times) * 95 // 100]
