import pytest

from governance.findings.report import Kind, Outcome, Result, Severity

D2, D8 = f"sha256:{'2' * 64}", f"sha256:{'8' * 64}"
HOST = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"


@pytest.fixture
def findings(sample):
    return sample("security_hub/findings.json")["Findings"]


def test_vulnerabilities_stand_at_their_images(read):
    report = read("security_hub/findings.json")
    api, web, loose = report.images
    assert (report.format, report.scanner, report.kind, report.entries) == (
        "aws-security-hub",
        "aws-inspector",
        Kind.VULNERABILITY,
        4,
    )
    assert (api.image.references, api.image.manifest_digest) == ((f"{HOST}/shop/api:1.4.2",), D2)
    assert (api.image.distro, api.image.distro_version) == ("debian", "12")
    assert (web.image.references, web.image.manifest_digest) == ((), D8)
    assert [
        (match.package.name, match.package.version, match.package.type, match.fixed_version) for match in api.matches
    ] == [("openssl", "3.0.15-1", "deb", "3.0.16-1"), ("jackson", "2.1", "maven", "")]
    assert (api.matches[0].aliases, api.matches[0].cvss) == (("GHSA-aaaa-bbbb-cccc",), 7.1)
    assert [scan.outcome for scan in report.images] == [Outcome.ASSESSED, Outcome.ASSESSED, Outcome.UNASSESSED]
    assert [(match.advisory, match.package.name, match.severity) for match in loose.matches] == [
        ("CVE-2099-0004", "openssl", Severity.CRITICAL)
    ]


def test_what_is_archived_or_suppressed_is_set_aside(read):
    api, web, _ = read("security_hub/findings.json").images
    assert [match.advisory for match in (*api.suppressed, *web.suppressed)] == ["CVE-2099-0002", "CVE-2099-0003"]
    assert web.matches == ()


def test_controls_are_checks_of_the_account(read):
    controls, other = read("security_hub/findings.json").benchmarks
    assert (controls.subject, controls.name, controls.title) == (
        "account",
        "111122223333",
        "aws-foundational-security-best-practices/v/1.0.0",
    )
    assert [(check.id, check.result, check.severity) for check in controls.checks] == [
        ("ECR.1", Result.FAIL, Severity.MEDIUM),
        ("ECR.2", Result.PASS, Severity.MEDIUM),
    ]
    assert (other.title, [(check.id, check.result) for check in other.checks]) == (
        "GuardDuty",
        [("guardduty", Result.FAIL)],
    )


def test_controls_alone_are_no_vulnerability_report(read, findings):
    report = read({"findings": findings[4:6]})
    assert (report.kind, report.images, report.entries, len(report.benchmarks)) == (Kind.COMPLIANCE, (), 0, 1)


def test_the_account_may_be_missing(read, findings):
    for one in findings:
        del one["AwsAccountId"]
    assert [one.name for one in read({"findings": findings}).benchmarks] == ["", ""]


def test_a_bare_list_is_read_alike(read, findings):
    assert read(findings) == read("security_hub/findings.json")


def test_other_products_name_containers(read, findings):
    resource = {
        "Type": "Container",
        "Id": "registry.example/shop/api:1",
        "Details": {
            "Other": {"CVE ID": "CVE-2099-0009", "PkgName": "musl", "Installed Package": "1", "Patched Package": "2"}
        },
    }
    one = findings[0] | {"ProductName": "Aqua Security", "Vulnerabilities": None, "Resources": [resource]}
    report = read([one])
    (scan,) = report.images
    assert (report.scanner, scan.image.references) == ("aqua", ("registry.example/shop/api:1",))
    assert [
        (match.advisory, match.package.name, match.package.version, match.fixed_version) for match in scan.matches
    ] == [("CVE-2099-0009", "musl", "1", "2")]


@pytest.mark.parametrize("change", [{"NextToken": "more"}, {"Findings": []}])
def test_a_page_and_an_empty_list_prove_nothing(read, sample, change):
    report = read(sample("security_hub/findings.json") | change)
    assert {scan.outcome for scan in report.images} == {Outcome.UNASSESSED}
