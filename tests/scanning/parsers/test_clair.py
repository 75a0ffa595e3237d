import pytest

from governance.findings.report import Kind, Outcome, Severity
from scanning.parsers import clair
from scanning.parsers.advisories import named
from scanning.parsers.clair import family_of

D2 = f"sha256:{'2' * 64}"


def test_the_manifest_is_the_platforms(read):
    report = read("clair/report.json")
    image = report.images[0].image
    assert (report.format, report.scanner, report.kind) == ("clair", "clair", Kind.VULNERABILITY)
    assert (image.manifest_digest, image.distro, image.distro_version) == (D2, "debian", "12")


def test_it_joins_packages_and_vulnerabilities(read):
    report = read("clair/report.json")
    found = [(match.advisory, match.package.name) for match in report.images[0].matches]
    assert found == [
        ("CVE-2099-0001", "libssl3"),
        ("RHSA-2099:0001", "libssl3"),
        ("GHSA-0000-0000-0003", "golang.org/x/net"),
        ("CVE-2099-0001", "golang.org/x/net"),
    ]
    assert (report.entries, report.notes[0][-1]) == (4, "2")


def test_it_reads_a_finding(read):
    first, second, third, _ = read("clair/report.json").images[0].matches
    assert (first.severity, first.severity_word, first.fixed_version, first.cvss) == (
        Severity.HIGH,
        "high",
        "3.0.16-1",
        7.5,
    )
    assert (first.url, first.published) == ("https://example.com/CVE-2099-0001", "2026-08-01T00:00:00Z")
    assert (second.aliases, second.title) == (
        ("CVE-2099-0008", "CVE-2099-0009"),
        "openssl security update (Important)",
    )
    assert (third.severity, third.fixed_version, third.published) == (Severity.UNKNOWN, "0.23.0", "")


def test_packages_are_the_whole_inventory(read):
    scan = read("clair/report.json").images[0]
    system, module, other = scan.packages
    assert scan.inventory
    assert (system.type, system.namespace, system.source_name, system.path) == ("deb", "debian", "openssl", "")
    assert (module.type, module.namespace, module.path) == ("golang", "", "usr/bin/api")
    assert (other.name, other.type, other.layer) == ("base-files", "", "")


def test_no_finding_is_clean(read, sample):
    report = sample("clair/report.json") | {"vulnerabilities": None, "package_vulnerabilities": {}}
    scan = read(report).images[0]
    assert (scan.outcome, scan.matches) == (Outcome.ASSESSED, ())


@pytest.mark.parametrize(("packages", "outcome"), [({}, "unsupported"), (None, "unsupported")])
def test_nothing_found_on_a_system_that_it_did_not_recognise_is_no_clean_scan(read, sample, packages, outcome):
    nothing = {"vulnerabilities": None, "package_vulnerabilities": {}, "distributions": {}, "packages": packages}
    assert read(sample("clair/report.json") | nothing).images[0].outcome == Outcome(outcome)


def test_an_index_report_is_a_package_list_and_no_scan(read):
    report = read("clair/index.json")
    (scan,) = report.images
    assert (report.kind, scan.outcome, scan.inventory) == (Kind.SBOM, Outcome.UNASSESSED, True)
    assert (scan.image.manifest_digest, scan.image.distro, scan.image.distro_version) == (D2, "Ubuntu", "18.04")
    package = scan.packages[0]
    assert (package.type, package.namespace, package.source_name) == ("deb", "ubuntu", "apt")


@pytest.mark.parametrize("change", [{"err": "failed to fetch layers"}, {"success": False}])
def test_a_failed_index_is_a_failed_scan(read, sample, change):
    scan = read(sample("clair/index.json") | {"packages": None} | change).images[0]
    assert (scan.outcome, scan.inventory) == (Outcome.FAILED, False)
    assert scan.error


def test_an_index_that_goes_on_is_noted(read, sample):
    assert "FetchLayers" in read(sample("clair/index.json") | {"state": "FetchLayers"}).notes[0]


@pytest.mark.parametrize("odd", [None, [], "x", [None], [{"8851": None}], [{"8851": [None, {"baseScore": 99}]}]])
def test_an_odd_enrichment_says_nothing(read, sample, odd):
    report = sample("clair/report.json")
    report["enrichments"] = dict.fromkeys(report["enrichments"], odd)
    assert read(report).images[0].matches[0].cvss == 0.0


@pytest.mark.parametrize(
    ("database", "family"),
    [
        ("bdb:var/lib/rpm", "rpm"),
        ("sqlite:usr/lib/sysimage/rpm", "rpm"),
        ("lib/apk/db/installed", "apk"),
        ("python:usr/lib/python3", "pypi"),
        ("root/buildinfo/Dockerfile-ubi9", ""),
        ("", "debian"),
    ],
)
def test_the_package_database_tells_the_kind(database, family):
    assert family_of(database, "debian")[0] == family


def test_a_vulnerability_at_every_package_is_read_once(read, sample, monkeypatch):
    report = sample("clair/report.json")
    report["package_vulnerabilities"] = {"10": ["8851"] * 1_000, "11": ["8851"] * 1_000}
    calls = []
    monkeypatch.setattr(clair, "named", lambda name, links: calls.append(name) or named(name, links))
    assert read(report).entries == 2_000
    assert calls == ["CVE-2099-0001"]
