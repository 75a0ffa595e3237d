from datetime import UTC, datetime

import pytest

from governance.findings.report import Outcome, Severity

D2 = f"sha256:{'2' * 64}"
HOST = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"


def test_a_basic_scan_is_read(read):
    report = read("ecr/basic.json")
    (scan,) = report.images
    assert (report.format, report.scanner, report.entries) == ("aws-ecr", "aws-ecr", 2)
    assert report.scanned_at == datetime(2026, 8, 20, 9, 30, tzinfo=UTC)
    assert (scan.outcome, scan.image.manifest_digest, scan.image.references) == (Outcome.ASSESSED, D2, ())
    assert [(match.advisory, match.package.name, match.severity, match.cvss) for match in scan.matches] == [
        ("CVE-2099-0001", "openssl", Severity.HIGH, 7.5),
        ("CVE-2099-0002", "", Severity.UNKNOWN, 0),
    ]
    assert "shop/api" in report.notes[0]


def test_an_enhanced_scan_is_inspectors(read):
    report = read("ecr/enhanced.json")
    (scan,) = report.images
    assert (report.format, report.scanner, report.entries, report.notes) == ("aws-ecr", "aws-inspector", 3, ())
    assert (scan.image.manifest_digest, scan.image.references[0]) == (D2, f"{HOST}/shop/api:1.4.2")
    assert (len(scan.matches), len(scan.suppressed), scan.outcome) == (3, 1, Outcome.ASSESSED)


def test_a_clean_enhanced_scan_is_inspectors_too(read, sample):
    body = sample("ecr/enhanced.json")
    body["imageScanFindings"]["enhancedFindings"] = []
    report = read(body)
    (scan,) = report.images
    assert (report.scanner, scan.outcome, scan.image.manifest_digest) == ("aws-inspector", Outcome.ASSESSED, D2)


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("FAILED", Outcome.FAILED),
        ("IN_PROGRESS", Outcome.UNASSESSED),
        ("UNSUPPORTED_IMAGE", Outcome.UNSUPPORTED),
        ("SCAN_ELIGIBILITY_EXPIRED", Outcome.UNASSESSED),
        ("COMPLETE", Outcome.ASSESSED),
        (None, Outcome.ASSESSED),
    ],
)
def test_only_a_scan_that_ended_proves_anything(read, sample, status, outcome):
    body = sample("ecr/basic.json") | {"imageScanStatus": {"status": status, "description": "Because."}}
    (scan,) = read(body).images
    assert (scan.outcome, scan.error) == (outcome, "" if outcome == Outcome.ASSESSED else "Because.")


def test_a_page_and_an_answer_without_findings_prove_nothing(read, sample):
    body = sample("ecr/basic.json")
    assert read(body | {"nextToken": "more"}).images[0].outcome == Outcome.UNASSESSED
    del body["imageScanFindings"]
    assert read(body).images[0].outcome == Outcome.UNASSESSED
