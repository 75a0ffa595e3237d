import pytest

from governance.findings.report import ReportError, Severity
from scanning.parsers import parse
from scanning.parsers.document import open_document

D3, D4 = (f"sha256:{digit * 64}" for digit in "34")
API, WEB = "registry.example.com/shop/api:1.4.2", "registry.example.com/shop/web:2"


@pytest.mark.parametrize("name", ["report.json", "report.csv", "report_2025.csv"])
def test_rows_are_grouped_by_image(read, name):
    report = read(f"sysdig_report/{name}")
    first, second = report.images
    assert (report.scanner, first.image.references, second.image.references) == ("sysdig", (API,), (WEB,))
    assert (first.image.distro, first.image.distro_version) == ("debian", "12.11")
    match = first.matches[0]
    assert (match.advisory, match.severity, match.fixed_version) == ("CVE-2099-0001", Severity.HIGH, "3.0.16-1")
    assert (match.package.name, match.package.type, match.package.namespace) == ("libssl3", "deb", "debian")
    assert second.matches[0].severity == Severity.CRITICAL


def test_a_row_for_each_workload_is_an_entry(read):
    report = read("sysdig_report/report.json")
    assert (report.entries, len(report.images[0].matches)) == (3, 2)
    assert [scan.image.config_digest for scan in report.images] == [D3, D4]


def test_an_accepted_risk_is_set_aside_and_the_suggested_fix_stands_in(read):
    report = read("sysdig_report/report.csv")
    first, second = report.images
    assert ([one.advisory for one in first.suppressed], report.entries) == (["CVE-2099-0003"], 3)
    assert (second.matches[0].package.type, second.matches[0].fixed_version) == ("maven", "v1.1")


def test_an_image_id_that_stands_at_two_systems_is_nobodys(read):
    report = read("sysdig_report/report_2025.csv")
    assert [scan.image.config_digest for scan in report.images] == ["", ""]
    assert "none of theirs" in report.notes[0]


def test_a_table_without_rows_says_nothing(read):
    header = b"Vulnerability ID,Severity,Package name,Package version,Image ID\n"
    assert read(header).images == ()


def test_what_is_no_such_report_is_refused(read):
    for body in (b"a,b\n1,2\n", b'{"data": 1}', b'{"data": [{"vulnName": []}]}'):
        with pytest.raises(ReportError):
            parse(open_document(body), "sysdig-report")
