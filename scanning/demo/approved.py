"""The demo company's approved list: entries at every station of their life, and a rule of retention."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db import transaction

from governance.accounts.models import Team
from governance.approvals.models import ApprovalStep, ApprovedBase, RetentionRule
from scanning.demo.fleet import HOST

ASKED_BY, DECIDED_BY = "demo: Kim of team payments", "demo: Ada of team platform"


@dataclass(frozen=True, slots=True)
class Entry:
    """`life` maps days (0 is today) to a step and its reason; `days` fields to days from today."""

    name: str
    pattern: str
    family: str
    purpose: str
    life: dict[int, tuple[str, str]]
    team: str = "platform"
    days: dict[str, int] = field(default_factory=dict)
    terms: dict[str, Any] = field(default_factory=dict)
    replacement: str = ""


def approved(day: int, why: str) -> dict[int, tuple[str, str]]:
    """Asked for, reviewed and approved on that day."""
    return {
        day - 9: ("requested", why),
        day - 4: ("in_review", "Scanned, read, compared with what we have."),
        day: ("approved", "Small, maintained, and its team answers."),
    }


ENTRIES = (
    Entry(
        *(f"{HOST}/base/debian", "12*", "debian", "The ground of what is built here."),
        approved(-160, "One base instead of five."),
        days={"review_on": 25},
        terms={"max_critical": 0, "grace": 30, "outdated_days": 30, "review_months": 6},
    ),
    Entry(
        *(f"{HOST}/base/alpine", "3.22*", "alpine", "Where every megabyte counts."),
        approved(-120, "Small images at the edge."),
        days={"review_on": -4},
        terms={"outdated_days": 14, "review_months": 4},
    ),
    Entry(
        *(f"{HOST}/runtime/python", "*", "python", "Services and jobs in Python."),
        approved(-90, "Every team builds its own today."),
        days={"review_on": 90},
        terms={"max_age": 45, "outdated_days": 10, "review_months": 6},
    ),
    Entry(
        *(f"{HOST}/runtime/node", "22*", "node", "Web front ends."),
        approved(-80, "The storefront needs it."),
        days={"review_on": 100},
        terms={"must_be_kept": True, "outdated_days": 30, "review_months": 6},
    ),
    Entry(
        *(f"{HOST}/runtime/java", "21*", "java", "Services on the JVM."),
        approved(-150, "The ledger runs on it.") | {-12: ("deprecated", "Ubuntu leaves; 25 on Debian comes.")},
        days={"deprecated_on": -12, "sunset_on": 33},
        replacement=f"{HOST}/base/distroless:12",
    ),
    Entry(
        *(f"{HOST}/base/ubuntu", "24.04*", "ubuntu", "Before there was base/debian."),
        approved(-300, "What everybody knew.") | {-60: ("sunset", "One base is enough.")},
        days={"deprecated_on": -60, "sunset_on": -3},
        replacement=f"{HOST}/base/debian:12",
    ),
    Entry(
        *("docker.io/library/alpine", "3.19*", "alpine", ""),
        {-40: ("requested", "An old build wants it."), -38: ("banned", "Past its end of life: no fixes come.")},
        team="data",
        replacement=f"{HOST}/base/alpine:3.22",
    ),
    Entry(
        *(f"{HOST}/base/distroless", "12*", "distroless", "Programs that need no shell."),
        {-6: ("requested", "The gateway is one static file."), -2: ("in_review", "")},
        team="payments",
        terms={"must_not_be_root": True},
    ),
    Entry(
        *("docker.io/datajuggler/notebook", "latest", "python", "Notebooks for the analysts."),
        {-1: ("requested", "We found it on a blog, it has all we need.")},
        team="data",
    ),
)


@transaction.atomic
def load_list(today: datetime, entries: Sequence[Entry] = ENTRIES) -> None:
    """Entries that nobody has a real one for; steps dated as they were taken."""
    teams = {team.name: team for team in Team.objects.filter(name__in={entry.team for entry in entries})}
    for entry in entries:
        state = list(entry.life.values())[-1][0]
        if ApprovedBase.objects.filter(name=entry.name, pattern=entry.pattern).exists():
            continue
        row = ApprovedBase.objects.create(
            name=entry.name,
            pattern=entry.pattern,
            family=entry.family,
            purpose=entry.purpose,
            state=state,
            why=list(entry.life.values())[-1][1],
            asked_by=teams.get(entry.team),
            replacement=entry.replacement,
            created_at=today + timedelta(days=min(entry.life), hours=9),
            is_demo=True,
            **entry.terms,
            **{name: (today + timedelta(days=day)).date() for name, day in entry.days.items()},
        )
        before = ""
        for day, (to, reason) in sorted(entry.life.items()):
            actor = ASKED_BY if to == "requested" else DECIDED_BY
            at = today + timedelta(days=day, hours=9)
            ApprovalStep.objects.create(entry=row, at=at, before=before, to=to, actor=actor, reason=reason)
            before = to
    RetentionRule.objects.get_or_create(
        name="Demo: old builds",
        defaults={"repositories": f"{HOST}/*", "which": "any", "days": 30, "keep_newest": 3, "is_demo": True},
    )


def remove_list() -> int:
    """Take the demo's entries and its rule out; returns how many entries those were."""
    RetentionRule.objects.filter(is_demo=True).delete()
    gone = ApprovedBase.objects.filter(is_demo=True).delete()[1]
    return gone.get("approvals.ApprovedBase", 0)
