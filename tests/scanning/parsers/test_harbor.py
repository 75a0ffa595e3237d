from governance.findings.report import Outcome, Severity

REPORT = "application/vnd.security.vulnerability.report; version=1.1"
OLD = "application/vnd.scanner.adapter.vuln.report.harbor+json; version=1.0"
D2, D8 = (f"sha256:{digit * 64}" for digit in "28")


def test_the_scanner_is_the_one_that_harbor_names(read):
    report = read("harbor/artifact.json")
    assert (report.format, report.scanner, report.scanner_version) == ("harbor", "trivy", "v0.74.0")
    assert report.scanned_at.isoformat() == "2026-08-20T09:40:00+00:00"
    assert "scanner Trivy" in report.notes[0]


def test_the_digest_names_the_image_and_a_repository_without_registry_does_not(read):
    report = read("harbor/artifact.json")
    image = report.images[0].image
    assert (image.manifest_digest, image.references, image.repo_digests) == (D2, (), ())
    assert "shop/api is named without its registry" in report.notes[1]


def test_it_reads_findings(read):
    report = read("harbor/artifact.json")
    first, second, third = report.images[0].matches
    assert (first.advisory, first.package.name, first.package.version) == ("CVE-2099-0001", "libssl3", "3.0.15-1")
    assert (first.fixed_version, first.status, first.cvss) == ("3.0.16-1", "fixed", 7.5)
    assert (first.severity, first.url) == (Severity.HIGH, "https://example.com/CVE-2099-0001")
    assert (second.severity, second.status, second.cvss) == (Severity.NEGLIGIBLE, "will_not_fix", 4.3)
    assert (second.fixed_version, second.url, third.status, third.cvss) == ("", "", "", 0.0)
    assert report.entries == 3


def test_null_is_clean_and_a_missing_list_is_no_result(read, sample):
    inner = sample("harbor/artifact.json")[REPORT] | {"vulnerabilities": None}
    assert read({REPORT: inner}).images[0].outcome == Outcome.ASSESSED
    del inner["vulnerabilities"]
    assert read({REPORT: inner}).images[0].outcome == Outcome.UNASSESSED
    assert read({REPORT: None}).images[0].outcome == Outcome.UNASSESSED


def test_a_report_alone_is_read_as_the_adapter_writes_it(read, sample):
    inner = sample("harbor/artifact.json")[REPORT]
    assert read(inner).images == read("harbor/artifact.json").images


def test_of_two_reports_on_one_image_the_newer_kind_is_read(read, sample):
    inner = sample("harbor/artifact.json")[REPORT]
    assert read({REPORT: inner, OLD: inner | {"vulnerabilities": []}}).entries == 3


def test_an_index_is_one_scan_per_image(read):
    report = read("harbor/index.json")
    assert [(scan.image.manifest_digest, len(scan.matches)) for scan in report.images] == [(D2, 2), (D8, 1)]
    assert report.entries == 2


def test_an_index_is_never_the_image(read, sample):
    inner = sample("harbor/artifact.json")[REPORT]
    inner["artifact"] |= {"digest": D8, "mime_type": "application/vnd.oci.image.index.v1+json"}
    digests = [scan.image.manifest_digest for scan in read({REPORT: inner}).images]
    assert digests == [D2, ""]
    inner["vulnerabilities"] = []
    assert [scan.image.manifest_digest for scan in read({REPORT: inner}).images] == [""]


def test_the_security_hub_is_one_scan_per_digest(read):
    report = read("harbor/hub.json")
    assert [(scan.image.manifest_digest, len(scan.matches)) for scan in report.images] == [(D2, 2), (D8, 1)]
    assert (report.scanner, report.entries, report.images[0].matches[0].cvss) == ("harbor", 3, 7.5)
