import pytest

from governance.findings.report import Outcome, ReportError, Severity
from scanning.parsers import parse
from scanning.parsers.document import open_document

D2, D3 = (f"sha256:{digit * 64}" for digit in "23")
REPOSITORY = "registry.example.com/shop/api"


def test_rows_are_split_by_image(read):
    report = read("twistlock_csv/deployed.csv")
    first, second = report.images
    assert (first.image.references, first.image.config_digest) == ((f"{REPOSITORY}:1.4.2",), D3)
    assert first.image.repo_digests == (f"{REPOSITORY}@{D2}",)
    assert (first.image.distro, first.image.distro_version) == ("alpine", "3.20.1")
    assert (second.image.references, second.image.distro) == (("web:2",), "debian")
    assert (len(first.matches), len(first.checks), len(second.matches), report.entries) == (2, 1, 1, 3)


def test_several_binaries_of_one_source_are_the_source(read):
    first, second = read("twistlock_csv/deployed.csv").images
    openssl, lib = first.matches
    assert (openssl.package.name, openssl.package.source_name, openssl.package.type) == ("openssl", "openssl", "apk")
    assert (openssl.severity, openssl.cvss, openssl.fixed_version) == (Severity.HIGH, 7.5, "3.0.16-r0")
    assert (openssl.published, openssl.url) == ("2026-08-01T00:15:00.000", "https://example.com/CVE-2099-0001")
    assert (lib.package.name, lib.package.type, lib.package.path) == ("org.example:lib", "maven", "/srv/lib-1.0.jar")
    one = second.matches[0]
    assert (one.package.name, one.package.source_name, one.status) == ("libssl3", "openssl", "will_not_fix")


def test_columns_are_found_in_any_order_and_case(read):
    report = read("twistlock_csv/ci.csv")
    (scan,) = report.images
    assert (scan.image.references, scan.image.distro_version) == ((f"{REPOSITORY}:1.4.2",), "20.04")
    assert (scan.matches[0].package.type, scan.matches[0].package.name) == ("npm", "@org/lib")
    assert report.scanned_at.isoformat() == "2026-08-20T09:00:00+00:00"


def test_checks_alone_are_no_vulnerability_scan(read):
    header = b"Registry,Repository,Tag,Id,CVE ID,Compliance ID,Severity,Packages,Description\n"
    (scan,) = read(header + b"r.example.com,a,1,,,41,high,,Run as a user\n").images
    assert (scan.outcome, scan.checks[0].id, scan.checks[0].title) == (Outcome.UNASSESSED, "41", "Run as a user")
    assert read(header).images == ()


def test_a_table_of_hosts_is_refused():
    with pytest.raises(ReportError, match="repository, tag"):
        parse(open_document(b"Hostname,Distro,CVE ID,Severity,Packages\n"), "twistlock-csv")
