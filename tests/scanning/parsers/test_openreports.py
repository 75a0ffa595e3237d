import pytest

from governance.findings.report import Kind, Outcome, Result, Severity


def test_findings_are_told_from_checks(read):
    report = read("openreports/report.json")
    (scan,) = report.images
    assert (report.scanner, report.kind, report.entries) == ("image-scanner", Kind.VULNERABILITY, 2)
    first, second = scan.matches
    assert (first.advisory, first.severity, first.fixed_version) == ("CVE-2099-0001", Severity.HIGH, "3.0.16-1")
    assert (first.package.name, first.package.version, second.severity) == ("libssl3", "3.0.15-1", Severity.LOW)
    (benchmark,) = report.benchmarks
    assert (benchmark.subject, benchmark.name, benchmark.title) == (
        "project",
        "shop/Deployment/api",
        "compliance-scanner",
    )
    assert [(check.kind, check.id, check.result) for check in benchmark.checks] == [("policy", "POL-1", Result.FAIL)]


def test_a_list_is_grouped_by_image_and_source(read):
    report = read("openreports/list.json")
    assert [scan.image.references for scan in report.images] == [
        ("registry.example.com/shop/api:1",),
        ("registry.example.com/shop/web:1",),
    ]
    assert (report.scanner, report.images[0].image.distro, report.images[0].matches[0].cvss) == ("trivy", "debian", 7.5)
    (benchmark,) = report.benchmarks
    assert (benchmark.subject, benchmark.name, benchmark.title) == ("cluster", "", "kyverno")
    assert [(check.target, check.result) for check in benchmark.checks] == [
        ("shop/Pod/api", Result.FAIL),
        ("shop/Pod/web", Result.PASS),
        ("shop/Pod/db", Result.INFO),
        ("shop/Pod/mq", Result.WARN),
    ]


def test_checks_alone_are_compliance(read, sample):
    report = read(sample("openreports/list.json")["items"][1:])
    assert (report.kind, report.images, report.scanner) == (Kind.COMPLIANCE, (), "kyverno")


@pytest.mark.parametrize(("summary", "outcome"), [({"fail": 0}, "assessed"), (None, "unassessed")])
def test_a_scanner_that_found_nothing_says_so_by_its_summary(read, sample, summary, outcome):
    report = sample("openreports/report.json") | {"results": None, "summary": summary}
    (scan,) = read(report).images
    assert (scan.outcome, scan.matches) == (Outcome(outcome), ())


def test_what_passed_is_set_aside_and_a_category_is_not_needed(read, sample):
    report = sample("openreports/report.json")
    report["results"][0] |= {"result": "pass", "category": None}
    (scan,) = read(report).images
    assert (len(scan.matches), len(scan.suppressed)) == (1, 1)
