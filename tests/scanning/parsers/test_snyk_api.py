import pytest

from governance.findings.report import Outcome, ReportError, Severity


def test_issues_of_one_project_are_one_scan(read):
    report = read("snyk_api/issues.json")
    first, second = report.images
    (match,) = first.matches
    assert (match.advisory, match.aliases) == ("SNYK-PYTHON-PILLOW-1", ("CVE-2099-0001",))
    assert (match.package.name, match.package.version, match.package.type) == ("pillow", "9.5.0", "pypi")
    assert (match.severity, match.cvss, match.url) == (Severity.HIGH, 7.5, "https://example.com/CVE-2099-0001")
    assert (report.format, report.scanner, report.entries) == ("snyk-api", "snyk", 3)
    assert (second.matches[0].status, second.checks[0].kind) == ("resolved", "licence")


def test_what_users_ignored_is_set_aside(read):
    (ignored,) = read("snyk_api/issues.json").images[0].suppressed
    assert (ignored.package.name, ignored.package.source_name) == ("libssl3", "openssl")
    assert (ignored.package.type, ignored.package.namespace) == ("deb", "debian")


def test_a_page_says_that_there_are_more(read):
    assert "one page of several" in read("snyk_api/issues.json").notes[1]


def test_no_issues_prove_no_scan(read):
    report = read({"jsonapi": {"version": "1.0"}, "data": []})
    assert [scan.outcome for scan in report.images] == [Outcome.UNASSESSED]


def test_another_answer_of_a_json_api_is_not_recognised(read):
    with pytest.raises(ReportError):
        read({"jsonapi": {"version": "1.0"}, "data": {"id": "x"}})
