"""What processing one usual report costs, against reading it with the fastest JSON library and one commit."""

from __future__ import annotations

import io
import statistics
import time
from collections.abc import Callable
from contextlib import contextmanager
from functools import partial
from typing import Any

import orjson
from django.db import connection, transaction

from scanning import pool
from scanning.body import receive
from scanning.deliveries import Envelope, accept, claim
from scanning.ingest import process
from scanning.models import Delivery
from tests.bench.documents import USUAL, for_image, report

ROUNDS = 40


class Statements:
    """Collects what is sent to the database."""

    def __init__(self) -> None:
        self.sent: list[str] = []

    def __call__(self, execute: Callable[..., Any], sql: str, params: Any, many: bool, context: Any) -> Any:
        self.sent.append(" ".join(sql.split())[:60])
        return execute(sql, params, many, context)

    @property
    def finishing(self) -> int:
        """How many the finishing transaction has: it begins with the update of the delivery and is the last."""
        plain = [sql.replace('"', "") for sql in self.sent]
        return len(plain) - max(
            number for number, sql in enumerate(plain) if sql.startswith("UPDATE scanning_delivery")
        )


@contextmanager
def recorded() -> Any:
    statements = Statements()
    with connection.execute_wrapper(statements):
        yield statements


def milliseconds(work: Callable[[], object]) -> float:
    """Wall time of one call."""
    start = time.perf_counter()
    work()
    return (time.perf_counter() - start) * 1000


def one_commit() -> None:
    """A row of nothing, durable."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("INSERT INTO bench_commit VALUES (1)")


def take(body: bytes, steps: dict[str, list[float]]) -> Statements:
    """Accept, claim and process one report, with the time of each step."""
    received = receive(io.BytesIO(body))
    steps["accept"].append(milliseconds(lambda: accept(received, Envelope(), ring=False)))
    held: list[Any] = []
    with recorded() as statements:
        steps["claim"].append(milliseconds(lambda: held.append(claim())))
        steps["process"].append(milliseconds(lambda: process(held[0])))
    state = Delivery.objects.get(pk=held[0].id)
    assert state.state == Delivery.State.DONE, state.error
    return statements


def series(bodies: list[bytes]) -> dict[str, Any]:
    """Medians of each step, and the statements of the last round."""
    steps: dict[str, list[float]] = {"accept": [], "claim": [], "process": []}
    loads, commits, statements = [], [], Statements()
    for body in bodies:
        # In turn, so that a busy moment of the machine and a cold cache meet all of them alike.
        loads.append(milliseconds(partial(orjson.loads, body)))
        commits.append(milliseconds(one_commit))
        statements = take(body, steps)
    found = {f"{name}_ms": statistics.median(times) for name, times in steps.items()}
    load, commit = statistics.median(loads), statistics.median(commits)
    return found | {
        "orjson_ms": load,
        "commit_ms": commit,
        "ratio": (found["process_ms"] - commit) / load,
        "statements": len(statements.sent),
        "statements_finishing": statements.finishing,
        "sent": statements.sent,
    }


def measure() -> dict[str, Any]:
    """Steady state: findings known, image new; the same with a set that nobody had; the same image again."""
    # As a worker's connection is set up.
    pool.keep_plans()
    with connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_commit (n int)")
    template = report(USUAL)
    warm: dict[str, list[float]] = {"accept": [], "claim": [], "process": []}
    for image in range(5):
        take(for_image(template, image), warm)
    return {
        "bytes": len(template),
        "first_ms": warm["process"][0],
        "new_image": series([for_image(template, 100 + image) for image in range(ROUNDS)]),
        "new_set": series([for_image(template, 200 + image, variant=image + 1) for image in range(ROUNDS)]),
        "rescan": series([for_image(template, 1, minute=10 + number) for number in range(ROUNDS)]),
    }
