import pytest

from governance.findings.report import Kind, Outcome, Result, Severity, UnknownFormat

ANSWER = "trivy_operator_prometheus/answer.json"
IMAGE = "registry.example.com/shop/api"


def test_series_are_grouped_by_image(read):
    report = read(ANSWER)
    first, second = report.images
    assert first.image.references == (f"{IMAGE}:1.4.2",)
    assert first.image.repo_digests == (f"{IMAGE}@sha256:{'1' * 64}",)
    assert (second.image.references, second.image.repo_digests) == ((f"{IMAGE}:1.5.0",), ())
    assert (report.scanner, report.entries, report.kind) == ("trivy", 3, Kind.VULNERABILITY)
    assert report.scanned_at.year == 2026


def test_it_reads_findings_and_secrets(read):
    scan = read(ANSWER).images[0]
    first, second = scan.matches
    assert (first.advisory, first.severity, first.cvss) == ("CVE-2099-0001", Severity.HIGH, 7.5)
    assert (first.package.type, first.package.namespace, first.fixed_version) == ("deb", "debian", "3.0.16-1")
    assert (second.severity, second.cvss) == (Severity.UNKNOWN, 0.0)
    (secret,) = scan.checks
    assert (secret.kind, secret.id, secret.result, secret.target) == (
        "secret",
        "private-key",
        Result.FAIL,
        "/srv/key.pem",
    )


def test_checks_are_benchmarks_of_the_cluster(read):
    report = read(ANSWER)
    assert [(one.title, [check.result for check in one.checks]) for one in report.benchmarks] == [
        ("Trivy Operator config audits", [Result.FAIL]),
        ("Trivy Operator rbac assessments", [Result.PASS]),
        ("Invented guide", [Result.FAIL, Result.PASS]),
    ]
    assert report.benchmarks[0].checks[0].target == "shop/Role/api"
    assert "trivy_image_vulnerabilities" in report.notes[0]


def test_a_secret_is_no_proof_of_a_scan(read, sample):
    report = sample(ANSWER)
    report["data"]["result"] = report["data"]["result"][3:4]
    assert read(report).kind == Kind.COMPLIANCE
    assert read(report).images[0].outcome == Outcome.UNASSESSED


def test_no_series_says_nothing(read):
    report = read({"status": "success", "data": {"resultType": "vector", "result": []}})
    assert (report.images, report.entries, report.kind) == ((), 0, Kind.VULNERABILITY)


def test_an_aggregation_without_a_name_is_known_by_its_labels(read, sample):
    report = sample(ANSWER)
    for series in report["data"]["result"][:3]:
        del series["metric"]["__name__"]
    assert read(report).entries == 3


def test_other_metrics_are_not_ours(read):
    data = {"resultType": "vector", "result": [{"metric": {"__name__": "up"}, "value": [1, "1"]}]}
    with pytest.raises(UnknownFormat):
        read({"status": "success", "data": data})
