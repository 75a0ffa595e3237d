from datetime import UTC, datetime

import pytest

from governance.findings.report import Kind, ReportError, Result, Severity
from scanning.parsers import parse
from scanning.parsers.document import open_document


def test_recommendations_are_checks_of_the_subscription(read):
    report = read("azure_defender/recommendations.csv")
    assert (report.format, report.kind, report.images) == ("azure-defender", Kind.COMPLIANCE, ())
    assert report.scanned_at == datetime(2026, 8, 20, 9, 31, 0, 373000, tzinfo=UTC)
    assert [(one.subject, one.name) for one in report.benchmarks] == [
        ("account", "Shop"),
        ("account", "00000000-0000-4000-8000-000000000002"),
    ]
    checks = [check for one in report.benchmarks for check in one.checks]
    assert [(check.id, check.result, check.severity, check.target) for check in checks] == [
        ("aaaa", Result.FAIL, Severity.HIGH, "/subscriptions/1/west-1"),
        ("bbbb", Result.PASS, Severity.MEDIUM, "/subscriptions/1/shop"),
        ("bbbb", Result.INFO, Severity.LOW, "/subscriptions/2/other"),
    ]
    assert checks[0].title == "Privileged containers should be avoided"


def test_columns_in_another_order_and_case_are_read(read):
    report = read(b"State,SEVERITY,subscriptionID,RecommendationId\nUnhealthy,Low,one,/a/assessments/cccc\n")
    assert report.benchmarks[0].checks[0].id == "cccc"


def test_a_table_without_rows_holds_no_check(read):
    assert read(b"state,severity,subscriptionId,recommendationId\n").benchmarks[0].checks == ()


def test_another_table_is_refused():
    with pytest.raises(ReportError, match="columns"):
        parse(open_document(b"a,b\n1,2\n"), "azure-defender")
