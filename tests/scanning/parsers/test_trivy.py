from datetime import UTC, datetime

import pytest

from governance.findings.report import Kind, Outcome, ReportError, Result, Severity

D1, D3, D6, D7 = (f"sha256:{digit * 64}" for digit in "1367")
REFERENCE = "registry.example.com/shop/api:1.4.2"


def test_it_reads_the_image(read):
    report = read("trivy/image.json")
    image = report.images[0].image
    assert image.references == (REFERENCE, "registry.example.com/shop/api:stable")
    assert (image.config_digest, image.config_proven, image.manifest_digest) == (D3, False, "")
    assert image.repo_digests == (f"registry.example.com/shop/api@{D1}",)
    assert (image.os, image.architecture, image.variant, image.size) == ("linux", "arm64", "v8", 73400320)
    assert (image.distro, image.distro_version, image.end_of_life) == ("debian", "12.11", True)
    assert image.diff_ids == (D6, D7)
    assert image.history == ("# debian.sh --arch 'amd64' out/ 'bookworm'", "COPY app /app # buildkit")


def test_it_reads_who_scanned_and_when(read):
    report = read("trivy/image.json")
    assert (report.scanner, report.scanner_version, report.kind) == ("trivy", "0.74.0", Kind.VULNERABILITY)
    assert report.scanned_at.isoformat() == "2026-08-20T09:30:00.123457+00:00"


def test_it_reads_a_vulnerability(read):
    match = read("trivy/image.json").images[0].matches[0]
    assert (match.advisory, match.severity, match.severity_word) == ("CVE-2099-0001", Severity.HIGH, "HIGH")
    assert (match.fixed_version, match.status, match.cvss) == ("3.0.16-1", "fixed", 8.2)
    assert (match.title, match.url) == ("openssl: invented example", "https://example.com/CVE-2099-0001")
    assert match.published == "2026-08-01T00:00:00Z"


def test_entries_are_counted_as_written(read):
    report = read("trivy/image.json")
    assert report.entries == len(report.images[0].matches) == 5


def test_a_package_is_one_value_whether_listed_or_found_vulnerable(read):
    scan = read("trivy/image.json").images[0]
    first, second = scan.matches[:2]
    assert first.package is second.package is scan.packages[0]
    assert (first.package.source_name, first.package.source_version) == ("openssl", "3.0.15-1")


def test_packages_are_named_as_people_name_them(read):
    matches = read("trivy/image.json").images[0].matches
    identities = [(m.package.type, m.package.namespace, m.package.name, m.package.version) for m in matches[1:4]]
    assert identities == [
        ("deb", "debian", "libssl3", "3.0.15-1"),
        ("npm", "", "@babel/core", "7.1.0"),
        ("maven", "", "org.example.log:log-core", "2.13.2"),
    ]


def test_the_same_package_in_two_places_is_two_packages(read):
    matches = read("trivy/image.json").images[0].matches
    assert [match.package.path for match in matches[3:]] == ["app/log-core.jar", "app/copy/log-core.jar"]


def test_a_whole_package_list_is_an_inventory(read):
    scan = read("trivy/image.json").images[0]
    assert scan.inventory
    assert [package.version for package in scan.packages] == ["3.0.15-1", "1:2.38.1-5"]
    assert not read("trivy/clean.json").images[0].inventory


def test_what_vex_set_aside_is_suppressed_and_not_counted(read):
    report = read("trivy/image.json")
    (suppressed,) = report.images[0].suppressed
    assert (suppressed.advisory, suppressed.status) == ("CVE-2099-0004", "not_affected")
    assert report.notes == ("findings set aside by VEX or an ignore file: 1",)


def test_checks_are_apart_from_vulnerabilities_and_never_carry_the_secret(read):
    checks = read("trivy/image.json").images[0].checks
    assert [(check.kind, check.id, check.result) for check in checks] == [
        ("secret", "private-key", Result.FAIL),
        ("misconfiguration", "DS-0002", Result.FAIL),
        ("misconfiguration", "DS-0001", Result.PASS),
        ("misconfiguration", "DS-0003", Result.INFO),
        ("licence", "Apache-2.0", Result.FAIL),
    ]
    assert "*****" not in str(checks)


def test_an_image_id_that_is_a_repo_digest_is_no_config_digest(read, sample):
    report = sample("trivy/image.json")
    report["Metadata"]["ImageID"] = D1
    assert read(report).images[0].image.config_digest == ""


@pytest.mark.parametrize("name", ["/srv/image", "fixtures/image.tar.gz", "./image", "C:\\image", "bom.json", ""])
def test_a_path_is_not_a_reference(read, sample, name):
    report = sample("trivy/clean.json")
    report["ArtifactName"] = name
    report["Results"][0]["Target"] = f"{name} (alpine 3.22.1)"
    assert read(report).images[0].image.references == ()


def test_without_a_name_the_image_is_the_one_of_the_target(read, sample):
    report = sample("trivy/clean.json")
    report["ArtifactName"], report["Metadata"]["RepoTags"] = "", [""]
    assert read(report).images[0].image.references == ("alpine:3.22",)


@pytest.mark.parametrize("artifact", ["filesystem", "repository", "cyclonedx", "spdx", "vm"])
def test_what_is_no_image_has_no_reference(read, sample, artifact):
    report = sample("trivy/clean.json") | {"ArtifactType": artifact}
    assert read(report).images[0].image.references == ()


def test_a_clean_scan_is_proven_by_a_package_result(read):
    report = read("trivy/clean.json")
    assert (report.images[0].outcome, report.entries) == (Outcome.ASSESSED, 0)


@pytest.mark.parametrize(
    ("system", "results", "outcome"),
    [
        ({"Family": "alpine", "Name": "3.22.1"}, None, Outcome.ASSESSED),
        ({"Family": "none", "Name": ""}, None, Outcome.UNSUPPORTED),
        ({"Family": "fedora", "Name": "42"}, None, Outcome.UNSUPPORTED),
        ({"Family": "fedora", "Name": "42"}, [{"Target": "x", "Class": "os-pkgs"}], Outcome.UNSUPPORTED),
        (None, [], Outcome.UNASSESSED),
        (None, [{"Target": "Node.js", "Class": "lang-pkgs", "Type": "node-pkg"}], Outcome.ASSESSED),
        ({"Family": "alpine", "Name": "3.22.1"}, [{"Target": "x", "Class": "secret"}], Outcome.UNASSESSED),
    ],
)
def test_a_clean_scan_without_proof_is_not_assessed(read, sample, system, results, outcome):
    report = sample("trivy/clean.json") | {"Results": results}
    report["Metadata"]["OS"] = system
    assert read(report).images[0].outcome == outcome


def test_a_report_of_checks_alone_is_compliance(read, sample):
    report = sample("trivy/image.json")
    report["Results"] = [result for result in report["Results"] if result["Class"] in ("secret", "config")]
    assert read(report).kind == Kind.COMPLIANCE


def test_without_a_purl_the_package_type_comes_from_the_result(read, sample):
    report = sample("trivy/image.json")
    del report["Results"][0]["Packages"], report["Results"][0]["Vulnerabilities"][0]["PkgIdentifier"]
    package = read(report).images[0].matches[0].package
    assert (package.type, package.namespace) == ("deb", "debian")


def test_a_member_of_the_wrong_type_is_named_to_the_sender(read, sample):
    report = sample("trivy/image.json") | {"Results": "none"}
    with pytest.raises(ReportError, match=r"Expected `array \| null`, got `str` - at `\$\.Results`"):
        read(report)


def test_scores_that_are_none_are_left_out(read, sample):
    report = sample("trivy/image.json")
    report["Results"][0]["Vulnerabilities"][0]["CVSS"] = {"nvd": {"V3Score": 99}, "redhat": None}
    assert read(report).images[0].matches[0].cvss == 0.0


def test_a_description_is_cut(read, sample):
    report = sample("trivy/image.json")
    report["Results"][0]["Vulnerabilities"][0]["Description"] = "x" * 9000
    assert len(read(report).images[0].matches[0].description) == 4000


def test_a_report_with_too_many_findings_is_refused(read, sample):
    report = sample("trivy/clean.json")
    report["Results"][0]["Vulnerabilities"] = [{"VulnerabilityID": "CVE-2099-0001"}] * 100_001
    with pytest.raises(ReportError, match="more than 100,000 vulnerabilities"):
        read(report)


def test_the_time_may_be_seconds_since_1970(read, sample):
    report = read(sample("trivy/image.json") | {"CreatedAt": 1629894030})
    assert report.scanned_at == datetime(2021, 8, 25, 12, 20, 30, tzinfo=UTC)
    for nonsense in (True, 1e300, -(2**70), "1629894030"):
        assert read(sample("trivy/image.json") | {"CreatedAt": nonsense}).scanned_at is None


def test_the_licence_scanner_tells_licences_of_packages_that_carry_none(read, sample):
    report = sample("trivy/image.json")
    listed = report["Results"][0]["Packages"]
    found = [{"Name": "GPL-2.0-only", "PkgName": package["Name"]} for package in listed]
    found += [{"Name": "ISC", "PkgName": ""}, {"Name": "ISC", "PkgName": None, "FilePath": "/LICENSE"}, {}]
    report["Results"].append({"Target": "OS Packages", "Class": "license", "Licenses": found})
    # The same name in another place is another package.
    other = [{"Name": "ISC", "PkgName": package["Name"]} for package in listed]
    report["Results"].append({"Target": "Node.js", "Class": "license", "Licenses": other})
    packages = read(report).images[0].packages
    assert [one.licenses for one in packages] == [("Apache-2.0",), ("GPL-2.0-only",)]
