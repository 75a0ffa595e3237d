import pytest

from governance.findings.report import Outcome


def test_an_entry_is_an_issue_of_a_component(read):
    report = read("xray_scan/docker.json")
    api, _ = report.images
    assert (report.format, report.scanner, report.entries) == ("jfrog-xray-scan", "jfrog-xray", 3)
    assert (api.image.references, api.image.distro, api.image.distro_version, api.outcome) == (
        ("registry.example/shop/api:1.4.2",),
        "alpine",
        "3.20",
        Outcome.ASSESSED,
    )
    assert [(match.advisory, match.aliases, match.package.name, match.fixed_version) for match in api.matches] == [
        ("CVE-2099-0001", ("XRAY-1",), "libcrypto3", "3.3.1-r3"),
        ("CVE-2099-0001", ("XRAY-1",), "libssl3", "3.3.1-r3"),
        ("XRAY-2", (), "org.example:core", "1.26, 2.0"),
    ]
    assert [match.package.path for match in api.matches] == ["", "", "app/lib/core-1.16.jar"]
    assert (api.matches[0].title, api.matches[0].cvss) == ("Issue summary: invented.", 7.5)


def test_a_failed_scan_is_told_from_a_clean_one(read):
    _, web = read("xray_scan/docker.json").images
    assert (web.outcome, web.error) == (Outcome.FAILED, "Xray says that the scan ended as 'failed'")


@pytest.mark.parametrize("status", ["completed", None, ""])
def test_a_clean_scan_is_one(read, sample, status):
    (scan,) = read([sample("xray_scan/docker.json")[0] | {"vulnerabilities": None, "status": status}]).images
    assert (scan.outcome, scan.matches) == (Outcome.ASSESSED, ())


def test_violations_stand_in_where_a_watch_was_named(read, sample):
    scan = sample("xray_scan/docker.json")[0]
    licence = {"type": "license", "issue_id": "GPL", "components": {"npm://left:1": {}}}
    body = scan | {"vulnerabilities": None, "violations": [*scan["vulnerabilities"], licence]}
    assert read(body).images[0].matches == read([scan]).images[0].matches
