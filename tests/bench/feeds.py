"""Feeds on a fleet: the daily EPSS file, in which nearly every score moved a little, and a day's new known exploits."""

from __future__ import annotations

import io
import time
from collections.abc import Callable
from datetime import date
from typing import Any

from django.db import connection

from governance.findings import weigh
from governance.findings.enrichment import Exploit, store_exploits, store_scores
from scanning.feeds import epss
from tests.bench.seed import VULNERABILITIES

ROWS = 280_000


def csv(day: int) -> bytes:
    """A file of `ROWS` scores, each a little different every day."""
    lines = ["#model_version:v1,score_date:2026-11-20T00:00:00+0000", epss.COLUMNS]
    for number in range(ROWS):
        score = (number * 7919 % 100_000) ** 4 / 10**20
        moved = min(1.0, score * (1 + day * 0.001) + day * 0.00001)
        lines.append(f"CVE-2099-{100_000 + number},{moved:.5f},{number / ROWS:.5f}")
    return "\n".join(lines).encode()


def timed(what: Callable[[], object]) -> float:
    """Seconds it took."""
    began = time.monotonic()
    what()
    return round(time.monotonic() - began, 2)


def longest() -> Callable[[], object]:
    """All slices, one after the other; keeps how long the longest took."""

    def work() -> None:
        while weigh.waiting():
            seconds = timed(lambda: weigh.settle_weights(most=1))
            work.longest = max(work.longest, seconds)  # type: ignore[attr-defined]

    work.longest = 0.0  # type: ignore[attr-defined]
    return work


def measure() -> dict[str, Any]:
    """Seconds for each step: read the file, store it, carry it on to all sets and images."""
    found: dict[str, Any] = {}
    with connection.cursor() as cursor:
        cursor.execute("SET statement_timeout = 0")
    for day in (1, 2):
        body = csv(day)
        rows = epss.read(io.BytesIO(body)).rows
        found[f"epss_{day}_read"] = timed(lambda body=body: epss.read(io.BytesIO(body)))  # type: ignore[misc]
        found[f"epss_{day}_store"] = timed(lambda rows=rows: store_scores(rows))  # type: ignore[misc]
        found[f"epss_{day}_sets"] = weigh.waiting()
        found[f"epss_{day}_carry"] = timed(work := longest())
        found[f"epss_{day}_longest_slice"] = work.longest  # type: ignore[attr-defined]
    today = date(2026, 11, 20)
    names = [f"CVE-2099-{100_000 + number * 3}" for number in range(1500)]
    for step, amount in (("first", 1_490), ("daily", 1_500)):
        rows_of_day = [Exploit(name, today, today, False) for name in names[:amount]]
        found[f"kev_{step}_store"] = timed(lambda rows=rows_of_day: store_exploits(rows))  # type: ignore[misc]
        found[f"kev_{step}_sets"] = weigh.waiting()
        found[f"kev_{step}_carry"] = timed(work := longest())
        found[f"kev_{step}_longest_slice"] = work.longest  # type: ignore[attr-defined]
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*), count(*) FILTER (WHERE exploited > 0), avg(risk)::float8 FROM images_image")
        found["images"], found["exploited"], found["average_risk"] = cursor.fetchone()
    found["vulnerabilities"] = VULNERABILITIES
    return found
