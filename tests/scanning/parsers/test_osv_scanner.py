import pytest

from governance.findings.report import Outcome, Result, Severity
from scanning.parsers.osv_scanner import ecosystem_of

D6, D7 = (f"sha256:{digit * 64}" for digit in "67")


def test_it_reads_the_advisories_of_each_package(read):
    report = read("osv_scanner/image.json")
    assert (report.scanner, report.entries) == ("osv-scanner", 3)
    first, second, third = report.images[0].matches
    assert (first.advisory, first.package.name, first.package.version) == (
        "DEBIAN-CVE-2099-0001",
        "libssl3",
        "3.0.15-1",
    )
    assert (first.package.type, first.package.namespace, first.package.source_name) == ("deb", "debian", "openssl")
    assert (first.fixed_version, first.severity, first.cvss) == ("3.0.16-1", Severity.HIGH, 7.5)
    assert (first.aliases, second.aliases[0]) == (("CVE-2099-0001", "DSA-9999-1"), "CVE-2099-0001")
    assert (third.package.type, third.package.path, third.fixed_version) == ("npm", "/app/package-lock.json", "")
    assert (third.severity, third.severity_word, third.cvss) == (Severity.MEDIUM, "MODERATE", 9.8)
    assert (third.url, third.title) == ("https://example.com/GHSA-2099-aaaa-bbbb", "left-pad: invented")


def test_it_reads_the_layers_of_an_image(read):
    (scan,) = read("osv_scanner/image.json").images
    assert (scan.image.diff_ids, scan.image.history) == ((D6, D7), ("ADD rootfs.tar /", "COPY app /app"))
    assert (scan.image.distro, scan.image.distro_version) == ("debian", "12")
    assert [one.layer for one in scan.packages] == [D6, "", D7]


def test_all_packages_are_an_inventory_and_only_vulnerable_ones_are_none(read, sample):
    report = sample("osv_scanner/image.json")
    assert read(report).images[0].inventory
    del report["results"][0]["packages"][1]
    assert not read(report).images[0].inventory


def test_a_forbidden_licence_is_a_check(read):
    (check,) = read("osv_scanner/image.json").images[0].checks
    assert (check.kind, check.id, check.result, check.target) == ("licence", "WTFPL", Result.FAIL, "left-pad@1.3.0")


def test_no_results_are_a_scan_that_found_nothing(read):
    (scan,) = read({"results": [], "experimental_config": {}}).images
    assert (scan.outcome, scan.matches) == (Outcome.ASSESSED, ())
    (scan,) = read({"results": None, "experimental_config": {}}).images
    assert scan.outcome == Outcome.UNASSESSED


def test_the_first_versions_named_the_image_as_the_source(read, sample):
    report = sample("osv_scanner/image.json")
    report["results"][0]["source"] = {"path": "registry.example.com/shop/api:1.4.2", "type": "docker"}
    assert read(report).images[0].image.references == ("registry.example.com/shop/api:1.4.2",)


def test_a_place_beyond_the_layers_is_none(read, sample):
    report = sample("osv_scanner/image.json")
    for index in (99, -1, True, "0", None):
        report["results"][0]["packages"][0]["package"]["image_origin_details"] = {"index": index}
        assert read(report).images[0].packages[0].layer == ""


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("npm", ("npm", "", "")),
        ("Go", ("golang", "", "")),
        ("Alpine:v3.20", ("alpine", "alpine", "3.20")),
        ("Ubuntu:Pro:18.04:LTS", ("ubuntu", "ubuntu", "18.04")),
        ("Rocky Linux:9", ("rocky", "rocky", "9")),
        ("", ("", "", "")),
    ],
)
def test_an_ecosystem_is_a_language_or_a_distribution(written, expected):
    assert ecosystem_of(written) == expected
