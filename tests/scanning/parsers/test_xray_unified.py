from datetime import UTC, datetime

import pytest

from governance.findings.report import Outcome


def test_each_image_is_a_scan_of_its_own(read):
    report = read("xray_unified/report.json")
    assert (report.format, report.scanner, report.entries) == ("jfrog-xray-unified", "jfrog-xray", 4)
    assert report.scanned_at == datetime(2026, 8, 20, 9, 31, tzinfo=UTC)
    assert [(scan.image.references, scan.image.distro, len(scan.matches)) for scan in report.images] == [
        (("shop/api:1.4.2",), "", 1),
        (("shop/web:2",), "debian", 2),
        ((), "", 1),
    ]
    assert {scan.outcome for scan in report.images} == {Outcome.ASSESSED}


def test_rows_are_read(read):
    matches = [match for scan in read("xray_unified/report.json").images for match in scan.matches]
    assert [(match.advisory, match.package.name, match.fixed_version, match.cvss) for match in matches] == [
        ("RHSA-2099:0001", "openssl", "1:1.1.1k-12.el8", 6.8),
        ("CVE-2099-0003", "expat", "", 5.3),
        ("CVE-2099-0004", "@shop/ip", "2.0.1, 1.1.9", 9.8),
        ("XRAY-4", "Wheel", "", 0),
    ]
    assert matches[0].aliases == ("XRAY-1", "CVE-2099-0001", "CVE-2099-0002")
    assert matches[2].package.path == "app/node_modules/ip/package.json"


@pytest.mark.parametrize(
    "change", [{"total_rows": 0, "rows": []}, {"total_rows": 100}, {"total_rows": 0, "rows": None}]
)
def test_no_row_and_a_page_of_many_prove_nothing(read, sample, change):
    report = read(sample("xray_unified/report.json") | change)
    assert {scan.outcome for scan in report.images} == {Outcome.UNASSESSED}
