"""Reports per second through everything: gunicorn, Celery worker, PostgreSQL and Valkey, all on this machine."""

from __future__ import annotations

import http.client
import itertools
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote

import psycopg

from governance.local.datadir import DataDirectory
from governance.local.instance import HOST, free_port, programs
from governance.local.process import Program, start, stop
from tests.bench import gates
from tests.bench.documents import USUAL, for_image, report
from tests.bench.ground import Ground, manage
from tests.bench.processes import members, proportional

SENDERS = 6
# The budget: so many a second have to be taken and processed.
PACE = 25.0
# Each image is new; one in ten brings a finding that nobody has seen yet.
NEW_FINDING_EVERY = 10
DRAINING = 120.0


@dataclass
class Sent:
    """What the senders met."""

    seconds: list[float] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    errors: list[str] = field(default_factory=list)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def note(self, status: int, seconds: float) -> None:
        """One answer."""
        with self.lock:
            self.statuses[status] = self.statuses.get(status, 0) + 1
            if status < 300:
                self.seconds.append(seconds)


@dataclass(frozen=True)
class Target:
    """The running Portwarden."""

    port: int
    token: str
    cluster: str
    database: str
    groups: dict[str, int]  # program → session, whose processes count as its own

    def send(self, connection: http.client.HTTPConnection, body: bytes, image: int) -> int:
        """Post one report; the status."""
        path = f"/api/v1/reports/?stage=ci&image={quote(f'registry.bench.example/team/app:build-{image:06d}')}"
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        answer.read()
        return answer.status

    def count(self, *states: str) -> int:
        """Deliveries in these states."""
        with psycopg.connect(self.database) as connection:
            row = connection.execute("SELECT count(*) FROM scanning_delivery WHERE state = ANY(%s)", [list(states)])
            return int((row.fetchone() or [0])[0])

    def memory(self) -> dict[str, float]:
        """Proportional set size of each program with its children, in megabytes (Linux)."""
        return {name: sum(map(proportional, members(session))) for name, session in self.groups.items()}


@contextmanager
def running(ground: Ground) -> Iterator[Target]:
    """Web, worker and beat as `make up` starts them."""
    port = free_port(0)
    environment = ground.fresh("stack") | {"BASE_URL": f"http://{HOST}:{port}", "WEB_CONCURRENCY": "2"}
    tokens = [manage(environment, "token", "create", "bench", "--scope", scope) for scope in ("ingest", "agent")]
    started: list[tuple[Program, subprocess.Popen[bytes]]] = []
    try:
        wanted = programs(DataDirectory(ground.directory), port, environment)
        started.extend((program, start(program)) for program in wanted)
        target = Target(
            port, *tokens, environment["DATABASE_URL"], {program.name: process.pid for program, process in started}
        )
        wait_until_ready(port)
        yield target
    finally:
        for program, process in reversed(started):
            stop(process, program)


def wait_until_ready(port: int) -> None:
    """Until the web process finds everything it needs."""
    until = time.monotonic() + 60
    while time.monotonic() < until:
        connection = http.client.HTTPConnection(HOST, port, timeout=5)
        try:
            connection.request("GET", "/readyz")
            if connection.getresponse().status == http.client.OK:
                return
        except OSError:
            time.sleep(0.1)
        finally:
            connection.close()
    raise RuntimeError("the web process did not come up")


def percentile(values: list[float], share: float) -> float:
    """The value below which `share` of all lie."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else float("nan")


def flood(target: Target, numbers: Iterator[int], seconds: float, pace: float | None = None) -> dict[str, Any]:
    """Send from several threads for so long, as fast as they can or `pace` a second, then wait for the workers."""
    template, sent = report(USUAL), Sent()
    before, began = target.count("done"), time.monotonic()
    slots = itertools.count()

    def sender() -> None:
        connection = http.client.HTTPConnection(HOST, target.port, timeout=30)
        while True:
            due = began + next(slots) / pace if pace else time.monotonic()
            if due > began + seconds or time.monotonic() > began + seconds:
                return
            image = next(numbers)
            variant = image // NEW_FINDING_EVERY if image % NEW_FINDING_EVERY == 0 else 0
            body = for_image(template, image, variant=variant)
            time.sleep(max(0.0, due - time.monotonic()))
            asked = time.perf_counter()
            try:
                sent.note(target.send(connection, body, image), time.perf_counter() - asked)
            except (OSError, http.client.HTTPException) as error:
                sent.errors.append(type(error).__name__)
                connection.close()

    threads = [threading.Thread(target=sender) for _ in range(SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    sending = time.monotonic() - began
    waiting = target.count("received", "processing")
    drain(target)
    whole = time.monotonic() - began
    return {
        "seconds": sending,
        "accepted": len(sent.seconds),
        "accepted_per_second": len(sent.seconds) / sending,
        "processed_per_second": (target.count("done") - before) / whole,
        "waiting_at_the_end": waiting,
        "seconds_to_drain": whole - sending,
        "accept_p50_ms": statistics.median(sent.seconds or [float("nan")]) * 1000,
        "accept_p99_ms": percentile(sent.seconds, 0.99) * 1000,
        "statuses": {str(status): amount for status, amount in sent.statuses.items()},
        "errors": sent.errors,
        "quarantined": target.count("quarantined"),
    }


def asked(target: Target, numbers: Iterator[int], seconds: float) -> dict[str, Any]:
    """What gate and admission answer while reports come at the budget's pace, and with nothing beside."""
    found = {}
    for name, make, token in (
        ("gate", gates.gate_requests, target.token),
        ("admission", gates.admission_requests, target.cluster),
    ):
        questions = make(token, max(1, target.count("done")))
        found[name] = gates.measure(
            gates.Asked(target.port, target.groups["web"], target.database, questions),
            lambda: flood(target, numbers, seconds, PACE),
            seconds,
        )
    return found


def drain(target: Target) -> None:
    """Until nothing is open."""
    until = time.monotonic() + DRAINING
    while target.count("received", "processing"):
        if time.monotonic() > until:
            return
        time.sleep(0.1)


def measure(ground: Ground, seconds: float) -> dict[str, Any]:
    """Memory at rest, a warm-up that teaches the findings, the budget's pace, then as fast as it goes."""
    numbers = itertools.count(1)
    with running(ground) as target:
        time.sleep(3)
        figures: dict[str, Any] = {"idle_megabytes": target.memory()}
        flood(target, numbers, 3)
        figures["at_pace"] = flood(target, numbers, seconds, PACE)
        figures |= asked(target, numbers, seconds)
        figures["flat_out"] = flood(target, numbers, seconds)
        figures["busy_megabytes"] = target.memory()
    return figures
