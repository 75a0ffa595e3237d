"""Whatever happens in whatever order: the kept verdicts are those that judging everything anew gives."""

from __future__ import annotations

import random
from datetime import date, timedelta
from typing import Any

import pytest
from django.utils import timezone
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from hypothesis.extra.django import TestCase

from governance.accounts.models import Team
from governance.approvals.life import Step, take_step
from governance.approvals.models import ApprovedBase
from governance.findings.enrichment import Exploit, Life, store_exploits
from governance.findings.life import store_lives
from governance.findings.models import Advisory
from governance.findings.state import settle
from governance.findings.weigh import settle_weights
from governance.images.models import Image, Repository
from governance.images.ownership import give_repository
from governance.policy.document import STAGES
from governance.policy.exemptions import Wanted, ask_exemption, decide, revoke
from governance.policy.models import Ground, Policy, Verdict
from governance.policy.models_exemption import Exemption
from governance.policy.verdicts import as_rows, in_force, judge_images
from governance.policy.work import settle_verdicts
from tests.governance.images.trees import layers_of
from tests.governance.policy.force import enforce
from tests.make import deliver, digest_of, make_report, make_vulnerability

RULES: list[dict[str, Any]] = [
    {"kind": "findings", "severity": "high", "origin": "own"},
    {"kind": "findings", "exploited": True},
    {"kind": "base"},
    {"kind": "end-of-life"},
    {"kind": "scanned", "days": 30},
    {"kind": "condition", "expect": "size(image.teams) == 0 || findings.total < 2"},
]
NAMES = ("CVE-2099-2001", "CVE-2099-2002", "CVE-2099-2003")
IMAGES = {"base/os:1": layers_of("a"), "shop/api:1": layers_of("a", "b"), "shop/api:2": layers_of("a", "b", "c")}


def scan(number: int) -> None:
    """A report of one of the images with some of the findings, at some stage and hour."""
    chance = random.Random(number)
    name, layers = chance.choice(list(IMAGES.items()))
    found = [make_vulnerability(word, f"lib{word[-1]}") for word in NAMES if chance.random() < 0.5]
    at = f"2026-08-{chance.randrange(10, 28)}T{chance.randrange(10, 24)}:00:00Z"
    report = make_report(f"registry.example/{name}", digest_of(name), found, at, DiffIDs=layers)
    deliver(report, stage=chance.choice(STAGES))


def approve(number: int) -> None:
    """The base is put on the list, or taken further there."""
    today = timezone.now().date()
    row = ApprovedBase.objects.filter(name="registry.example/base/os").first()
    if row is None:
        ApprovedBase.objects.create(name="registry.example/base/os", pattern="1", state="in_review")
    elif row.state == "in_review":
        take_step(None, row, Step("approved", "needed"))
    elif row.state == "approved":
        take_step(None, row, Step("deprecated", "old", replacement="base/os:2", deprecated_on=today))


def exploit(number: int) -> None:
    """A vulnerability becomes known to be exploited, or no longer."""
    store_exploits([Exploit(NAMES[number % 3], date(2026, 8, 1), None, False)] if number % 2 else [])


def end(number: int) -> None:
    """Debian 12 gets fixes until some day."""
    store_lives([Life("debian", "12", timezone.now().date() + timedelta(days=number % 3 - 1), False)])


def own(number: int) -> None:
    """The repository gets an owner, or loses it."""
    if row := Repository.objects.filter(name="shop/api").first():
        team, _ = Team.objects.get_or_create(name="shop")
        give_repository(None, row, team if number % 2 else None)


def exempt(number: int) -> None:
    """A finding is exempted in the whole fleet, or no longer."""
    known = Advisory.objects.filter(name=NAMES[number % 3])
    row = Exemption.objects.filter(vulnerability=NAMES[number % 3]).last()
    if row is not None and row.state == "granted":
        revoke(None, row, "over")
    elif known.exists():
        day = timezone.now().date() + timedelta(days=9)
        decide(None, ask_exemption(None, Wanted(NAMES[number % 3], "everywhere", "accepted", day)), True)


def change(number: int) -> None:
    """The policy asks for more, or less."""
    enforce(*random.Random(number).sample(RULES, 4), level="warn" if number % 2 else "fail")


def work(number: int) -> None:
    """The worker takes a turn."""
    settle_weights()
    settle_verdicts()


DEEDS = (scan, approve, exploit, end, own, exempt, change, work)


@pytest.mark.django_db
class TestOrders(TestCase):
    """Each example in a transaction of its own."""

    @settings(
        max_examples=8,
        deadline=None,
        phases=[Phase.generate],
        derandomize=True,
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(st.tuples(st.sampled_from(DEEDS), st.integers(0, 10_000)), min_size=4, max_size=12))
    def test_kept_verdicts_are_those_of_judging_everything_anew(self, deeds: list[tuple[Any, int]]) -> None:
        enforce(*RULES)
        for number in (1, 7, 4):
            scan(number)
        work(0)
        for deed, number in deeds:
            deed(number)
        settle(1_000)
        settle(1_000)
        work(0)
        same_as_anew()


def told(reasons: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the list's own sentences: that somebody asked for a base changes them, and no verdict."""
    return [{**reason, "text": "" if reason["kind"] == "base" else reason["text"]} for reason in reasons]


def same_as_anew() -> None:
    """Every image's kept verdicts and what lists show are what the kernel says of it now."""
    images = list(Image.objects.present())
    anew = judge_images([image.pk for image in images], in_force(), timezone.now().date())
    assert Verdict.objects.count() == len(images)
    for image in images:
        kept, now = Verdict.objects.get(image=image), anew[image.pk]
        assert {stage: getattr(kept, stage) for stage in STAGES} == {stage: str(now[stage].outcome) for stage in STAGES}
        grounds = Ground.objects.in_bulk(kept.reasons)
        rows = [row for one in now.given for row in as_rows(one)]
        assert told([grounds[pk].row for pk in kept.reasons]) == told(rows)
    assert Policy.objects.exists()
