from datetime import UTC, datetime

import pytest

from governance.findings.report import Kind, Result


def test_the_checks_are_a_benchmark_for_each_category(read):
    report = read("neuvector_compliance/host.json")
    assert (report.format, report.scanner, report.kind) == ("neuvector-compliance", "neuvector", Kind.COMPLIANCE)
    assert report.scanned_at == datetime(2026, 8, 20, 9, 30, tzinfo=UTC)
    assert [(one.subject, one.name, one.title) for one in report.benchmarks] == [
        ("host", "", "CIS Docker 1.6.0"),
        ("host", "", "CIS Kubernetes 1.8.0"),
        ("host", "", "NeuVector custom"),
    ]
    assert [(check.id, check.result, check.target) for one in report.benchmarks for check in one.checks] == [
        ("D.2.1", Result.WARN, "host"),
        ("D.2.2", Result.PASS, "host"),
        ("K.4.1.3", Result.INFO, "worker"),
        ("script-1", Result.FAIL, "host"),
    ]


def test_it_may_lie_inside_a_report(read, sample):
    body = sample("neuvector_compliance/host.json")
    assert read({"report": body}) == read(body)
    assert len(read({"items": body["items"]}).benchmarks) == 3


@pytest.mark.parametrize("items", [[], None])
def test_no_item_is_no_check(read, sample, items):
    assert [one.checks for one in read(sample("neuvector_compliance/host.json") | {"items": items}).benchmarks] == [()]
