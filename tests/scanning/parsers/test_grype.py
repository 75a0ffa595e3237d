import base64

import pytest

from governance.findings.report import Outcome, ReportError, Severity, UnknownFormat

D6, D7 = (f"sha256:{digit * 64}" for digit in "67")


def test_a_config_that_hashes_to_the_image_id_is_proof(read):
    image = read("grype/image.json").images[0].image
    assert image.config_proven
    assert image.diff_ids == (D6, D7)
    assert (image.os, image.architecture, image.variant) == ("linux", "arm64", "v8")
    assert (len(image.history), image.created) == (2, "2026-08-20T09:00:00Z")


@pytest.mark.parametrize("config", [None, "", "e30=", "%%%", "Zm9v"])
def test_any_other_config_proves_nothing(read, sample, config):
    report = sample("grype/image.json")
    report["source"]["target"]["config"] = config
    image = read(report).images[0].image
    assert (image.config_proven, image.diff_ids, image.history) == (False, (), ())
    assert image.config_digest == report["source"]["target"]["imageID"]


def test_a_manifest_that_the_registry_knows_is_the_manifest(read, sample):
    digest = sample("grype/image.json")["source"]["target"]["manifestDigest"]
    assert read("grype/image.json").images[0].image.manifest_digest == digest


@pytest.mark.parametrize(
    "change",
    [
        {"repoDigests": []},
        {"repoDigests": [f"registry.example.com/shop/api@sha256:{'1' * 64}"]},
        {"imageID": f"sha256:{'3' * 64}"},
        {"manifest": base64.b64encode(b"{}").decode()},
        {"manifest": None, "repoDigests": []},
    ],
)
def test_a_manifest_that_may_be_rebuilt_locally_is_left_out(read, sample, change):
    report = sample("grype/image.json")
    report["source"]["target"] |= change
    assert read(report).images[0].image.manifest_digest == ""


def test_an_image_id_that_is_a_repo_digest_is_no_config_digest(read, sample):
    report = sample("grype/image.json")
    report["source"]["target"]["imageID"] = report["source"]["target"]["manifestDigest"]
    assert read(report).images[0].image.config_digest == ""


def test_it_reads_a_match(read):
    report = read("grype/image.json")
    match = report.images[0].matches[0]
    assert (match.advisory, match.severity, match.fixed_version) == ("CVE-2099-0001", Severity.HIGH, "3.0.16-1")
    assert (match.status, match.cvss, match.url) == ("fixed", 7.5, "https://example.com/CVE-2099-0001")
    package = match.package
    assert (package.path, package.layer, package.source_name) == ("/var/lib/dpkg/status", D6, "openssl")
    assert report.entries == 4


def test_the_cve_of_an_advisory_is_its_alias_and_describes_it(read):
    match = read("grype/image.json").images[0].matches[1]
    assert match.aliases == ("CVE-2099-0005",)
    assert (match.description, match.cvss) == ("Described by NVD only.", 9.8)
    assert match.fixed_version == "2.15.0, 2.12.2"


def test_another_cve_is_never_an_alias(read):
    match = read("grype/image.json").images[0].matches[2]
    assert match.aliases == ("GHSA-0000-0000-0007",)
    assert (match.severity, match.status) == (Severity.UNKNOWN, "will_not_fix")


def test_packages_are_the_same_as_in_a_trivy_report(read):
    def identities(name):
        matches = read(name).images[0].matches
        return {(m.package.type, m.package.namespace, m.package.name, m.package.version) for m in matches}

    assert identities("trivy/image.json") <= identities("grype/image.json")


def test_names_and_epochs_of_rpm_packages_are_the_ones_of_trivy(read):
    package = read("grype/image.json").images[0].matches[2].package
    assert (package.namespace, package.version) == ("redhat", "4.4.20-4.el8")


def test_ignored_matches_are_suppressed_and_not_counted(read):
    scan = read("grype/image.json").images[0]
    assert [match.advisory for match in scan.suppressed] == ["CVE-2099-0004"]


def test_it_says_what_the_settings_hid(read):
    assert read("grype/image.json").notes == (
        "only vulnerabilities with a fix were asked for (only-fixed)",
        "ignore rules were in force: 1",
        "matches set aside by ignore rules or VEX: 1",
    )


@pytest.mark.parametrize("settings", [None, [], {"only-fixed": "yes"}, {"ignore": 7}])
def test_no_report_is_refused_for_its_settings(read, sample, settings):
    report = sample("grype/image.json")
    report["descriptor"]["configuration"] = settings
    assert read(report).entries == 4


def test_it_reads_the_database_and_the_time(read):
    report = read("grype/image.json")
    assert (report.scanner_version, report.database_version) == ("0.116.0", "2026-08-19T04:12:38Z")
    assert report.scanned_at.isoformat() == "2026-08-20T07:31:00.500000+00:00"


def test_it_reads_old_releases_and_directories(read):
    report = read("grype/old.json")
    match = report.images[0].matches[0]
    assert (match.severity, match.cvss, match.fixed_version) == (Severity.NEGLIGIBLE, 5.0, "1.8.3")
    assert match.url == "https://example.com/CVE-2099-0001"
    assert (report.images[0].image.references, report.images[0].image.distro) == ((), "debian")


@pytest.mark.parametrize(("matches", "outcome"), [([], Outcome.ASSESSED), (None, Outcome.UNASSESSED)])
def test_an_empty_list_is_a_clean_scan_and_null_is_not(read, sample, matches, outcome):
    assert read(sample("grype/image.json") | {"matches": matches}).images[0].outcome == outcome


def test_nothing_found_on_a_system_that_it_does_not_know_is_no_clean_scan(read, sample):
    report = sample("grype/image.json") | {"matches": [], "ignoredMatches": [], "distro": {"name": "", "version": ""}}
    assert read(report).images[0].outcome == Outcome.UNSUPPORTED


def test_a_match_without_package_is_refused(read, sample):
    report = sample("grype/image.json")
    del report["matches"][0]["artifact"]
    with pytest.raises(ReportError, match=r"missing required field `artifact` - at `\$\.matches\[0\]`"):
        read(report)


def test_it_reads_the_first_releases(read, sample):
    matches = sample("grype/old.json")["matches"]
    matches[0]["artifact"]["locations"] = ["/app/lib"]
    whole = read({"matches": matches, "image": {"tags": ["shop/api:1"], "size": 65}})
    assert whole.images[0].image.references == ("shop/api:1",)
    assert (whole.images[0].matches[0].package.path, whole.entries) == ("/app/lib", len(matches))
    for cut in ({"matches": matches}, {"matches": matches, "directory": "/app"}, matches):
        assert read(cut).images[0].matches == whole.images[0].matches
    assert read({"matches": [], "image": {}}).images[0].outcome == Outcome.ASSESSED


def test_matches_of_other_tools_are_not_ours(read, sample):
    report = sample("grype/image.json") | {"descriptor": {"name": "another"}}
    assert read(report).format == "grype"
    for matches in ([{"Cycle": {}}], [], [7], 7):
        with pytest.raises(UnknownFormat):
            read(report | {"matches": matches})


def test_it_tells_the_licences_of_what_it_found(read, sample):
    report = sample("grype/image.json")
    for match in report["matches"]:
        match["artifact"]["licenses"] = ["Apache-2.0"]
    assert {match.package.licenses for match in read(report).images[0].matches} == {("Apache-2.0",)}
