import pytest

from governance.findings.report import ReportError, Severity
from scanning.parsers import parse
from scanning.parsers.document import open_document


def test_an_image_has_a_name_and_an_id_and_a_container_neither(read):
    report = read("deepfence/vulnerabilities.csv")
    image, container = report.images
    assert image.image.references == ("registry.example.com/shop/api:1.4.2",)
    assert image.image.config_digest == f"sha256:{'3' * 64}"
    assert (container.image.references, container.image.config_digest) == ((), "")
    assert "without their image: 1" in report.notes[0]


def test_it_reads_findings_and_sets_aside_what_was_masked(read):
    report = read("deepfence/vulnerabilities.csv")
    first, second = report.images
    (match,) = first.matches
    assert (match.advisory, match.severity, match.fixed_version) == ("CVE-2099-0001", Severity.HIGH, "3.0.16-1")
    assert (match.package.name, match.package.version, match.cvss) == ("openssl", "3.0.15-1", 7.5)
    (masked,) = first.suppressed
    assert (masked.package.name, masked.package.version, masked.package.type) == ("org.example:lib", "1.0", "maven")
    assert (second.matches[0].package.name, second.matches[0].package.version) == ("perl", "4:5.36.0")
    assert (report.entries, report.scanned_at.isoformat()[:16]) == (2, "2026-08-20T10:00")


def test_a_table_without_rows_says_nothing(read):
    assert read(b"cve_id,cve_caused_by_package,cve_container_image,cve_severity\n").images == ()


def test_another_table_is_refused():
    with pytest.raises(ReportError, match="columns"):
        parse(open_document(b"a,b\n1,2\n"), "deepfence")
