from governance.findings.report import Kind, Outcome, Result, Severity

D1, D3, D6 = (f"sha256:{digit * 64}" for digit in "136")
API = "registry.example.com/shop/api:1.4.2"


def test_it_reads_the_findings_of_an_image(read):
    report = read("wizcli/image.json")
    assert (report.scanner, report.scanner_version, report.entries) == ("wiz", "0.60.0", 2)
    (scan,) = report.images
    assert (scan.image.references, scan.image.config_digest) == ((API,), D3)
    assert scan.image.repo_digests == (f"registry.example.com/shop/api@{D1}",)
    first, second = scan.matches
    assert (first.advisory, first.severity, first.fixed_version) == ("CVE-2099-0001", Severity.HIGH, "3.0.16-1")
    assert (first.package.layer, second.package.path) == (D6, "/app/package.json")
    assert (second.aliases, second.severity_word) == (("GHSA-2099-aaaa-bbbb",), "INFORMATIONAL")


def test_a_secret_is_kept_by_its_place(read):
    (check,) = read("wizcli/image.json").images[0].checks
    assert (check.kind, check.id, check.target) == ("secret", "PASSWORD", "/app/settings.py:35")
    assert "REDACTED" not in check.title


def test_a_directory_is_no_image(read, sample):
    report = sample("wizcli/image.json")
    report["scanOriginResource"] = {"__typename": "CICDScanOriginDirectory", "name": "shop"}
    image = read(report).images[0].image
    assert (image.references, image.config_digest) == ((), "")


def test_null_lists_of_a_scan_that_succeeded_are_clean(read, sample):
    report = sample("wizcli/image.json")
    report["result"] |= {"osPackages": None, "libraries": None, "secrets": None}
    assert read(report).images[0].outcome == Outcome.ASSESSED


def test_a_scan_that_did_not_succeed_is_never_clean(read, sample):
    report = sample("wizcli/image.json")
    report["result"] = None
    for state, outcome in (
        ("IN_PROGRESS", Outcome.UNASSESSED),
        (None, Outcome.UNASSESSED),
        ("ERROR", Outcome.FAILED),
        ("SUCCESS", Outcome.FAILED),
    ):
        report["status"] = {"state": state}
        assert read(report).images[0].outcome == outcome


def test_infrastructure_as_code_is_checked(read):
    report = read("wizcli/iac.json")
    assert (report.kind, report.images, report.entries) == (Kind.COMPLIANCE, (), 0)
    (benchmark,) = report.benchmarks
    assert (benchmark.subject, benchmark.name) == ("project", "deploy")
    assert [(one.id, one.result, one.severity, one.target) for one in benchmark.checks] == [
        ("r-1", Result.FAIL, Severity.HIGH, "deploy/api.yaml:12"),
        ("r-1", Result.FAIL, Severity.HIGH, "Deployment.web"),
    ]
