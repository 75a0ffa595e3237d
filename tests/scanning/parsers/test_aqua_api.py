import pytest

from governance.findings.report import Outcome, Severity

D2, D4 = (f"sha256:{digit * 64}" for digit in "24")


def test_a_page_is_one_scan_for_each_image(read):
    report = read("aqua_api/page.json")
    first, second = report.images
    assert first.image.references == ("Internal/shop/api:1.4.2",)
    assert first.image.repo_digests == (f"Internal/shop/api@{D2}",)
    assert (first.image.distro, first.image.distro_version) == ("debian", "12.11")
    assert second.image.references == ("registry.example.com/shop/web:2",)
    assert second.image.repo_digests == (f"registry.example.com/shop/web@{D4}",)
    assert (first.outcome, report.entries, report.scanner) == (Outcome.ASSESSED, 3, "aqua")


def test_it_reads_findings_and_sets_aside_what_was_acknowledged(read):
    first, second = read("aqua_api/page.json").images
    (match,) = first.matches
    assert (match.severity, match.cvss, match.fixed_version) == (Severity.HIGH, 7.5, "3.0.16-1")
    assert (match.package.name, match.package.source_name, match.package.type) == ("libssl3", "openssl", "deb")
    (aside,) = first.suppressed
    assert (aside.advisory, aside.severity, aside.package.type) == ("CVE-2099-0002", Severity.NEGLIGIBLE, "npm")
    assert second.matches[0].package.namespace == "alpine"


@pytest.mark.parametrize("change", [{"count": 4}, {"count": "400"}, {"is_partial_data": True}])
def test_a_part_of_the_findings_proves_nothing(read, sample, change):
    report = read(sample("aqua_api/page.json") | change)
    assert {scan.outcome for scan in report.images} == {Outcome.UNASSESSED}
    assert "counts nothing" in report.notes[0]


def test_an_empty_page_speaks_of_no_image(read):
    report = read({"count": 0, "page": 1, "pagesize": 50, "result": []})
    assert (report.format, report.images) == ("aqua-api", ())


def test_the_first_version_names_files_and_packages(read):
    report = read("aqua_api/status.json")
    (scan,) = report.images
    (match,) = scan.matches
    assert (match.package.name, match.package.version, match.cvss) == ("lib-core", "1.9.3", 7.5)
    assert (match.package.path, match.fixed_version) == ("/usr/share/java/lib-core-1.9.3.jar", "1.9.4")
    assert [match.package.name for match in scan.suppressed] == ["curl"]
    assert (scan.image.references, report.entries) == (("registry.example.com/shop/api:1.4.2",), 2)


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({}, "assessed"),
        ({"cves": []}, "assessed"),
        ({"cves": None}, "unassessed"),
        ({"status": "PENDING", "cves": []}, "unassessed"),
        ({"status": "FAIL", "cves": []}, "failed"),
        ({"errorMsg": "cannot pull"}, "failed"),
    ],
)
def test_only_a_finished_scan_proves_something(read, sample, change, outcome):
    assert read(sample("aqua_api/status.json") | change).images[0].outcome == Outcome(outcome)
