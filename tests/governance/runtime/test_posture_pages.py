"""What the posture pages and the API say of benchmarks."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

import msgspec
import pytest
from django.test import Client

from governance.accounts.models import Team, User
from governance.findings.report import Check, Result, Severity
from governance.runtime.models import BenchmarkRun
from scanning import ingest
from scanning.models import Delivery
from tests.conftest import Machine
from tests.make import deliver, make_bench_report, make_checks, make_run, make_token
from tests.pages import text_of

pytestmark = pytest.mark.django_db


@pytest.fixture
def two(team: Team) -> tuple[BenchmarkRun, BenchmarkRun]:
    """A run, and one after it: c1 newly fails, c2 is fixed, c5 is silent."""
    first = make_run(make_bench_report(*make_checks(c1="pass", c2="fail", c3="fail", c5="warn")), team)
    return first, make_run(make_bench_report(*make_checks(c1="fail", c2="pass", c3="fail", c4="info"), day=21), team)


def test_an_empty_list_shows_how_to_send_a_benchmark(as_admin: Client, settings: Any) -> None:
    settings.BASE_URL = "https://portwarden.example"
    page = text_of(as_admin, "/posture/")
    assert "https://portwarden.example/api/v1/reports/?subject=$(hostname)&amp;stage=runtime&amp;wait=30" in page
    assert "@log/docker-bench-security.log.json" in page
    assert "kube-bench run --json" in page
    make_run()
    assert "No benchmark is known yet" not in text_of(as_admin, "/posture/")


def test_the_list_shows_the_newest_run_and_what_it_brought(as_admin: Client, two: Any) -> None:
    first, second = two
    page = text_of(as_admin, "/posture/")
    assert f'href="/posture/{second.pk}/"' in page
    assert f'href="/posture/{first.pk}/"' not in page
    assert f'href="/posture/{second.pk}/?change=failing">1 newly failing</a>' in page
    assert "Ensure c1" in page
    assert "Ensure c3" not in page
    assert f'href="/posture/{second.pk}/?result=fail" title="2 fail"' in page
    assert "1 benchmark<" in page
    assert f'href="/posture/{first.pk}/"' in text_of(as_admin, "/posture/?history=true")


@pytest.mark.parametrize(
    ("query", "shown"),
    [
        ("q=WEB", True),
        ("q=docker-bench", True),
        ("q=1.6.0", True),
        ("q=nothing", False),
        ("kind=host", True),
        ("kind=cluster", False),
        ("result=fail", True),
        ("result=warn", False),
        ("result=pass", False),
        ("change=failing", True),
        ("change=fixed", True),
        ("change=none", False),
        ("subject=web-1", True),
        ("tool=trivy", False),
        ("team=shop", True),
        ("team=mine", False),
        ("demo=true", False),
    ],
)
def test_the_list_is_narrowed_on_the_page_and_over_http(as_admin: Client, two: Any, query: str, shown: bool) -> None:
    page = text_of(as_admin, f"/posture/?{query}")
    assert (f'class="ref" href="/posture/{two[1].pk}/' in page) == shown
    assert shown or "No benchmark matches" in page
    assert bool(as_admin.get(f"/api/v1/benchmarks/?{query}").json()["results"]) == shown


@pytest.mark.parametrize(
    "query", ["q=%00", "cursor=nonsense", "kind=moon", "team=99999999999999999999", "severity=%00"]
)
def test_a_damaged_address_is_no_fault(as_admin: Client, two: Any, query: str) -> None:
    for address in ("/posture/", f"/posture/{two[1].pk}/", "/api/v1/benchmarks/"):
        assert as_admin.get(f"{address}?{query}").status_code in (200, 400)


@pytest.mark.parametrize("sort", ["worst", "changed", "newest"])
def test_the_list_is_paged_without_gaps(as_admin: Client, sort: str, monkeypatch: Any) -> None:
    monkeypatch.setattr("governance.runtime.views.PostureList.size", 2)
    made = {make_run(make_bench_report(*make_checks(a="fail"), name=f"web-{n}")).pk for n in range(5)}
    seen: list[int] = []
    address = f"/posture/?sort={sort}"
    while address:
        page = text_of(as_admin, address)
        seen += [int(pk) for pk in re.findall(r'class="ref" href="/posture/(\d+)/', page)]
        further = re.search(r'rel="next" href="([^"]+)"', page)
        address = "/posture/" + further[1].replace("&amp;", "&") if further else ""
    assert len(seen) == 5
    assert set(seen) == made


def test_a_run_shows_its_results_and_what_changed(as_admin: Client, two: Any) -> None:
    first, second = two
    page = text_of(as_admin, f"/posture/{second.pk}/")
    assert "Newly failing, was pass" in page
    assert "Fixed, was fail" in page
    silent = page[page.index("No longer reported") :]
    assert "c5" in silent
    assert f'href="/posture/{first.pk}/"' in page
    assert f'href="/deliveries/{second.delivery}/"' in page
    older = text_of(as_admin, f"/posture/{first.pk}/")
    assert "This is an older run" in older
    assert "first run" in older
    assert "No longer reported" not in older


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("result=fail", {"c1", "c3"}),
        ("result=pass&result=info", {"c2", "c4"}),
        ("change=failing", {"c1"}),
        ("change=fixed", {"c2"}),
        ("severity=4", {"c1", "c3"}),
        ("severity=0", {"c2", "c4"}),
        ("q=C3", {"c3"}),
        ("q=ensure", {"c1", "c2", "c3", "c4"}),
        ("q=nothing", set()),
    ],
)
def test_results_are_narrowed_on_the_page_and_over_http(
    as_admin: Client, two: Any, query: str, found: set[str]
) -> None:
    address = f"/posture/{two[1].pk}/?{query}"
    page = text_of(as_admin, address, **{"HX-Request": "true"})
    assert page.strip().startswith('<section id="table"')
    assert set(re.findall(r'class="thing"><a class="mono" href="[^"]*">(\w+)<', page)) == found
    answer = as_admin.get(f"/api/v1/benchmarks/{two[1].pk}/results/?{query}").json()
    assert {row["check_id"] for row in answer["results"]} == found


def test_results_are_paged_worst_first(as_admin: Client, monkeypatch: Any) -> None:
    monkeypatch.setattr("governance.runtime.views.PostureRun.size", 2)
    run = make_run(make_bench_report(*make_checks(a="pass", b="info", c="warn", d="fail", e="fail")))
    seen: list[str] = []
    address = f"/posture/{run.pk}/"
    while address:
        page = text_of(as_admin, address, **{"HX-Request": "true"})
        seen += re.findall(r'class="thing"><a class="mono" href="[^"]*">(\w+)<', page)
        further = re.search(r'rel="next" href="([^"]+)"', page)
        address = f"/posture/{run.pk}/" + further[1].replace("&amp;", "&") if further else ""
    assert seen == ["d", "e", "c", "b", "a"]


def test_the_api_tells_a_run_and_its_counts(team: Team, two: Any) -> None:
    reader = Machine(make_token("read", team)[1])
    (row,) = reader.get("/api/v1/benchmarks/").json()["results"]
    assert row["results"] == {"pass": 1, "fail": 2, "warn": 0, "info": 1}
    assert (row["name"], row["team"], row["newly_failing"], row["previous"]) == ("web-1", "shop", 1, two[0].pk)
    assert reader.get(f"/api/v1/benchmarks/{two[0].pk}/").json()["is_current"] is False
    assert len(reader.get("/api/v1/benchmarks/?history=true").json()["results"]) == 2
    first = reader.get(f"/api/v1/benchmarks/{two[1].pk}/results/").json()["results"][0]
    assert (first["check_id"], first["severity"], first["change"], first["before"]) == ("c1", "high", "failing", "pass")
    assert reader.get("/api/v1/benchmarks/999999999999999999/").status_code == 404


def test_what_another_team_sent_is_neither_listed_nor_counted(client: Client, two: Any, stranger: User) -> None:
    client.force_login(stranger)
    assert "No benchmark is known yet" in text_of(client, "/posture/")
    assert client.get("/api/v1/benchmarks/").json()["results"] == []
    text_of(client, f"/posture/{two[1].pk}/", 404)


def test_a_delivery_names_its_benchmarks_to_whom_may_see_them(
    client: Client, admin: User, team: Team, stranger: User, monkeypatch: Any
) -> None:
    monkeypatch.setattr(ingest, "parse", lambda *_: make_bench_report(*make_checks(a="fail"), name=""))
    delivery = deliver({"any": 1}, viewer=make_token(team=team)[0], subject="db-1")
    run = BenchmarkRun.objects.get()
    client.force_login(admin)
    page = text_of(client, f"/deliveries/{delivery.pk}/")
    assert f'href="/posture/{run.pk}/">db-1</a>' in page
    assert "<dt>Subject</dt>" in page
    assert "Images it spoke of" not in page
    assert f'href="/deliveries/{delivery.pk}/"' in text_of(client, "/deliveries/?q=db-")
    Delivery.objects.update(sender=stranger)
    client.force_login(stranger)
    assert f"/posture/{run.pk}/" not in text_of(client, f"/deliveries/{delivery.pk}/")


def test_hostile_text_is_shown_as_text(as_admin: Client) -> None:
    bad = "<script>\u202ealert(1)</script>\x07"
    check = Check("policy", bad, Result.FAIL, bad, Severity.HIGH, bad)
    make_run(make_bench_report(check, name=bad, title=bad))
    run = make_run(make_bench_report(check, Check("policy", bad, Result.WARN, bad), name=bad, title=bad, day=21))
    check_page = f"/posture/checks/?tool=docker-bench&check={quote(bad)}"
    for address in (
        "/posture/",
        f"/posture/{run.pk}/",
        "/posture/subjects/",
        f"/posture/{run.pk}/difference/",
        check_page,
    ):
        page = text_of(as_admin, address)
        assert "<script>\u27e6202e\u27e7" not in page
        assert "&lt;script&gt;⟦202e⟧alert(1)" in page


def test_a_run_of_a_token_that_is_gone_is_still_called_something(as_admin: Client) -> None:
    token = make_token()[0]
    run = make_run(make_bench_report(*make_checks(a="fail"), name=""), token=token.pk)
    assert f"unnamed host (token {token.name})" in text_of(as_admin, f"/posture/{run.pk}/")
    BenchmarkRun.objects.update(token=None, left_out=5)
    page = text_of(as_admin, f"/posture/{run.pk}/")
    assert "unnamed host (command line)" in page
    assert "The last 5 were left out" in page


def test_the_pages_ask_few_questions(as_admin: Client, two: Any, django_assert_num_queries: Any) -> None:
    # Session, person, rows, what newly fails; scope picker and open deliveries of the frame.
    with django_assert_num_queries(6):
        as_admin.get("/posture/")
    # Session, person, the run, results; what is silent, history; scope picker and open deliveries of the frame.
    with django_assert_num_queries(8):
        as_admin.get(f"/posture/{two[1].pk}/")


@pytest.fixture
def fleet(team: Team, two: Any) -> tuple[BenchmarkRun, ...]:
    """Beside web-1 with its two runs a second benchmark there, a better host, and a cluster of nobody."""
    other = make_bench_report(*make_checks(k1="pass", k2="pass"), title="CIS Kubernetes")
    made = [make_run(other, team)]
    made.append(
        make_run(make_bench_report(*make_checks(c1="pass", c2="pass", c3="fail", c9="warn"), name="web-2"), team)
    )
    made.append(make_run(make_bench_report(*make_checks(x="info"), name="", subject="cluster")))
    return (*two, *made)


def test_hosts_and_clusters_are_listed_worst_first_with_their_rate(as_admin: Client, fleet: Any) -> None:
    page = text_of(as_admin, "/posture/subjects/")
    assert re.findall(r'class="ref" href="[^"]*">([^<]+)<', page) == [
        "web-1",
        "web-2",
        "unnamed cluster (command line)",
    ]
    assert re.findall(r'data-label="Rate" class="num">([^<]+)<', page) == ["60 %", "50 %"]
    assert "/posture/?kind=host&amp;subject=web-1" in page
    told = as_admin.get("/api/v1/benchmarks/subjects/").json()
    worst = told["results"][0]
    assert (told["more"], worst["name"], worst["team"], worst["benchmarks"]) == (False, "web-1", "shop", 2)
    assert (worst["results"], worst["rate"], worst["newly_failing"]) == (
        {"pass": 3, "fail": 2, "warn": 0, "info": 1},
        0.6,
        1,
    )
    assert [row["rate"] for row in told["results"]] == [0.6, 0.5, None]


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ("q=WEB-2", ["web-2"]),
        ("kind=cluster", [""]),
        ("tool=nothing", []),
        ("team=shop", ["web-1", "web-2"]),
        ("demo=true", []),
    ],
)
def test_subjects_are_narrowed_on_the_page_and_over_http(
    as_admin: Client, fleet: Any, query: str, names: list[str]
) -> None:
    found = as_admin.get(f"/api/v1/benchmarks/subjects/?{query}").json()["results"]
    assert [row["subject"] for row in found] == names
    page = text_of(as_admin, f"/posture/subjects/?{query}")
    assert len(re.findall(r'class="ref" href', page)) == len(names)
    assert names or "No host or cluster matches" in page


def test_only_so_many_subjects_are_listed_and_the_page_says_so(as_admin: Client, fleet: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr("governance.runtime.subjects.subjects_of.__defaults__", (1,))
    assert "The worst 1 are shown" in text_of(as_admin, "/posture/subjects/")
    assert as_admin.get("/api/v1/benchmarks/subjects/").json()["more"] is True


def test_a_run_is_compared_with_the_one_before_it_or_with_another_host(as_admin: Client, fleet: Any) -> None:
    first, second, _, elsewhere, _ = fleet
    page = text_of(as_admin, f"/posture/{second.pk}/difference/")
    assert "1 worse here" in page
    assert "1 better here" in page
    assert "1 only here" in page
    assert "1 only there" in page
    assert "1 the same" in page
    told = as_admin.get(f"/api/v1/benchmarks/{second.pk}/difference/").json()
    assert (told["here"], told["there"]) == (second.pk, first.pk)
    said = {row["check_id"]: (row["here"], row["there"], row["change"]) for row in told["results"]}
    assert said == {
        "c1": ("fail", "pass", "worse"),
        "c2": ("pass", "fail", "better"),
        "c4": ("info", "", "only_here"),
        "c5": ("", "warn", "only_there"),
    }
    query = f"with={elsewhere.pk}&change=worse"
    assert "web-2" in text_of(as_admin, f"/posture/{second.pk}/difference/?{query}")
    told = as_admin.get(f"/api/v1/benchmarks/{second.pk}/difference/?{query}").json()
    assert ([row["check_id"] for row in told["results"]], told["counts"]["same"]) == (["c1"], 2)


def test_a_difference_says_what_it_cannot_show(as_admin: Client, fleet: Any, stranger: User, monkeypatch: Any) -> None:
    first, second, *_ = fleet
    other = make_run(msgspec.structs.replace(make_bench_report(*make_checks(a="fail")), scanner="kube-bench"))
    address = f"/api/v1/benchmarks/{second.pk}/difference/"
    assert "no checks in common" in as_admin.get(f"{address}?with={other.pk}").json()["detail"]
    assert as_admin.get(f"/posture/{second.pk}/difference/?with={other.pk}").status_code == 404
    for query, status in (("with=x", 400), ("with=999999999", 404), ("change=nothing", 400), ("with=%00", 400)):
        assert as_admin.get(f"{address}?{query}").status_code == status
        assert as_admin.get(f"/posture/{second.pk}/difference/?{query}").status_code in (200, 404)
    assert "Nothing chosen to compare it with" in text_of(as_admin, f"/posture/{first.pk}/difference/")
    monkeypatch.setattr("governance.runtime.difference.difference.__defaults__", ((), 2))
    told = as_admin.get(address).json()
    assert (len(told["results"]), told["left_out"]) == (2, 2)
    # A run of somebody else is none.
    theirs = make_run(make_bench_report(*make_checks(c1="pass"), name="db"), Team.objects.get(name="payments"))
    mine = Machine(make_token("read", second.team)[1])
    assert mine.get(f"{address}?with={theirs.pk}").status_code == 404


def test_a_check_is_shown_wherever_it_was_made(as_admin: Client, fleet: Any, team: Team) -> None:
    page = text_of(as_admin, "/posture/checks/?tool=docker-bench&check=c1")
    assert "Ensure c1" in page
    assert re.findall(r'class="ref" href="[^"]*">([^<]+)<', page) == ["web-1", "web-2"]
    assert "No result of this check" in text_of(as_admin, "/posture/checks/?tool=docker-bench&check=%00")
    reader = Machine(make_token("read", team)[1])
    told = reader.get("/api/v1/benchmarks/checks/?tool=docker-bench&check=c1&result=fail").json()["results"]
    assert [(row["name"], row["result"], row["run"]) for row in told] == [("web-1", "fail", fleet[1].pk)]
    assert "/posture/checks/?tool=docker-bench&amp;check=c1" in text_of(as_admin, f"/posture/{fleet[1].pk}/")


def test_the_new_pages_ask_few_questions(as_admin: Client, fleet: Any, django_assert_num_queries: Any) -> None:
    # Session, person, subjects; scope picker and open deliveries of the frame.
    with django_assert_num_queries(5):
        as_admin.get("/posture/subjects/")
    # Session, person, the run, the other, what it may be compared with, the difference; and the frame's two.
    with django_assert_num_queries(8):
        as_admin.get(f"/posture/{fleet[1].pk}/difference/")
    # Session, person, rows; and the frame's two.
    with django_assert_num_queries(5):
        as_admin.get("/posture/checks/?tool=docker-bench&check=c1")
