import pytest

from governance.findings.report import Kind, Outcome, ReportError, Result, Severity
from scanning.parsers import parse
from scanning.parsers.document import open_document


@pytest.mark.parametrize("name", ["image.json", "image.csv", "old.json"])
def test_policies_of_an_image_are_its_checks(read, name):
    report = read(f"stackrox_check/{name}")
    (scan,) = report.images
    assert (report.format, report.scanner, report.kind, report.entries) == (
        "stackrox-check",
        "stackrox-check",
        Kind.COMPLIANCE,
        0,
    )
    assert (scan.outcome, report.benchmarks) == (Outcome.UNASSESSED, ())
    assert [(check.kind, check.id, check.result, check.severity) for check in scan.checks] == [
        ("policy", "Policy 1", Result.FAIL, Severity.CRITICAL),
        ("policy", "Policy 2", Result.WARN, Severity.LOW),
    ]


def test_policies_of_deployments_are_a_benchmark_each(read):
    report = read("stackrox_check/deployment.json")
    assert report.images == ()
    assert [(one.subject, one.name, len(one.checks)) for one in report.benchmarks] == [
        ("project", "shop/api", 2),
        ("project", "shop/web", 2),
    ]
    assert report.benchmarks[0].checks[0].target == "Deployment shop/api"


def test_a_table_of_deployments_is_read(read):
    report = read("stackrox_check/deployment.csv")
    assert [(one.name, one.checks[0].result) for one in report.benchmarks] == [
        ("api", Result.FAIL),
        ("web", Result.WARN),
    ]


@pytest.mark.parametrize("results", [[], None, [{"metadata": {}, "violatedPolicies": None}]])
def test_nothing_violated_is_no_check(read, results):
    report = read({"results": results, "summary": {"TOTAL": 0, "CRITICAL": 0}})
    assert (len(report.images), report.images[0].checks) == (1, ())


def test_another_table_is_refused():
    with pytest.raises(ReportError, match="columns"):
        parse(open_document(b"a,b\n1,2\n"), "stackrox-check")
