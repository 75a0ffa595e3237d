import pytest

from governance.findings.report import Outcome, Severity


def test_rows_are_findings_of_an_image_without_a_name(read):
    report = read("xray/components.json")
    (scan,) = report.images
    first, second = scan.matches
    assert (report.format, report.scanner, report.entries, scan.outcome) == (
        "jfrog-xray",
        "jfrog-xray",
        2,
        Outcome.ASSESSED,
    )
    assert (scan.image.references, scan.image.distro, scan.image.distro_version) == ((), "debian", "bookworm")
    assert (first.advisory, first.fixed_version, first.status, first.cvss) == (
        "CVE-2099-0001",
        "1:3.0.16-1",
        "fixed",
        9.8,
    )
    assert (first.package.name, first.package.version) == ("openssl", "1:3.0.15-1")
    assert (second.advisory, second.severity, second.fixed_version) == ("XRAY-2", Severity.LOW, "")


@pytest.mark.parametrize("change", [{"total_count": 4}, {"total_count": 0, "data": []}, {"data": None}])
def test_a_page_or_an_empty_export_proves_nothing(read, sample, change):
    report = read(sample("xray/components.json") | change)
    assert [scan.outcome for scan in report.images] == [Outcome.UNASSESSED]
