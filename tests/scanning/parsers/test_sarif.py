import pytest

from governance.findings.report import Kind, Outcome, Result, Severity
from scanning.parsers.tools import scanner_of

D1, D3, D6, D7 = (f"sha256:{digit * 64}" for digit in "1367")
API = "registry.example.com/shop/api:1.4.2"


def rows(report):
    """What is said of each package."""
    (scan,) = report.images
    return [
        (one.advisory, one.package.name, one.package.version, one.severity, one.fixed_version) for one in scan.matches
    ]


def test_trivy_says_the_package_in_its_message_and_the_image_in_its_run(read):
    report = read("sarif/trivy.sarif")
    assert (report.format, report.scanner, report.scanner_version, report.kind) == (
        "sarif",
        "trivy",
        "0.74.0",
        Kind.VULNERABILITY,
    )
    assert rows(report) == [
        ("CVE-2099-0001", "libssl3", "3.0.15-1", Severity.HIGH, "3.0.16-1"),
        ("CVE-2099-0002", "@scope/left-pad", "1.3.0", Severity.CRITICAL, ""),
    ]
    (scan,) = report.images
    image = scan.image
    assert (image.references, image.config_digest) == ((API,), D3)
    assert image.repo_digests == (f"registry.example.com/shop/api@{D1}",)
    assert scan.matches[1].package.path == "app/node_modules/left-pad/package.json"
    assert (scan.matches[0].title, scan.matches[0].cvss) == ("openssl: invented", 7.5)


def test_what_is_suppressed_is_kept_apart_and_counted_as_written(read):
    report = read("sarif/trivy.sarif")
    (aside,) = report.images[0].suppressed
    assert (aside.package.name, report.entries) == ("libcrypto3", 3)
    assert "suppressed or are no longer there: 1" in report.notes[0]


def test_other_findings_of_a_scanner_are_checks(read):
    checks = read("sarif/trivy.sarif").images[0].checks
    assert [(one.kind, one.id, one.result, one.target) for one in checks] == [
        ("misconfiguration", "DS002", Result.FAIL, "Dockerfile:3"),
        ("secret", "aws-access-key-id", Result.FAIL, "app/.env:7"),
        ("licence", "busybox:GPL-2.0-only", Result.FAIL, "OS Packages:1"),
    ]
    assert not any("****" in f"{one.title}{one.id}" for one in checks)


def test_grype_says_the_package_in_a_sentence_and_the_rest_in_its_rule(read):
    report = read("sarif/grype.sarif")
    assert rows(report) == [
        ("CVE-2099-0001", "libssl3", "3.0.15-1", Severity.HIGH, "3.0.16-1"),
        ("GHSA-2099-aaaa-bbbb", "left-pad", "1.3.0", Severity.UNKNOWN, ""),
        ("GHSA-2099-aaaa-bbbb", "left-pad", "1.2.0", Severity.UNKNOWN, ""),
    ]
    (scan,) = report.images
    first, second, _ = scan.matches
    assert (scan.image.references, scan.image.distro, scan.image.distro_version) == ((API,), "debian", "12")
    assert (first.package.type, first.package.namespace, first.package.layer) == ("deb", "debian", D6)
    assert (second.package.type, second.package.path, second.package.layer) == ("npm", "/app/package-lock.json", D7)
    assert (first.url, second.severity_word) == ("https://example.com/CVE-2099-0001", "medium")


def test_every_result_of_an_early_grype_is_marked_as_suppressed_and_counts(read, sample):
    log = sample("sarif/grype.sarif")
    log["runs"][0]["tool"]["driver"]["name"] = "Anchore Container Vulnerability Report (T0)"
    for result in log["runs"][0]["results"]:
        result["suppressions"] = [{"kind": "external"}]
    report = read(log)
    assert (report.scanner, len(report.images[0].matches), report.images[0].suppressed) == ("grype", 3, ())


def test_docker_scout_says_the_package_by_purl(read):
    report = read("sarif/scout.sarif")
    assert (report.scanner, report.scanner_version) == ("docker-scout", "1.23.0")
    assert rows(report) == [
        ("CVE-2099-0003", "apt", "2.6.1", Severity.LOW, ""),
        ("CVE-2099-0002", "@scope/left-pad", "1.3.0", Severity.CRITICAL, "1.3.1"),
    ]
    (scan,) = report.images
    first, second = scan.matches
    assert (first.package.type, first.package.namespace, scan.image.distro_version) == ("deb", "debian", "12")
    assert (second.package.type, second.package.path) == ("npm", "/app/package-lock.json")


def test_docker_scouts_rule_is_asked_where_the_message_has_no_package(read, sample):
    log = sample("sarif/scout.sarif")
    for result in log["runs"][0]["results"]:
        result["message"] = {"text": "see the rule"}
    assert rows(read(log)) == rows(read("sarif/scout.sarif"))


def test_snyk_writes_a_run_for_each_part_of_one_image(read):
    report = read("sarif/snyk.sarif")
    assert (report.scanner, report.scanner_version, report.entries) == ("snyk", "1.1300.0", 2)
    assert rows(report) == [
        ("SNYK-DEBIAN12-OPENSSL-1", "libssl3", "3.0.15-1", Severity.HIGH, ""),
        ("SNYK-JS-LEFTPAD-2", "left-pad", "1.3.0", Severity.CRITICAL, "1.3.1"),
    ]
    (scan,) = report.images
    first, second = scan.matches
    assert (scan.image.references, scan.image.distro) == ((API,), "debian")
    assert (first.package.type, first.package.source_name, first.aliases) == ("deb", "openssl", ("CVE-2099-0001",))
    assert second.aliases == ("CVE-2099-0002", "CVE-2099-0004")
    (licence,) = scan.checks
    assert (licence.kind, licence.result) == ("licence", Result.FAIL)


def test_osv_scanner_clair_and_sysdig_are_read_by_their_messages(read):
    def run(name, rule, text, **properties):
        result = {"ruleId": rule, "message": {"text": text}}
        return {"version": "2.1.0", "runs": [{"tool": {"driver": {"name": name}}, "results": [result], **properties}]}

    text = "Package '@babel/core@7.29.0' is vulnerable to 'CVE-2099-0001' (also known as 'GHSA-2099-aaaa-bbbb')."
    report = read(run("osv-scanner", "CVE-2099-0001", text))
    (match,) = report.images[0].matches
    assert (match.package.name, match.package.version) == ("@babel/core", "7.29.0")
    assert match.aliases == ("GHSA-2099-aaaa-bbbb",)
    clair = read(run("Clair V4", "CVE-2099-0001", "[openssl - 3.0.15-1 - High] an invented flaw."))
    assert (clair.scanner, *rows(clair)[0][1:4]) == ("clair", "openssl", "3.0.15-1", Severity.HIGH)
    lines = (
        "Full image scan results in Sysdig UI: [x](https://example.com)\nPackage: [openssl](https://example.com)\n"
        "Package type: os\n    Installed Version: 3.0.15-1\n    Package path: \n"
    )
    one = "Severity: High\n  Fixed Version: No fix available\n"
    properties = {"pullString": API, "digest": D1, "imageId": D3, "baseOs": "debian 12.11", "size": 1000}
    for message, name in (
        (f"{lines}Vulnerability: [CVE-2099-0001](https://example.com)\n{one}", "CVE-2099-0001"),
        (f"{lines}.\nVulnerability: CVE-2099-0001\n{one}", "openssl"),
    ):
        sysdig = read(run("sysdig-cli-scanner", name, message, properties=properties))
        assert rows(sysdig) == [("CVE-2099-0001", "openssl", "3.0.15-1", Severity.HIGH, "")]
        image = sysdig.images[0].image
        assert (sysdig.scanner, image.config_digest, image.distro, image.size) == ("sysdig", D3, "debian", 1000)
        assert image.repo_digests == (f"registry.example.com/shop/api@{D1}",)


def test_any_other_tools_results_are_checks_of_a_project(read):
    report = read("sarif/lint.sarif")
    assert (report.scanner, report.kind, report.entries, report.images) == ("example-linter", Kind.COMPLIANCE, 0, ())
    (benchmark,) = report.benchmarks
    assert (benchmark.subject, benchmark.title) == ("project", "Example Linter")
    assert [(one.id, one.result, one.severity) for one in benchmark.checks] == [
        ("EX1/1", Result.FAIL, Severity.HIGH),
        ("EX2", Result.INFO, Severity.LOW),
        ("EX3", Result.WARN, Severity.MEDIUM),
        ("EX1", Result.INFO, Severity.HIGH),
        ("EX1", Result.INFO, Severity.HIGH),
        ("EX1", Result.FAIL, Severity.HIGH),
        ("EX1", Result.PASS, Severity.HIGH),
        ("EX1", Result.WARN, Severity.HIGH),
    ]
    first, second, third, *_ = benchmark.checks
    assert (first.title, first.target) == ("A variable is never used", "src/my file.c:19")
    assert (second.title, second.target) == ("'y' in  is never used", "example::main")
    assert third.title == "No rule says what this is"
    assert report.scanned_at.isoformat() == "2026-08-20T09:01:00+00:00"


def test_a_run_that_failed_or_has_no_results_is_never_clean(read, sample):
    log = sample("sarif/grype.sarif")
    run = log["runs"][0]
    run["results"] = []
    assert read(log).images[0].outcome == Outcome.ASSESSED
    run["results"] = None
    assert read(log).images[0].outcome == Outcome.UNASSESSED
    del run["results"]
    assert read(log).images[0].outcome == Outcome.UNASSESSED
    failure = {"level": "error", "message": {"text": "no such image"}}
    run["invocations"] = [{"executionSuccessful": False, "toolExecutionNotifications": [failure]}]
    (scan,) = read(log).images
    assert (scan.outcome, scan.error) == (Outcome.FAILED, "no such image")


def test_an_empty_report_of_trivy_proves_nothing(read, sample):
    log = sample("sarif/trivy.sarif")
    log["runs"][0]["results"] = []
    report = read(log)
    assert report.images[0].outcome == Outcome.UNASSESSED
    assert "proves no clean image" in report.notes[0]


def test_runs_of_two_images_are_two_scans(read, sample):
    log = sample("sarif/trivy.sarif")
    other = sample("sarif/trivy.sarif")["runs"][0]
    other["properties"] = {"imageName": "registry.example.com/shop/web:2"}
    log["runs"].append(other)
    assert [scan.image.references[0] for scan in read(log).images] == [API, "registry.example.com/shop/web:2"]


def test_runs_of_several_tools_go_by_the_name_of_the_one_that_scans(read, sample):
    log = sample("sarif/lint.sarif")
    log["runs"] += sample("sarif/grype.sarif")["runs"]
    report = read(log)
    assert (report.scanner, len(report.images), len(report.benchmarks)) == ("grype", 1, 1)
    assert any("send one file for each tool" in note for note in report.notes)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("Docker Scout", "docker-scout"),
        ("docker_scout", "docker-scout"),
        ("Snyk Open Source", "snyk"),
        ("SnykCode", "snyk-code"),
        ("Anchore Grype Scan", "grype"),
        ("Trivy", "trivy"),
        ("ScoutSuite", "scoutsuite"),
        ("", ""),
    ],
)
def test_a_scanner_has_one_name(written, name):
    assert scanner_of(written) == name
