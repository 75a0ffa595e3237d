"""The demo company's exemptions: on a base and all that stands on it, one that waits, one that ends, one that did."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction

from governance.findings.models import Finding
from governance.images.models import Image, Repository
from governance.policy.exemptions import judge_anew
from governance.policy.models_exemption import Exemption
from scanning.demo.fleet import HOST

ASKED_BY, DECIDED_BY = "demo: Kim of team payments", "demo: Ada of team platform"


@dataclass(frozen=True, slots=True)
class Plan:
    """Of the worst findings of a repository's newest image the one at `place`; asked for and ending on these days."""

    repository: str
    place: int
    scope: str
    reason: str
    asked: int
    ends: int
    state: str = "granted"
    justification: str = ""


PLANS = (
    Plan(
        *("base/debian", 0, "base", "The daemon that has the hole is never started in a container.", -20, 70),
        justification="vulnerable_code_not_in_execute_path",
    ),
    Plan("payments/ledger", 0, "repository", "Behind the card network's own filter until the next release.", -50, 9),
    Plan("shop/checkout", 1, "repository", "The release of Tuesday brings the fix.", -1, 20, "requested"),
    Plan("data/warehouse-sync", 0, "image", "To be switched off by the end of last month.", -90, -6),
    Plan("shop/storefront", 2, "team", "We would rather not.", -12, 60, "declined"),
)


@transaction.atomic
def load_exemptions(today: datetime) -> int:
    """Make them, of what the fleet has; returns how many."""
    if Exemption.objects.filter(is_demo=True).exists():
        return 0
    return sum(_make(plan, today) for plan in PLANS)


def _make(plan: Plan, today: datetime) -> bool:
    home = Repository.objects.filter(registry__host=HOST, name=plan.repository).select_related("owner").first()
    rows = Image.objects.present().filter(repository=home, finding_set__isnull=False, is_demo=True)
    image = rows.select_related("finding_set").order_by("-built_at", "-pk").first()
    if home is None or image is None or image.finding_set is None:
        return False
    found = Finding.objects.filter(pk__in=image.finding_set.findings).select_related("package", "advisory")
    worst = list(found.order_by("-severity", "advisory__name", "pk")[: plan.place + 1])
    if not worst:
        return False
    asked = today + timedelta(days=plan.asked, hours=10)
    decided = plan.state != "requested"
    row = Exemption.objects.create(
        vulnerability=worst[-1].advisory.name,
        package=worst[-1].package.name,
        scope=plan.scope,
        image=image if plan.scope == "image" else None,
        repository=home if plan.scope in ("repository", "base") else None,
        team=home.owner if plan.scope == "team" else None,
        kind="not_affected" if plan.justification else "accepted",
        justification=plan.justification,
        reason=plan.reason,
        owner=home.owner,
        expires_on=(today + timedelta(days=plan.ends)).date(),
        state=plan.state,
        asked_by=ASKED_BY,
        asked_at=asked,
        decided_by=DECIDED_BY if decided else "",
        decided_at=asked + timedelta(days=1) if decided else None,
        answer="It has a fix: take it." if plan.state == "declined" else "",
        is_demo=True,
    )
    judge_anew(row)
    return True


def remove_exemptions() -> int:
    """Take them out; returns how many those were."""
    return Exemption.objects.filter(is_demo=True).delete()[0]
