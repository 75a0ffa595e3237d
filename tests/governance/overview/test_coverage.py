"""What is expected, what came: counted truly for whoever looks, every number a link to exactly those rows."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from governance.accounts.models import Team, Token, User
from governance.findings.models import Scan, Silence, Source
from governance.findings.state import refresh
from governance.images.models import Image
from tests.conftest import Machine
from tests.make import deliver, digest_of, make_report, make_token

pytestmark = pytest.mark.django_db


def days_ago(days: float) -> datetime:
    return timezone.now() - timedelta(days=days)


def send(name: str, days: float = 1, config: str = "", **envelope: Any) -> Image:
    """A report on an image of so many days ago, from CI."""
    report = make_report(f"registry.example/{name}", config=digest_of(config or name), at=days_ago(days).isoformat())
    deliver(report, **envelope)
    return Image.objects.get(config_digest=digest_of(config or name))


def fail(image: Image, stage: str = "ci", scanner: str = "trivy") -> None:
    """Its next scan fails."""
    scan = Scan.objects.filter(image=image, stage=stage).latest("pk")
    scan.pk, scan.outcome, scan.is_current, scan.scanner = None, Scan.Outcome.FAILED, False, scanner
    scan.scanned_at += timedelta(minutes=5)
    scan.save()
    refresh([image.pk])


@pytest.fixture
def fleet(team: Team) -> Source:
    """One source: an image in time, one late, one that failed, one whose tag moved on, one too old to be expected."""
    token = make_token(team=team)[0]
    send("shop/a:1", 1, viewer=token)
    send("shop/b:1", 20, viewer=token)
    fail(send("shop/c:1", 2, viewer=token))
    send("shop/d:latest", 3, config="old", viewer=token)
    send("shop/d:latest", 1, config="new", viewer=token)
    send("shop/e:1", 100, viewer=token)
    return Source.objects.get()


def names(client: Client, query: str) -> list[str]:
    """The images of a list, by what is in their link."""
    text = client.get(f"/images/?{query}").content.decode()
    return sorted(re.findall(r'<a class="ref" href="[^"]*">registry\.example/shop/([^<]*)</a>', text))


LISTS = {
    "": ["a:1", "b:1", "c:1", "d:latest"],
    "heard=in_time": ["a:1", "d:latest"],
    "heard=late": ["b:1"],
    "heard=failed": ["c:1"],
}


def test_expected_is_what_it_reported_and_a_tag_still_names(fleet: Source, admin: User, client: Client) -> None:
    client.force_login(admin)
    found = {query: names(client, f"source={fleet.pk}&{query}") for query in LISTS}
    assert found == LISTS
    assert "say of which source" in client.get("/images/?heard=late").content.decode()
    assert client.get("/api/v1/images/?heard=late").status_code == 400
    page = re.sub(r"<[^>]*>|\s+", " ", client.get("/sources/").content.decode())
    assert re.search(r"token\d+ trivy CI Getting to know .* 4 2 1 late 1 failed", re.sub(r"\s+", " ", page))


def test_the_api_says_the_same(fleet: Source, reader: Machine) -> None:
    (row,) = reader.get("/api/v1/sources/").json()["results"]
    assert row["expected"] == {"total": 4, "received": 2, "late": 1, "failed": 1, "missing": 2}
    assert (row["name"], row["state"], row["stage"], row["silent_since"]) == (fleet.name, "new", "ci", None)
    assert reader.get(f"/api/v1/sources/{fleet.pk}/").json() == row
    assert reader.get("/api/v1/sources/?stage=runtime").json()["results"] == []


def test_a_tag_that_moves_on_leaves_its_image_behind(team: Team) -> None:
    old = send("shop/d:latest", 3, config="old")
    send("shop/d:1.0", 3, config="old")
    send("shop/d:latest", 2, config="new")
    old.refresh_from_db()
    assert (old.superseded, old.reference) == (False, "registry.example/shop/d:1.0"), "its other tag still names it"
    send("shop/d:1.0", 1, config="new")
    assert dict(Image.objects.values_list("pk", "superseded")) == {old.pk: True, old.pk + 1: False}
    send("shop/d:1.1", 1, config="old")
    assert not Image.objects.filter(superseded=True).exists()


def test_in_whatever_order_a_moved_tag_is_seen_the_newest_is_current() -> None:
    send("shop/d:latest", 1, config="new")
    send("shop/d:latest", 3, config="old")
    assert list(Image.objects.filter(superseded=True).values_list("config_digest")) == [(digest_of("old"),)]


def test_the_places_count_what_a_tag_still_names(fleet: Source, admin: User, client: Client) -> None:
    client.force_login(admin)
    page = re.sub(r"\s+", " ", client.get("/sources/").content.decode())
    found = dict(re.findall(r'current=true&amp;place=(\w+-\w+)" title="(\d+) images"', page))
    assert found == {"ci-fresh": "2", "ci-stale": "2", "ci-failed": "1", "registry-never": "5", "runtime-never": "5"}
    for place, amount in found.items():
        assert len(names(client, f"current=true&place={place}")) == int(amount)
    assert 'href="/sources/"' in client.get("/").content.decode()


def test_another_scanners_failure_is_its_own(team: Team, reader: Machine) -> None:
    image = send("shop/a:1", 1)
    fail(image, scanner="grype")
    assert Image.objects.get().failed_stages == ["ci"]
    by_scanner = {row["scanner"]: row["expected"] for row in reader.get("/api/v1/sources/").json()["results"]}
    assert (by_scanner["trivy"]["received"], by_scanner["trivy"]["failed"]) == (1, 0)


def test_who_takes_a_job_over_is_expected_to_do_it(reader: Machine) -> None:
    """A token that is replaced leaves nothing behind that is missed for ever."""
    for days in (5, 1):
        send("shop/a:1", days, viewer=make_token(Token.Scope.INGEST)[0])
    found = {row["id"]: row["expected"]["total"] for row in reader.get("/api/v1/sources/").json()["results"]}
    assert found == {min(found): 0, max(found): 1}


def test_each_team_sees_its_own_part(fleet: Source, mate: User, stranger: User, client: Client) -> None:
    theirs = make_token(team=stranger.teams.get())[0]
    send("pay/x:1", 20, viewer=theirs)
    common = make_token(Token.Scope.INGEST)[0]
    for name, days in (("shop/a:1", 0.5), ("pay/x:1", 0.5), ("shop/b:1", 19)):
        send(name, days, viewer=common, stage="registry")
    Silence.objects.create(source=Source.objects.get(token=theirs), since=days_ago(3), raised_at=days_ago(1))
    seen = {}
    for person in (mate, stranger):
        client.force_login(person)
        rows = client.get("/api/v1/sources/").json()["results"]
        seen[person.username] = {row["name"]: row["expected"]["total"] for row in rows}
        start = client.get("/").content.decode()
        assert ("is silent" in start) == (person == stranger)
        assert client.get(f"/images/?source={Source.objects.get(token=theirs).pk}").status_code == (
            200 if person == stranger else 400
        )
    assert seen == {"mate": {fleet.name: 4, common.name: 2}, "stranger": {theirs.name: 1, common.name: 1}}


def test_a_silent_source_is_seen_on_its_page_on_the_start_page_and_in_the_metrics(
    fleet: Source, admin: User, client: Client
) -> None:
    Source.objects.update(last_heard=days_ago(9), first_heard=days_ago(90), pauses=30, pause=86_400, reports=99)
    Silence.objects.create(source=fleet, since=days_ago(9), raised_at=days_ago(7))
    client.force_login(admin)
    assert f'<a href="/sources/{fleet.pk}/"><b class="num">9 d</b>' in client.get("/").content.decode()
    page = client.get(f"/sources/{fleet.pk}/").content.decode()
    assert all(words in page for words in ("No report for 9 d", "up to 24 h", "still silent", "shop/b:1", "shop/c:1"))
    assert "shop/a:1" not in page
    assert f"/sources/{fleet.pk}/" in client.get("/sources/?silent=true").content.decode()
    assert f"/sources/{fleet.pk}/" not in client.get("/sources/?silent=false").content.decode()
    labels = f'{{id="{fleet.pk}",name="{fleet.name}",scanner="trivy",stage="ci"}}'
    assert f"portwarden_source_silent{labels} 1.0" in client.get("/metrics").content.decode()


def test_an_administrator_takes_off_what_is_not_expected_any_more(fleet: Source, admin: User, client: Client) -> None:
    Silence.objects.create(source=fleet, since=days_ago(9), raised_at=days_ago(7))
    client.force_login(admin)
    address = f"/sources/{fleet.pk}/limit/"
    assert client.post(address, {"hours": "-3"}).status_code == 422
    assert client.post(address, {"hours": "0"}).status_code == 302
    assert "Not watched" in client.get(f"/sources/{fleet.pk}/").content.decode()
    assert not Silence.objects.filter(ended_at=None).exists()


def test_the_pages_ask_few_questions(
    fleet: Source, admin: User, client: Client, django_assert_num_queries: Any
) -> None:
    client.force_login(admin)
    # Session, person; totals, rows, silences of the rows, expected, silences; scope picker, what is running. One source
    # has two lists of what is missing, each led to by its ids, in place of the totals.
    with django_assert_num_queries(9):
        client.get("/sources/")
    with django_assert_num_queries(12):
        client.get(f"/sources/{fleet.pk}/")
