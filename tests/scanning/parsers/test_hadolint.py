from governance.findings.report import Kind, Result, Severity
from scanning.parsers import parse
from scanning.parsers.document import open_document


def test_the_findings_are_a_benchmark_of_a_project(read):
    report = read("hadolint/report.json")
    (benchmark,) = report.benchmarks
    assert (report.format, report.kind, report.images) == ("hadolint", Kind.COMPLIANCE, ())
    assert (benchmark.subject, benchmark.name) == ("project", "")
    assert [(check.kind, check.id, check.result, check.severity, check.target) for check in benchmark.checks] == [
        ("lint", "DL3008", Result.WARN, Severity.MEDIUM, "shop/Dockerfile:4"),
        ("lint", "DL3015", Result.INFO, Severity.NEGLIGIBLE, "shop/Dockerfile:4"),
        ("lint", "DL3020", Result.FAIL, Severity.HIGH, "shop/Dockerfile:9"),
        ("lint", "DL3048", Result.INFO, Severity.UNKNOWN, "web/Dockerfile:2"),
    ]


def test_an_empty_list_is_read_only_where_it_is_named():
    document = open_document(b"[]")
    assert parse(document, "hadolint").benchmarks[0].checks == ()
    assert parse(document).format == "empty"
