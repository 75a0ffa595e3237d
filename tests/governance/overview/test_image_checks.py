"""The checks tab: what failed beside vulnerabilities, secrets above all."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.test import Client

from governance.accounts.models import Team
from governance.findings.models import CheckResult
from governance.images.models import Image
from tests.make import deliver, digest_of, make_image, make_report, make_token
from tests.pages import text_of

pytestmark = pytest.mark.django_db


def make_checked(team: Team, secrets: int = 2) -> Image:
    """An image with two misconfigurations, secrets and a licence."""
    name = "registry.example/shop/checked:1"
    report = make_report(name, config=digest_of(name))
    wrong = [
        {"ID": "DS002", "Title": "runs as root", "Severity": "HIGH", "Status": "FAIL"},
        {"ID": "DS026", "Title": "no HEALTHCHECK", "Severity": "LOW", "Status": "UNHEARD OF"},
        {"ID": "DS001", "Title": "latest", "Severity": "LOW", "Status": "PASS"},
    ]
    found = [
        {"RuleID": f"aws-key-{number}", "Title": "AWS key", "Severity": "CRITICAL", "StartLine": number}
        for number in range(secrets)
    ]
    report["Results"] += [
        {"Target": "Dockerfile", "Class": "config", "Type": "dockerfile", "Misconfigurations": wrong},
        {"Target": "/app/.env", "Class": "secret", "Secrets": found},
        {"Target": "OS Packages", "Class": "license", "Licenses": [{"Name": "GPL-3.0", "Severity": "HIGH"}]},
    ]
    deliver(report, viewer=make_token(team=team)[0])
    return Image.objects.latest("pk")


def listed(page: str) -> list[str]:
    return re.findall(r'class="thing"><span class="mono">([^<]+)<', page)


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"aws-key-0", "aws-key-1", "DS002", "DS026", "GPL-3.0"}),
        ("kind=secret", {"aws-key-0", "aws-key-1"}),
        ("kind=misconfiguration", {"DS002", "DS026"}),
        ("kind=misconfiguration&result=fail", {"DS002"}),
        ("result=warn", {"DS026"}),
        ("severity=high", {"DS002", "GPL-3.0"}),
        ("severity=critical&kind=licence", set()),
        ("kind=%00nonsense", set()),
        ("severity=nonsense", set()),
    ],
)
def test_checks_are_narrowed(as_mate: Client, team: Team, query: str, found: set[str]) -> None:
    page = text_of(as_mate, f"/images/{make_checked(team).pk}/checks/?{query}")
    assert set(listed(page)) == found
    assert found or "No check matches" in page


def test_the_filters_count_what_there_is(as_mate: Client, team: Team) -> None:
    page = text_of(as_mate, f"/images/{make_checked(team).pk}/checks/?kind=secret")
    for words in (
        "Secret (2)",
        "Misconfiguration (2)",
        "Licence (1)",
        "Fail (4)",
        "Warn (1)",
        "Critical (2)",
        "Low (1)",
    ):
        assert words in page
    assert "Benchmark (" not in page
    assert "2 checks" in page


def test_a_secret_is_seen_on_every_tab(as_mate: Client, team: Team) -> None:
    image = make_checked(team, secrets=7)
    assert f'href="/images/{image.pk}/checks/?kind=secret"' in text_of(as_mate, f"/images/{image.pk}/")
    page = text_of(as_mate, f"/images/{image.pk}/checks/")
    assert "7 secrets in this image" in page
    assert "All 7 secrets" in page
    assert "Revoke first" not in text_of(as_mate, f"/images/{image.pk}/checks/?kind=secret")
    clean = make_image("registry.example/shop/clean:1", team)
    assert "secret" not in text_of(as_mate, f"/images/{clean.pk}/")


def test_many_checks_are_paged(as_mate: Client, team: Team) -> None:
    image = make_checked(team, secrets=120)
    address = f"/images/{image.pk}/checks/?kind=secret"
    pages = [listed(text_of(as_mate, f"{address}&page={number}", **{"HX-Request": "true"})) for number in (1, 2, 3)]
    assert [len(page) for page in pages] == [50, 50, 20]
    assert len({name for page in pages for name in page}) == 120


def test_a_kind_of_a_later_version_is_still_shown(as_mate: Client, team: Team) -> None:
    image = make_checked(team)
    CheckResult.objects.filter(kind="licence").update(kind="moon")
    page = text_of(as_mate, f"/images/{image.pk}/checks/")
    assert "moon (1)" in page


def test_the_tab_asks_few_questions(as_mate: Client, team: Team, django_assert_max_num_queries: Any) -> None:
    image = make_checked(team)
    with django_assert_max_num_queries(15):
        as_mate.get(f"/images/{image.pk}/checks/?kind=secret")
