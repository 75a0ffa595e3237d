"""Verdicts from the database: what is known of an image, the stored verdict, and that it follows what changes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.utils import timezone

from governance.accounts.models import Team
from governance.findings.models import Finding
from governance.images.models import Image, VerdictWork
from governance.policy.models import Round, Verdict
from governance.policy.verdicts import judge_now, verdict_of
from governance.policy.work import settle_verdicts
from tests.governance.policy.force import enforce
from tests.make import deliver, make_grype, make_image, make_token, make_vulnerability

pytestmark = pytest.mark.django_db


def test_the_shipped_policy_observes_and_stops_nothing(team: Team) -> None:
    image = make_image(team=team, vulnerabilities=[make_vulnerability(Severity="CRITICAL")])
    said = verdict_of(image.pk, "ci")
    assert (said.verdict, said.policy) == ("pass", "observe")
    assert {reason["rule"]: reason["outcome"] for reason in said.reasons} == {
        "critical with a fix": "inform",
        "base known and approved": "inform",
    }


def test_the_stored_verdict_is_what_judging_on_the_spot_gives(team: Team) -> None:
    enforce({"kind": "findings", "severity": "high"})
    image = make_image(team=team)
    live = verdict_of(image.pk, "ci")
    assert settle_verdicts() > 0
    assert VerdictWork.objects.count() == 0
    stored = verdict_of(image.pk, "ci")
    assert Verdict.objects.get(image=image).ci == "fail"
    assert (stored.verdict, stored.reasons, stored.policy) == (live.verdict, live.reasons, live.policy)
    assert stored.evaluated_at < timezone.now()
    assert Image.objects.get(pk=image.pk).verdict == "fail"


def test_a_fix_counts_from_the_scan_that_first_named_it_for_every_later_version(team: Team) -> None:
    make_image(team=team, at="2026-08-01T09:00:00Z")
    newer = make_vulnerability(InstalledVersion="1.0-2", PkgIdentifier={"PURL": "pkg:deb/debian/openssl@1.0-2"})
    image = make_image("registry.example/shop/api:2.0", team=team, vulnerabilities=[newer], at="2026-08-20T09:00:00Z")
    assert set(Finding.objects.values_list("fix_since", flat=True)) == {datetime(2026, 8, 1, 9, tzinfo=UTC)}
    enforce({"kind": "findings", "grace": 20})
    verdicts = {
        day: verdict_of(image.pk, "ci", datetime(2026, 8, day, 12, tzinfo=UTC)).verdict for day in (20, 21, 22, 30)
    }
    assert verdicts == {20: "pass", 21: "pass", 22: "fail", 30: "fail"}


def test_what_changes_an_image_puts_it_in_line(team: Team) -> None:
    enforce({"kind": "findings"})
    image = make_image(team=team, vulnerabilities=[])
    settle_verdicts()
    assert verdict_of(image.pk, "ci").verdict == "pass"
    make_image(team=team, at="2026-08-21T09:30:00Z")
    assert verdict_of(image.pk, "ci").verdict == "fail"
    settle_verdicts()
    assert Verdict.objects.get(image=image).ci == "fail"
    assert image.events.filter(kind="judged").count() == 1


def test_a_day_that_begins_has_everything_judged_anew(team: Team) -> None:
    enforce({"kind": "findings"})
    image = make_image(team=team)
    settle_verdicts()
    Round.objects.update(day=timezone.now().date() - timedelta(days=1))
    assert verdict_of(image.pk, "ci").evaluated_at > Verdict.objects.get(image=image).evaluated_at
    settle_verdicts()
    newest = Round.objects.order_by("-pk").first()
    assert newest is not None
    assert (newest.why, newest.done, newest.finished_at is not None) == ("a day began", 1, True)


def test_an_image_that_nobody_knows_is_unknown_and_says_what_to_do() -> None:
    assert verdict_of(None, "ci").reasons[0]["text"].startswith("Portwarden knows no image")
    assert judge_now([4711])[4711]["ci"].verdict == "unknown"


def test_denied_names_are_known_by_every_alias(team: Team) -> None:
    deliver(make_grype("GHSA-2099-aaaa", aliases=["CVE-2099-7777"]), viewer=make_token(team=team)[0])
    image = Image.objects.get()
    names = list(Finding.objects.get().advisory.vulnerability.advisories.values_list("name", flat=True))
    assert len(names) == 2
    for name in names:
        enforce({"kind": "deny-vulnerability", "names": [name]})
        assert verdict_of(image.pk, "ci").verdict == "fail"
