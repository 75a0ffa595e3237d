import pytest

from governance.findings.report import Kind, ReportError, Result, Severity
from scanning.parsers import parse
from scanning.parsers.document import open_document

D1 = f"sha256:{'1' * 64}"
API = "registry.example.com/shop/api:1.4.2"


def test_issues_are_checks_of_the_account(read):
    report = read("wiz/issues.csv")
    assert (report.kind, report.entries, report.images) == (Kind.COMPLIANCE, 0, ())
    first, second = report.benchmarks
    assert [(one.subject, one.name, one.title) for one in report.benchmarks] == [
        ("account", "Shop", "Wiz issues"),
        ("account", "s-2", "Wiz issues"),
    ]
    assert [(one.id, one.result, one.severity) for one in (*first.checks, *second.checks)] == [
        ("c-1", Result.FAIL, Severity.HIGH),
        ("c-1", Result.PASS, Severity.NEGLIGIBLE),
        ("c-2", Result.INFO, Severity.CRITICAL),
        ("i-4", Result.FAIL, Severity.LOW),
    ]
    assert (first.checks[1].title, first.checks[0].target) == (
        "Container runs as root (resolved)",
        "Deployment shop/api",
    )


def test_findings_are_grouped_by_asset_and_a_machine_is_no_image(read):
    report = read("wiz/findings.csv")
    image, machine = report.images
    assert image.image.references == (f"registry.example.com/shop/api@{D1}", API)
    assert image.image.repo_digests == (f"registry.example.com/shop/api@{D1}",)
    assert machine.image.references == ()
    assert report.notes == ("assets that are no container images, as far as the table says: 1",)
    assert (report.kind, report.entries) == (Kind.VULNERABILITY, 4)
    assert report.scanned_at.isoformat() == "2026-08-20T09:00:00+00:00"


def test_the_vendors_severity_counts_and_what_was_rejected_is_set_aside(read):
    image = read("wiz/findings.csv").images[0]
    first, second = image.matches
    assert (first.advisory, first.severity, first.fixed_version) == ("CVE-2099-0001", Severity.HIGH, "3.0.16-1")
    assert (second.status, second.aliases) == ("resolved", ("GHSA-2099-aaaa-bbbb",))
    (rejected,) = image.suppressed
    assert (rejected.advisory, rejected.severity) == ("CVE-2099-0003", Severity.LOW)


def test_columns_are_known_by_their_letters_in_any_order(read):
    table = b"asset id,FINDING STATUS,Version,Detailed Name,name\na,Open,1.0,openssl,CVE-2099-0001\n"
    (match,) = read(table).images[0].matches
    assert (match.advisory, match.package.name, match.package.version) == ("CVE-2099-0001", "openssl", "1.0")


def test_a_table_without_rows_says_nothing(read):
    report = read(b"Title,Severity,Status,Resource Type,Control ID,Issue ID\n")
    assert (report.kind, report.benchmarks[0].checks) == (Kind.COMPLIANCE, ())


def test_another_table_is_refused():
    with pytest.raises(ReportError, match="columns"):
        parse(open_document(b"a,b\n1,2\n"), "wiz")
