"""Results of benchmarks become rows: which run is current, and what changed since the run before.

They are checks of hosts, clusters, projects and accounts, and in no counter of vulnerabilities.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.db import connection

from governance.findings.record import Arrival
from governance.findings.report import Check, Kind, Result, ScanReport
from governance.images.clean import clean_scan_time, clean_text
from governance.runtime.models import BenchmarkRun

# What a run keeps of results, and a report of runs; beyond that a sentence says so.
MOST_RESULTS = 100_000
MOST_RUNS = 1_000
# How bad a result is, for the order in which people read and for what counts as a change.
BADNESS = {Result.FAIL: 3, Result.WARN: 2, Result.INFO: 1, Result.PASS: 0}


@dataclass(slots=True)
class Look:
    """One benchmark of one subject, with all its checks; a report may say it in several pieces."""

    kind: str
    subject: str
    title: str
    checks: list[Check] = field(default_factory=list)


def looks_of(report: ScanReport, arrival: Arrival) -> dict[bytes, Look]:
    """The report's benchmarks by their key; those without a result say nothing, and an event is no look at anything."""
    found: dict[bytes, Look] = {}
    for benchmark in report.benchmarks if report.kind != Kind.EVENT else ():
        if benchmark.checks:
            subject = clean_text(benchmark.name.strip() or arrival.subject, 200)
            look = Look(clean_text(benchmark.subject, 10), subject, clean_text(benchmark.title.strip(), 300))
            found.setdefault(key_of(look, report.scanner, arrival), look).checks.extend(benchmark.checks)
    return found


def key_of(look: Look, tool: str, arrival: Arrival) -> bytes:
    """What makes two runs two looks at the same thing.

    The team is part of it, so that nobody's run takes the place of another team's; the token only where nothing else
    tells two unnamed hosts apart.
    """
    sender = None if look.subject else arrival.token
    said = [arrival.team, arrival.is_demo, sender, clean_text(tool, 40), look.kind, look.subject, look.title]
    return hashlib.sha256(json.dumps(said).encode()).digest()[:16]


def reasons_of_benchmarks(report: ScanReport, arrival: Arrival) -> list[str]:
    """Sentences on what of the report's benchmarks is not kept, or has no name."""
    looks = looks_of(report, arrival)
    reasons = []
    if empty := sum(1 for benchmark in report.benchmarks if not benchmark.checks):
        reasons.append(f"{empty} of its benchmarks hold no result and were not recorded")
    if len(looks) > MOST_RUNS:
        reasons.append(f"of its {len(looks):,} benchmarks the first {MOST_RUNS:,} were recorded: send it in parts")
    if any(len(look.checks) > MOST_RESULTS for look in looks.values()):
        reasons.append(f"only the first {MOST_RESULTS:,} results of a benchmark are kept")
    if any(not look.subject for look in looks.values()):
        reasons.append("the report does not name what was looked at: send it with ?subject=NAME")
    return reasons


def record_benchmarks(report: ScanReport, arrival: Arrival) -> list[int]:
    """Record every benchmark of the report; returns the ids of the runs. Part of the caller's transaction.

    The same delivery recorded twice writes nothing the second time.
    """
    looks = dict(list(looks_of(report, arrival).items())[:MOST_RUNS])
    if not looks:
        return []
    lock(list(looks))
    if BenchmarkRun.objects.filter(delivery=arrival.delivery).exists():
        return []
    at, _ = clean_scan_time(report.scanned_at, arrival.received_at)
    runs = BenchmarkRun.objects.bulk_create(
        BenchmarkRun(
            key=key,
            team_id=arrival.team,
            token_id=arrival.token,
            delivery=arrival.delivery,
            is_demo=arrival.is_demo,
            tool=clean_text(report.scanner, 40),
            tool_version=clean_text(report.scanner_version, 60),
            subject_kind=look.kind,
            subject=look.subject,
            title=look.title,
            at=at,
            left_out=max(0, len(look.checks) - MOST_RESULTS),
            **counts(look.checks),
        )
        for key, look in looks.items()
    )
    ids = [run.pk for run in runs]
    copy_results(ids, list(looks.values()))
    choose_current(list(looks))
    compare(ids)
    return ids


def lock(keys: list[bytes]) -> None:
    """Let no other transaction record a run of these keys until this one ends; sorted, so nobody waits in a circle."""
    numbers = sorted(int.from_bytes(key[:8], "big", signed=True) for key in keys)
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key", [numbers])


def counts(checks: list[Check]) -> dict[str, int]:
    """All results by kind, also those beyond what is kept."""
    amounts = Counter(check.result for check in checks)
    columns = {"passed": Result.PASS, "failed": Result.FAIL, "warned": Result.WARN, "noted": Result.INFO}
    return {column: amounts[result] for column, result in columns.items()}


COPY = (
    "COPY runtime_benchmarkresult (run_id, check_id, title, result, severity, target, rank, change, before) FROM STDIN"
)
type Row = tuple[int, str, str, str, int, str, int, str, str]


def copy_results(runs: list[int], looks: list[Look]) -> None:
    """All results in one stream: a run may have a hundred thousand."""
    with connection.cursor() as cursor, cursor.copy(COPY) as copy:
        for run, look in zip(runs, looks, strict=True):
            for row in result_rows(run, look.checks[:MOST_RESULTS]):
                copy.write_row(row)


def result_rows(run: int, checks: list[Check]) -> Iterator[Row]:
    """The columns of each result, cleaned."""
    for check in checks:
        severity = int(check.severity)
        yield (
            run,
            clean_text(check.id, 200),
            clean_text(check.title, 512),
            str(check.result),
            severity,
            clean_text(check.target, 500),
            10 * BADNESS[check.result] + severity,
            "",
            "",
        )


CURRENT = """
WITH newest AS (
    SELECT (SELECT id FROM runtime_benchmarkrun run WHERE run.key = given.key ORDER BY at DESC, id DESC LIMIT 1) AS id
    FROM unnest(%s::bytea[]) AS given(key)
), gone AS (
    UPDATE runtime_benchmarkrun SET is_current = false
    WHERE key = ANY(%s::bytea[]) AND is_current AND id NOT IN (SELECT id FROM newest) RETURNING id
)
UPDATE runtime_benchmarkrun SET is_current = true
WHERE id IN (SELECT id FROM newest) AND NOT is_current AND (SELECT count(*) FROM gone) >= 0
"""


def choose_current(keys: list[bytes]) -> None:
    """Of each key the newest run is current, whatever the order in which they came; of two at once the later here.

    The count makes the new run wait until the old one has stepped back: only one may be current at any moment.
    """
    with connection.cursor() as cursor:
        cursor.execute(CURRENT, [keys, keys])


BEFORE = """
WITH told AS (
    SELECT key, at, id FROM runtime_benchmarkrun WHERE id = ANY(%s)
), concerned AS (
    SELECT id FROM told UNION SELECT
        (SELECT run.id FROM runtime_benchmarkrun run WHERE run.key = told.key AND (run.at, run.id) > (told.at, told.id)
         ORDER BY run.at, run.id LIMIT 1) FROM told
)
UPDATE runtime_benchmarkrun run SET previous_id =
    (SELECT id FROM runtime_benchmarkrun old WHERE old.key = run.key AND (old.at, old.id) < (run.at, run.id)
     ORDER BY old.at DESC, old.id DESC LIMIT 1)
WHERE run.id IN (SELECT id FROM concerned) RETURNING run.id
"""
# A result that fails is worse than one that warns; the others are all the same. Where a check stands twice in a run
# (same check, same target), the worst counts. A check that the run before did not have changed only if it is bad.
CHANGES = """
WITH here AS (
    SELECT DISTINCT ON (run_id, check_id, target) id, run_id, check_id, target, greatest(rank / 10, 1) AS bad
    FROM runtime_benchmarkresult WHERE run_id = ANY(%(runs)s) ORDER BY run_id, check_id, target, rank DESC, id
), there AS (
    SELECT run.id AS run_id, result.check_id, result.target, max(result.rank) / 10 AS bad
    FROM runtime_benchmarkrun run JOIN runtime_benchmarkresult result ON result.run_id = run.previous_id
    WHERE run.id = ANY(%(runs)s) GROUP BY 1, 2, 3
), changed AS (
    SELECT here.id, here.bad > greatest(coalesce(there.bad, 1), 1) AS worse,
        coalesce((ARRAY['pass', 'info', 'warn', 'fail'])[there.bad + 1], '') AS before
    FROM here LEFT JOIN there USING (run_id, check_id, target)
    JOIN runtime_benchmarkrun run ON run.id = here.run_id AND run.previous_id IS NOT NULL
    WHERE here.bad <> greatest(coalesce(there.bad, 1), 1)
)
UPDATE runtime_benchmarkresult result
SET change = CASE WHEN changed.worse THEN 'failing' ELSE 'fixed' END, before = changed.before
FROM changed WHERE changed.id = result.id
"""
TOTALS = """
UPDATE runtime_benchmarkrun run SET newly_failing = changes.failing, fixed = changes.fixed
FROM (
    SELECT given.id, count(*) FILTER (WHERE change = 'failing') AS failing, count(*) FILTER (WHERE change = 'fixed')
      AS fixed
    FROM unnest(%(runs)s::bigint[]) AS given(id)
    LEFT JOIN runtime_benchmarkresult result ON result.run_id = given.id AND result.change <> '' GROUP BY 1
) changes WHERE changes.id = run.id
"""


def compare(runs: list[int]) -> None:
    """Say of each run, and of the one after it where a run came late, what changed since the one before."""
    with connection.cursor() as cursor:
        cursor.execute(BEFORE, [runs])
        concerned = {"runs": [pk for (pk,) in cursor.fetchall()]}
        cursor.execute(
            "UPDATE runtime_benchmarkresult SET change = '', before = '' WHERE run_id = ANY(%(runs)s) AND change <> ''",
            concerned,
        )
        cursor.execute(CHANGES, concerned)
        cursor.execute(TOTALS, concerned)
