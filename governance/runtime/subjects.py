"""Hosts, clusters, projects and accounts, each with what the newest runs of all its benchmarks come to; worst first."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.contrib.postgres.aggregates import ArrayAgg, BoolOr
from django.db.models import Case, CharField, Count, F, Max, Min, QuerySet, Sum, Value, When

from governance.runtime.models import BenchmarkRun

MOST = 500
SUMS = ("passed", "failed", "warned", "noted", "newly_failing", "fixed")
# Unnamed subjects are told apart by who sent them, as runs are.
SENDER = Case(When(subject="", then=F("token__name")), default=Value(None), output_field=CharField(null=True))


@dataclass(frozen=True, slots=True)
class Subject:
    """What was looked at; results are those of its newest runs, added up."""

    kind: str
    subject: str
    sender: str | None
    team: str | None
    tools: list[str]
    benchmarks: int
    passed: int
    failed: int
    warned: int
    noted: int
    newly_failing: int
    fixed: int
    oldest: datetime
    newest: datetime
    is_demo: bool

    @property
    def kind_word(self) -> str:
        """As people call it."""
        return str(BenchmarkRun.Kind(self.kind).label) if self.kind in BenchmarkRun.Kind.values else self.kind

    @property
    def name(self) -> str:
        """What to call it."""
        sender = f"token {self.sender}" if self.sender else "command line"
        return self.subject or f"unnamed {self.kind} ({sender})"

    @property
    def rate(self) -> float | None:
        """Of the checks that could fail the share that did not, 0 to 1; None where none could."""
        judged = self.passed + self.failed + self.warned
        return self.passed / judged if judged else None

    @property
    def percent(self) -> int | None:
        """The rate as people read it; 100 only where nothing failed."""
        return None if self.rate is None else int(100 * self.rate)


def subjects_of(runs: QuerySet[BenchmarkRun], most: int = MOST) -> tuple[list[Subject], bool]:
    """The subjects of these runs, most failed checks first, and whether there are more than `most`."""
    order = ("-failed", "-warned", "subject_kind", "subject", "sender", "team__name")
    rows: QuerySet[Any, Any] = (
        runs.order_by()
        .annotate(sender=SENDER)
        .values("subject_kind", "subject", "sender", "team__name")
        .annotate(
            tools=ArrayAgg("tool", distinct=True, order_by="tool"),
            benchmarks=Count("pk"),
            oldest=Min("at"),
            newest=Max("at"),
            demo=BoolOr("is_demo"),
            **{f"sum_{name}": Sum(name) for name in SUMS},
        )
        .order_by(*(term.replace("-", "-sum_") for term in order))
    )
    found = [
        Subject(
            kind=row["subject_kind"],
            subject=row["subject"],
            sender=row["sender"],
            team=row["team__name"],
            is_demo=row["demo"],
            **{name: row[name] for name in ("tools", "benchmarks", "oldest", "newest")},
            **{name: row[f"sum_{name}"] for name in SUMS},
        )
        for row in rows[: most + 1]
    ]
    return found[:most], len(found) > most
