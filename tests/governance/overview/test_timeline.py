"""One timeline over all places and decisions: what is in it, in which order, with which evidence, and for whom."""

from __future__ import annotations

import json
import re
from html import unescape
from typing import Any

import pytest
from django.test import Client

from governance.accounts.models import Team, User
from governance.approvals.models import ApprovedBase
from governance.images.models import Event
from governance.overview.curve import curve_of
from governance.overview.timeline import KINDS, Entry, Wish, timeline_of
from governance.policy.models import GateDecision
from scanning.models import Delivery
from tests.conftest import Machine
from tests.governance.overview.lives import KNOWN, LATER, Life, make_life, on, report_of
from tests.make import deliver, digest_of, make_grype, make_statement, make_token, make_vex

pytestmark = pytest.mark.django_db
# What is told of the life in `lives.py`, and how often.
TOLD = {
    **dict.fromkeys(("built", "pushed", "new_cve", "exploited", "superseded", "gone", "deleted"), 1),
    **dict.fromkeys(("scanned", "rescanned", "tagged"), 2),
    **dict.fromkeys(("gate", "admission", "deployed", "running", "stopped"), 1),
    **dict.fromkeys(("base_approved", "base_deprecated", "base_gone", "base_moved"), 1),
    "exemption_requested": 4,
    "exempted": 3,
    **dict.fromkeys(("exemption_declined", "exemption_revoked", "exemption_expired"), 1),
}


@pytest.fixture
def platform(db: None) -> Team:
    return Team.objects.create(name="platform")


@pytest.fixture
def life(team: Team, platform: Team) -> Life:
    return make_life(team, platform)


def entries(life: Life, viewer: Any, **wish: Any) -> list[Entry]:
    return timeline_of(life.image, viewer, Wish(**{"size": 200} | wish)).entries


def one(told: list[Entry], kind: str) -> Entry:
    (found,) = [entry for entry in told if entry.kind == kind]
    return found


def address(life: Life, query: str = "") -> str:
    return f"/images/{life.image.pk}/timeline/{query}"


def test_everything_that_happened_is_told_with_its_evidence(life: Life, admin: User, client: Client) -> None:
    told = entries(life, admin)
    numbers: dict[str, int] = {}
    for entry in told:
        numbers[entry.kind] = numbers.get(entry.kind, 0) + 1
    assert numbers == TOLD
    assert [entry.at for entry in told] == sorted((entry.at for entry in told), reverse=True)
    said = {kind: one(told, kind).text for kind, number in TOLD.items() if number == 1}
    assert one(told, "pushed").at == on(4, 8)
    assert said["new_cve"] == "1 critical or known exploited, which trivy did not see before"
    assert said["deployed"] == "Deployment shop/api in prod-eu runs it, the first there"
    assert said["stopped"] == "Deployment shop/worker in prod-eu runs it no more"
    assert said["base_approved"].startswith("registry.example/base/python:3.1*, which it is built on, by user keeper")
    assert "has vanished: the registry says it is not there" in said["base_gone"]
    assert said["gate"].startswith("fail by policy test")
    assert said["admission"].startswith("warn by policy test")
    assert said["exemption_expired"].startswith("CVE-2099-0001 in every package counts again")
    assert [entry.text for entry in told if entry.kind == "rescanned"] == [
        "trivy: 4 findings, 1 critical and 3 high, the same as before",
        "trivy: 4 findings, 1 critical and 3 high (+1 critical)",
    ]
    # What the report brought leads to the vulnerability and to the report; every link leads somewhere.
    brought = Delivery.objects.latest("pk").pk - 2
    assert [link.words for link in one(told, "new_cve").links] == [LATER, f"report #{brought}"]
    assert one(told, "exploited").links[0].words == KNOWN
    client.force_login(admin)
    assert all(entry.links for entry in told)
    for href in sorted({link.href for entry in told for link in entry.links}):
        assert client.get(href).status_code == 200, href
    decision = client.get(one(told, "admission").links[0].href).content.decode()
    assert "1 decision<" in re.sub(r"\s+<", "<", decision)
    assert GateDecision.objects.count() == 2


def test_a_place_a_kind_and_a_page_are_an_address(life: Life, admin: User, client: Client) -> None:
    client.force_login(admin)

    def page(query: str) -> tuple[list[str], str]:
        text = client.get(address(life, query)).content.decode()
        return re.findall(r'<li class="is-(\w+)', text), re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", text)))

    kinds, words = page("")
    assert len(kinds) == sum(TOLD.values())
    said = re.search(r"All \d+ CI \d+ Registry \d+ Runtime \d+ Decisions \d+", words)
    assert said is not None
    assert said[0] == f"All {sum(TOLD.values())} CI 3 Registry 12 Runtime 4 Decisions 14"
    runtime, _ = page("?place=runtime")
    assert sorted(runtime) == ["admission", "deployed", "running", "stopped"]
    decided, _ = page("?place=decisions")
    assert set(decided) == {kind for kind in TOLD if KINDS[kind].is_decision}
    assert "gate" in page("?place=ci")[0]
    assert page("?kind=exempted")[0] == ["exempted"] * 3
    assert page("?place=nonsense&kind=strange")[0] == kinds
    none, words = page("?place=ci&kind=stopped")
    assert none == []
    assert "Show all of its life" in words
    part = client.get(address(life, "?place=ci"), headers={"HX-Request": "true"}).content.decode()
    assert "<html" not in part
    assert 'id="tab"' in part


def test_pages_follow_each_other_and_lose_nothing(life: Life, admin: User, client: Client, reader: Machine) -> None:
    Event.objects.bulk_create(
        Event(image=life.image, kind="owned", text=f"owner {number}", at=on(1)) for number in range(120)
    )
    client.force_login(admin)
    seen = [
        re.findall(r"owner \d+", client.get(address(life, f"?kind=owned&page={number}")).content.decode())
        for number in (1, 2, 3, 4)
    ]
    assert [len(rows) for rows in seen] == [50, 50, 20, 0]
    assert len({word for rows in seen for word in rows}) == 120
    where: str | None = f"/api/v1/images/{life.image.pk}/timeline/?size=50"
    found: list[tuple[str, int]] = []
    while where:
        answer = reader.get(where).json()
        assert answer["total"] == sum(TOLD.values()) + 120
        found += [(entry["kind"], entry["id"]) for entry in answer["results"]]
        where = answer["next"]
    assert len(found) == len(set(found)) == sum(TOLD.values()) + 120


def test_the_api_tells_the_same_and_refuses_what_it_does_not_know(life: Life, reader: Machine) -> None:
    url = f"/api/v1/images/{life.image.pk}/timeline/"
    answer = reader.get(url, {"place": "runtime", "kind": ["stopped", "deployed"]}).json()
    assert [entry["kind"] for entry in answer["results"]] == ["stopped", "deployed"]
    assert answer["next"] is None
    assert answer["results"][0]["evidence"][0]["page"].startswith("/workloads/")
    scan = reader.get(url, {"kind": "scanned"}).json()["results"][0]
    assert scan["report"] == Delivery.objects.order_by("pk")[2].pk
    for query in (
        {"place": "moon"},
        {"kind": "miracle"},
        {"size": "0"},
        {"cursor": "nonsense"},
        {"cursor": "W3RydWVd"},
    ):
        assert reader.get(url, query).status_code == 400, query


def test_links_lead_only_where_the_viewer_may_go(life: Life, mate: User, stranger: User, client: Client) -> None:
    told = entries(life, mate)
    assert [link.words for link in one(told, "base_gone").links] == ["upstream"]
    assert one(told, "deleted").links == ()
    client.force_login(mate)
    for href in sorted({link.href for entry in told for link in entry.links}):
        assert client.get(href).status_code == 200, href
    client.force_login(stranger)
    assert client.get(address(life)).status_code == 404
    foreign = Machine(make_token("read", Team.objects.get(name="payments"))[1])
    assert foreign.get(f"/api/v1/images/{life.image.pk}/timeline/").status_code == 404


def test_what_is_built_on_it_stands_on_a_base_of_its_own_and_not_on_its_children(life: Life, admin: User) -> None:
    told = {entry.kind: entry.text for entry in timeline_of(life.base, admin).entries}
    assert "which means this image" in told["base_approved"]
    assert "has vanished" in told["base_gone"]
    assert not {"deployed", "exploited", "deleted"} & told.keys()
    assert told["gone"] == "as a crawl found, too"


def test_another_scanners_first_look_brings_no_news(life: Life, team: Team, admin: User) -> None:
    deliver(make_grype("CVE-2099-0999", severity="Critical", day=22) | _of_life(), viewer=make_token(team=team)[0])
    assert len([entry for entry in entries(life, admin) if entry.kind == "new_cve"]) == 1
    deliver(report_of((LATER, "CVE-2099-0888"), on(12)), viewer=make_token(team=team)[0], stage="registry")
    assert len([entry for entry in entries(life, admin) if entry.kind == "new_cve"]) == 1, "high is no news"


def _of_life() -> dict[str, Any]:
    """A source of Grype's that is the image of this life."""
    return {
        "source": {
            "type": "image",
            "target": {"userInput": "registry.example/shop/api:1", "imageID": digest_of("life")},
        }
    }


TABS = ("verdict", "packages", "layers", "lineage", "work", "rebuild", "workloads", "scans", "timeline", "checks")
QUERIES = ("", "?origin=all", "?scanner=trivy", "?suppressed=exempted&origin=all", "timeline/?place=decisions")


def test_no_page_of_this_life_asks_more_than_fifteen_questions(
    life: Life, admin: User, mate: User, client: Client, django_assert_max_num_queries: Any
) -> None:
    ApprovedBase.objects.update(grace=30)
    deliver(make_vex(make_statement(name=LATER, product="registry.example/shop/api")))
    pages = [f"/images/{one.pk}/{tab}/" for one in (life.image, life.base) for tab in TABS]
    pages += [f"/images/{one.pk}/{query}" for one in (life.image, life.base) for query in QUERIES]
    pages += ["/", "/approved/", f"/vulnerabilities/{KNOWN}/", f"/api/v1/vulnerabilities/{KNOWN}/"]
    pages += [f"/api/v1/images/{life.image.pk}/{part}" for part in ("", "timeline/", "findings/", "workloads/")]
    for viewer in (admin, mate):
        client.force_login(viewer)
        for page in pages:
            with django_assert_max_num_queries(15):
                answer = client.get(page)
            assert answer.status_code == (404 if viewer == mate and f"/images/{life.base.pk}/" in page else 200), page


# The curve beside it


def test_the_curve_is_one_scanners_and_says_the_same_as_its_table(life: Life, admin: User, client: Client) -> None:
    curve = curve_of(life.image)
    assert (curve.scanner, curve.scanners) == ("trivy", [("trivy", 4)])
    assert [(one.stage, one.critical, one.total) for one in curve.points] == [
        *(("ci", 0, 3), ("registry", 0, 3), ("registry", 1, 4), ("registry", 1, 4))
    ]
    assert [one.total for one in curve.steps] == [3, 4], "what stays the same is no step"
    drawn = json.loads(curve.drawn)
    assert [row[1:3] for row in drawn] == [[0, 3], [1, 3], [1, 3]]
    assert drawn == sorted(drawn)
    client.force_login(admin)
    page = client.get(address(life)).content.decode()
    assert "3 findings, 0 critical, on 2026-08-02; 4, 1 critical, on 2026-09-10" in page
    table = page.partition("As a table")[2]
    assert re.findall(r'<td class="num">(\d+)</td>', table) == ["1", "3", "0", "0", "0", "0", "3", "0", "0", "0"]


def test_another_scanner_has_a_curve_of_its_own(life: Life, team: Team, admin: User, client: Client) -> None:
    deliver(make_grype("CVE-2099-0999", day=22) | _of_life(), viewer=make_token(team=team)[0])
    assert curve_of(life.image).scanner == "trivy"
    assert [one.total for one in curve_of(life.image, "grype").points] == [1]
    assert curve_of(life.image, "nobody").scanner == "trivy"
    client.force_login(admin)
    assert "at the only scan by grype" in client.get(address(life, "?curve=grype&place=ci")).content.decode()
