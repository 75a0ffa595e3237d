from datetime import UTC, datetime

import pytest

from governance.findings.report import Kind, ReportError, Result


def test_the_checks_are_a_benchmark_of_a_host_without_a_name(read):
    report = read("docker_bench/log.json")
    (benchmark,) = report.benchmarks
    assert (report.format, report.kind, report.images, report.entries) == ("docker-bench", Kind.COMPLIANCE, (), 0)
    assert report.scanned_at == datetime(2026, 8, 20, 9, 30, 15, tzinfo=UTC)
    assert (benchmark.subject, benchmark.name, benchmark.title) == ("host", "", "Docker Bench for Security 1.6.1")
    assert [(check.id, check.result) for check in benchmark.checks] == [
        ("2.1", Result.INFO),
        ("2.2", Result.WARN),
        ("2.3", Result.PASS),
        ("5.2", Result.WARN),
        ("5.9", Result.INFO),
    ]
    assert benchmark.checks[3].title == "Security options are set (Automated): shop-api, shop-web"
    assert report.notes == ()


def test_a_log_without_an_end_is_marked(read, sample):
    log = {name: value for name, value in sample("docker_bench/log.json").items() if name in ("start", "tests")}
    (note,) = read(log | {"dockerbenchsecurity": "1.6.1"}).notes
    assert "no end" in note


def test_a_log_that_was_cut_off_is_refused(read):
    with pytest.raises(ReportError, match="JSON"):
        read(b'{"dockerbenchsecurity": "1.6.1", "start": 1, "tests": [{"id": "1", "results": [')
