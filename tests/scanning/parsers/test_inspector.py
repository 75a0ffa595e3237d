import pytest

from governance.findings.report import Kind, Outcome, Result, Severity

D2, D8 = f"sha256:{'2' * 64}", f"sha256:{'8' * 64}"
HOST = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"


def test_each_image_is_a_scan_known_by_its_digest(read):
    report = read("inspector/findings.json")
    api, web, loose = report.images
    assert (report.format, report.scanner, report.kind, report.entries) == (
        "aws-inspector",
        "aws-inspector",
        Kind.VULNERABILITY,
        6,
    )
    assert api.image.references == (f"{HOST}/shop/api:1.4.2", f"{HOST}/shop/api:1.4")
    assert (api.image.manifest_digest, api.image.repo_digests) == (D2, (f"{HOST}/shop/api@{D2}",))
    assert (api.image.distro, api.image.distro_version, api.image.architecture) == ("debian", "12", "amd64")
    assert (web.image.manifest_digest, web.image.distro_version, web.image.references) == (D8, "3.20", ())
    assert [scan.outcome for scan in report.images] == [Outcome.ASSESSED, Outcome.ASSESSED, Outcome.UNASSESSED]
    assert [match.advisory for match in loose.matches] == ["CVE-2099-0006"]
    assert "no image" in report.notes[0]


def test_a_finding_stands_at_every_package_that_it_names(read):
    matches = read("inspector/findings.json").images[0].matches
    assert [
        (match.advisory, match.package.name, match.package.version, match.fixed_version, match.status)
        for match in matches
    ] == [
        ("CVE-2099-0001", "openssl", "3.0.15-1", "3.0.16-1", "fixed"),
        ("CVE-2099-0001", "libssl3", "1:3.0.15-1", "1:3.0.16-1", "fixed"),
        ("CVE-2099-0003", "zlib", "1.2-3", "", "affected"),
    ]
    assert (matches[0].aliases, matches[0].cvss, matches[0].severity) == (("DSA-2099-1",), 7.5, Severity.HIGH)
    assert (matches[0].package.type, matches[0].package.namespace) == ("deb", "debian")


def test_what_is_closed_or_suppressed_is_set_aside(read):
    api, web, _ = read("inspector/findings.json").images
    assert [match.advisory for match in (*api.suppressed, *web.suppressed)] == ["CVE-2099-0002", "CVE-2099-0005"]
    assert [(match.package.type, match.package.path) for match in web.matches] == [
        ("npm", "app/node_modules/left-pad/package.json")
    ]


def test_open_networks_are_checks_of_the_account(read, sample):
    (benchmark,) = read("inspector/findings.json").benchmarks
    assert (benchmark.subject, benchmark.name) == ("account", "111122223333")
    assert [(check.kind, check.id, check.result, check.target) for check in benchmark.checks] == [
        ("policy", "NETWORK_REACHABILITY", Result.FAIL, "i-0123")
    ]
    report = read({"findings": sample("inspector/findings.json")["findings"][-1:]})
    assert (report.kind, report.images, report.entries) == (Kind.COMPLIANCE, (), 0)


def test_a_bare_list_is_read_alike(read, sample):
    assert read(sample("inspector/findings.json")["findings"]) == read("inspector/findings.json")


@pytest.mark.parametrize("change", [{"nextToken": "more"}, {"findings": []}, {"findings": None}])
def test_a_page_and_an_empty_list_prove_nothing(read, sample, change):
    report = read(sample("inspector/findings.json") | change)
    assert {scan.outcome for scan in report.images} == {Outcome.UNASSESSED}
