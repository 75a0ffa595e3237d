"""A benchmark's newest run is current whatever the order of arrival, and says what changed since the one before."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from itertools import permutations

import pytest
from django.db import connection, transaction

from governance.findings.record import Arrival
from governance.findings.report import Benchmark, Check, Kind, Result, ScanReport, Severity
from governance.images.models import Image
from governance.runtime import benchmarks
from governance.runtime.benchmarks import reasons_of_benchmarks, record_benchmarks
from governance.runtime.models import BenchmarkResult, BenchmarkRun
from scanning import ingest
from scanning.models import Delivery
from tests.make import deliver, make_bench_report, make_checks, make_run, make_token

pytestmark = pytest.mark.django_db


def changes(run: BenchmarkRun) -> dict[str, tuple[str, str]]:
    rows = BenchmarkResult.objects.filter(run=run).exclude(change="")
    return {row.check_id: (row.before, row.result) for row in rows}


def test_every_result_is_kept_and_counted() -> None:
    run = make_run()
    assert (run.passed, run.failed, run.warned, run.noted, run.total) == (1, 1, 1, 1, 4)
    kept = list(run.results.order_by("-rank").values_list("check_id", "result", "severity"))
    assert kept == [("c1", "fail", 4), ("c2", "warn", 3), ("c4", "info", 0), ("c3", "pass", 0)]
    assert run.is_current
    assert (run.previous, run.newly_failing, run.fixed) == (None, 0, 0)


def test_what_changed_is_said_against_the_run_before() -> None:
    first = make_run(make_bench_report(*make_checks(a="pass", b="fail", c="warn", d="fail", e="fail", f="info")))
    second = make_run(
        make_bench_report(*make_checks(a="fail", b="pass", c="fail", d="warn", e="fail", f="pass", g="warn"), day=21)
    )
    first.refresh_from_db()
    assert (first.is_current, second.is_current, second.previous) == (False, True, first)
    assert changes(second) == {
        "a": ("pass", "fail"),
        "b": ("fail", "pass"),
        "c": ("warn", "fail"),
        "d": ("fail", "warn"),
        "g": ("", "warn"),
    }
    assert (second.newly_failing, second.fixed) == (3, 2)


def test_the_worst_counts_where_a_check_stands_twice() -> None:
    twice = [*make_checks(a="fail"), *make_checks(a="pass")]
    make_run(make_bench_report(*twice))
    same = make_run(make_bench_report(*twice, day=21))
    assert changes(same) == {}
    other = Check("benchmark", "a", Result.FAIL, target="another")
    moved = make_run(make_bench_report(*twice, other, day=22))
    assert (moved.newly_failing, moved.fixed) == (1, 0)


def test_runs_in_any_order_end_in_the_same_state() -> None:
    days = {
        20: make_checks(a="fail", b="pass"),
        21: make_checks(a="pass", b="pass"),
        22: make_checks(a="pass", b="fail"),
    }
    ends = set()
    for order in permutations(days):
        BenchmarkRun.objects.all().delete()
        for day in order:
            make_run(make_bench_report(*days[day], day=day))
        runs = BenchmarkRun.objects.order_by("at")
        ends.add(
            tuple((r.is_current, r.previous and r.previous.at.day, r.newly_failing, r.fixed, *changes(r)) for r in runs)
        )
    assert ends == {((False, None, 0, 0), (False, 20, 0, 1, "a"), (True, 21, 1, 0, "b"))}


@pytest.mark.parametrize("other", [{"name": "web-2"}, {"title": "CIS Docker Benchmark 1.7.0"}, {"subject": "cluster"}])
def test_another_subject_or_title_is_another_benchmark(other: dict[str, str]) -> None:
    make_run()
    make_run(make_bench_report(*make_checks(c1="pass"), day=21, **other))
    assert BenchmarkRun.objects.current().count() == 2


def test_nobodys_run_takes_the_place_of_another_teams(team, stranger) -> None:
    theirs = make_run(team=team)
    make_run(make_bench_report(*make_checks(c1="pass"), day=21), stranger.teams.get())
    theirs.refresh_from_db()
    assert theirs.is_current


def test_unnamed_hosts_are_told_apart_by_their_token() -> None:
    one, other = make_token()[0], make_token()[0]
    nameless = make_bench_report(*make_checks(a="fail"), name="")
    runs = [make_run(nameless, token=one.pk), make_run(nameless, token=other.pk)]
    assert BenchmarkRun.objects.current().count() == 2
    assert str(runs[0]) == f"unnamed host (token {one.name})"
    assert str(make_run(nameless)) == "unnamed host (command line)"


def test_the_reports_own_name_goes_before_the_senders() -> None:
    assert make_run(subject="sent").subject == "web-1"
    assert make_run(make_bench_report(*make_checks(a="pass"), name=""), subject="sent").subject == "sent"


def test_the_same_delivery_twice_writes_nothing() -> None:
    run = make_run(delivery=7)
    report = make_bench_report(*make_checks(a="fail"), day=22)
    assert record_benchmarks(report, Arrival(7, run.at, "ci")) == []
    assert BenchmarkRun.objects.count() == 1


def test_pieces_of_one_benchmark_are_one_run() -> None:
    pieces = [Benchmark("cluster", "prod", "CIS", make_checks(**{name: "fail"})) for name in ("a", "b")]
    report = ScanReport("x", "kube-bench", (), Kind.COMPLIANCE, (*pieces, Benchmark("cluster", "prod", "Empty")))
    run = make_run(report)
    assert (BenchmarkRun.objects.get(), run.failed) == (run, 2)
    assert "1 of its benchmarks hold no result" in reasons_of_benchmarks(report, Arrival(1, run.at, "ci"))[0]


def test_there_is_a_limit_and_it_is_said(monkeypatch) -> None:
    monkeypatch.setattr(benchmarks, "MOST_RESULTS", 2)
    monkeypatch.setattr(benchmarks, "MOST_RUNS", 1)
    report = make_bench_report(*make_checks(a="fail", b="fail", c="fail"), name="")
    report = ScanReport(
        "x", "x", (), Kind.COMPLIANCE, (*report.benchmarks, Benchmark("host", "", "Other", make_checks(a="pass")))
    )
    run = make_run(report)
    assert (run.failed, run.left_out, run.results.count(), BenchmarkRun.objects.count()) == (3, 1, 2, 1)
    said = " ".join(reasons_of_benchmarks(report, Arrival(1, run.at, "ci")))
    for part in ("the first 1 were recorded", "first 2 results", "?subject=NAME"):
        assert part in said


def test_hostile_text_fits_its_columns() -> None:
    check = Check("benchmark", "\0" + "i" * 300, Result.FAIL, "t\0" * 900, Severity.CRITICAL, "\\N\t\n" * 400)
    run = make_run(make_bench_report(check, name=" \0" + "n" * 400, title="t" * 500))
    row = run.results.get()
    assert (len(run.subject), len(run.title), len(row.check_id)) == (200, 300, 200)
    assert (row.target, row.rank) == (("\\N\t\n" * 400)[:500], 35)


def test_an_event_is_no_run() -> None:
    report = make_bench_report(*make_checks(a="fail"))
    event = ScanReport("x", "x", (), Kind.EVENT, report.benchmarks)
    assert record_benchmarks(event, Arrival(1, report.scanned_at, "ci")) == []


def test_a_delivery_records_its_benchmarks_and_no_image(monkeypatch, team) -> None:
    token = make_token(team=team)[0]
    report = make_bench_report(*make_checks(a="fail"), name="")
    monkeypatch.setattr(ingest, "parse", lambda *_: report)
    delivery = deliver({"any": 1}, viewer=token, subject="db-1")
    run = BenchmarkRun.objects.get()
    assert (delivery.state, run.delivery, run.team, run.subject) == ("done", delivery.pk, team, "db-1")
    assert delivery.result["checks"]["fail"] == 1
    assert delivery.result["reasons"] == []
    assert delivery.result["findings"] == 0
    assert not Image.objects.exists()


def test_a_lost_lease_leaves_no_run(monkeypatch) -> None:
    monkeypatch.setattr(ingest, "parse", lambda *_: make_bench_report(*make_checks(a="fail")))

    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr(ingest, "record_report", fail)
    deliver({"any": 1})
    assert not BenchmarkRun.objects.exists()
    assert Delivery.objects.get().state == "received"


def test_a_hundred_thousand_results_take_seconds(django_assert_max_num_queries) -> None:
    many = tuple(Check("policy", f"c{number}", Result.FAIL) for number in range(100_000))
    make_run(make_bench_report(*many))
    with django_assert_max_num_queries(12):
        run = make_run(make_bench_report(*many[:-1], Check("policy", "new", Result.FAIL), day=21))
    assert (run.newly_failing, run.fixed) == (1, 0)


@pytest.mark.django_db(transaction=True)
def test_runs_that_come_at_once_end_as_if_one_after_the_other() -> None:
    days = [20, 22, 21, 24, 23, 20, 25, 22]
    barrier = threading.Barrier(len(days))

    def record(day: int) -> None:
        barrier.wait()
        with transaction.atomic():
            make_run(make_bench_report(*make_checks(a="fail" if day % 2 else "pass"), day=day))
        connection.close()

    with ThreadPoolExecutor(len(days)) as pool:
        list(pool.map(record, days))
    runs = list(BenchmarkRun.objects.order_by("at", "pk"))
    assert [run.previous_id for run in runs] == [None, *(run.pk for run in runs[:-1])]
    assert [run.is_current for run in runs] == [False] * 7 + [True]
    assert [(run.newly_failing, run.fixed) for run in runs[2:]] == [(1, 0), (0, 1), (0, 0), (1, 0), (0, 1), (1, 0)]
