"""What a run is beside the runs around it: what newly fails, what is no longer reported, how it went before."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from django.db import connection
from django.db.models import Exists, OuterRef, QuerySet

from governance.runtime.models import BenchmarkResult, BenchmarkRun

NAMED = 3
NEWLY_FAILING = """
SELECT given.id, result.check_id, result.title FROM unnest(%s::bigint[]) AS given(id), LATERAL (
    SELECT check_id, title FROM runtime_benchmarkresult
    WHERE run_id = given.id AND change = 'failing' ORDER BY rank DESC LIMIT %s
) result
"""


def newly_failing(runs: Sequence[BenchmarkRun]) -> dict[int, list[tuple[str, str]]]:
    """{run: [(check, title)]} of the worst three checks that fail since the run before, for a page of runs."""
    found: dict[int, list[tuple[str, str]]] = defaultdict(list)
    ids = [run.pk for run in runs if run.newly_failing]
    if ids:
        with connection.cursor() as cursor:
            cursor.execute(NEWLY_FAILING, [ids, NAMED])
            for run, check, title in cursor.fetchall():
                found[run].append((check, title))
    return found


def no_longer_reported(run: BenchmarkRun) -> QuerySet[BenchmarkResult]:
    """What failed or warned in the run before and is not mentioned in this one: nobody can say that it was fixed.

    Nothing where a run holds less than was reported: then the silence has another reason.
    """
    if run.previous_id is None or run.left_out:
        return BenchmarkResult.objects.none()
    mentioned = BenchmarkResult.objects.filter(run=run, check_id=OuterRef("check_id"), target=OuterRef("target"))
    before = BenchmarkResult.objects.filter(run=run.previous_id, result__in=["fail", "warn"])
    return before.filter(~Exists(mentioned)).order_by("-rank", "id")


def history_of(run: BenchmarkRun, most: int = 20) -> list[BenchmarkRun]:
    """The same benchmark of the same subject, newest first."""
    return list(BenchmarkRun.objects.filter(key=run.key).order_by("-at", "-id")[:most])


def newest_of(run: BenchmarkRun) -> Any:
    """The run that is current in place of this one."""
    return BenchmarkRun.objects.current().filter(key=run.key).first()


def checks_of(runs: QuerySet[BenchmarkRun], tool: str, check: str) -> QuerySet[BenchmarkResult]:
    """The results of this check in those of the runs that are the newest of their kind."""
    newest = runs.filter(is_current=True, tool=tool).select_related(None).values("pk")
    return BenchmarkResult.objects.filter(check_id=check, run__in=newest).select_related("run__team", "run__token")
