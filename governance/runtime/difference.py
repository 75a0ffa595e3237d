"""Two runs of one tool side by side: of one host at two times, or of two hosts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet

from governance.runtime.models import BenchmarkResult, BenchmarkRun

# How what stands in `here` differs from `there`; only these are shown, what is the same is counted.
KINDS = {
    "worse": "Worse here",
    "better": "Better here",
    "only_here": "Only here",
    "only_there": "Only there",
}
MOST = 500
MOST_CANDIDATES = 200
WORDS = ("pass", "info", "warn", "fail")

# A result that fails is worse than one that warns; pass and note are the same. Where a check stands twice in a run
# (same check, same target), the worst counts.
PAIRS = """
WITH here AS (
    SELECT check_id, target, max(title) AS title, max(rank) AS rank FROM runtime_benchmarkresult
    WHERE run_id = %(here)s GROUP BY check_id, target
), there AS (
    SELECT check_id, target, max(title) AS title, max(rank) AS rank FROM runtime_benchmarkresult
    WHERE run_id = %(there)s GROUP BY check_id, target
), pair AS MATERIALIZED (
    SELECT check_id, target, coalesce(nullif(here.title, ''), there.title, '') AS title,
        here.rank AS here, there.rank AS there,
        CASE WHEN there.rank IS NULL THEN 'only_here' WHEN here.rank IS NULL THEN 'only_there'
             WHEN greatest(here.rank / 10, 1) > greatest(there.rank / 10, 1) THEN 'worse'
             WHEN greatest(here.rank / 10, 1) < greatest(there.rank / 10, 1) THEN 'better' ELSE 'same' END AS change
    FROM here FULL JOIN there USING (check_id, target)
), counted AS (
    SELECT change, count(*) AS amount FROM pair GROUP BY change
), worst AS (
    SELECT * FROM pair WHERE change = ANY(%(kinds)s::text[])
    ORDER BY array_position(%(kinds)s::text[], change), greatest(here, there) DESC, check_id, target LIMIT %(most)s
)
SELECT (SELECT coalesce(json_object_agg(change, amount), '{}') FROM counted),
       (SELECT coalesce(json_agg(json_build_array(check_id, title, target, here, there, change)), '[]') FROM worst)
"""


@dataclass(frozen=True, slots=True)
class Pair:
    """A check at a target, and what either run says of it; "" where it says nothing."""

    check_id: str
    title: str
    target: str
    here: str
    there: str
    change: str

    @property
    def word(self) -> str:
        """How they differ."""
        return KINDS[self.change]

    @property
    def here_word(self) -> str:
        """The result as people read it."""
        return str(BenchmarkResult.Result(self.here).label) if self.here else ""

    @property
    def there_word(self) -> str:
        """The result as people read it."""
        return str(BenchmarkResult.Result(self.there).label) if self.there else ""


@dataclass(frozen=True, slots=True)
class Difference:
    """How many checks differ in which way, and the worst of them."""

    counts: dict[str, int]
    pairs: list[Pair]
    left_out: int

    @property
    def same(self) -> int:
        """Checks of which both say the same."""
        return self.counts.get("same", 0)


def difference(here: BenchmarkRun, there: BenchmarkRun, kinds: Sequence[str] = (), most: int = MOST) -> Difference:
    """What differs in `here` from `there`, in these ways (all, if none are given), worst first."""
    wanted = [kind for kind in KINDS if kind in kinds or not kinds]
    values: dict[str, Any] = {"here": here.pk, "there": there.pk, "kinds": wanted, "most": most}
    with connection.cursor() as cursor:
        cursor.execute(PAIRS, values)
        counts, rows = cursor.fetchone()
    pairs = [Pair(row[0], row[1], row[2], _word(row[3]), _word(row[4]), row[5]) for row in rows]
    return Difference(
        {"same": 0, **dict.fromkeys(KINDS, 0), **counts},
        pairs,
        sum(counts.get(kind, 0) for kind in wanted) - len(pairs),
    )


def _word(rank: int | None) -> str:
    return "" if rank is None else WORDS[rank // 10]


def comparable(run: BenchmarkRun, among: QuerySet[BenchmarkRun]) -> QuerySet[BenchmarkRun]:
    """Runs that have something in common with it: of the same tool, its own history and what is newest elsewhere."""
    return among.filter(Q(key=run.key) | Q(is_current=True), tool=run.tool).exclude(pk=run.pk).order_by("-at", "-id")
