from datetime import UTC, datetime

from governance.findings.report import Kind, Result, Severity


def test_controls_are_checks_of_the_cluster_the_failed_ones_first(read):
    report = read("kubescape/cluster.json")
    (benchmark,) = report.benchmarks
    assert (report.format, report.kind, report.scanner_version) == ("kubescape", Kind.COMPLIANCE, "v3.0.48")
    assert report.scanned_at == datetime(2026, 8, 20, 9, tzinfo=UTC)
    assert (benchmark.subject, benchmark.name, benchmark.title) == ("cluster", "west-1", "Kubescape: mitre, nsa")
    assert [(check.id, check.result, check.severity, check.target) for check in benchmark.checks] == [
        ("C-0057", Result.FAIL, Severity.HIGH, "shop/Deployment/api"),
        ("C-0013", Result.FAIL, Severity.MEDIUM, "shop/ServiceAccount/robot"),
        ("C-0013", Result.INFO, Severity.MEDIUM, "shop/Deployment/api"),
        ("C-0044", Result.INFO, Severity.MEDIUM, "shop/ServiceAccount/robot"),
        ("C-0044", Result.PASS, Severity.MEDIUM, "shop/Deployment/api"),
    ]


def test_files_are_a_project(read, sample):
    body = sample("kubescape/cluster.json")
    body["metadata"]["targetMetadata"] = {
        "gitRepoContextMetadata": {"provider": "none", "repo": "file@/src/app.yaml", "remoteURL": ""},
        "fileContextMetadata": {"filePath": "/src/app.yaml", "hostName": "ci"},
    }
    (benchmark,) = read(body).benchmarks
    assert (benchmark.subject, benchmark.name) == ("project", "/src/app.yaml")
    body["metadata"]["targetMetadata"]["gitRepoContextMetadata"]["remoteURL"] = "https://git.example/shop"
    assert read(body).benchmarks[0].name == "https://git.example/shop"


def test_where_a_control_has_no_status_its_rules_tell(read, sample):
    body = sample("kubescape/cluster.json")
    rules = [
        [{"status": "passed"}, {"status": "failed"}],
        [{"status": "skipped"}, {"status": "passed"}],
        [{"status": "passed"}],
    ]
    for control, told in zip(body["results"][0]["controls"], rules, strict=True):
        del control["status"]
        control["rules"] = told
    found = {check.id: check.result for check in read(body).benchmarks[0].checks if check.target.endswith("api")}
    assert found == {"C-0044": Result.FAIL, "C-0013": Result.INFO, "C-0057": Result.PASS}
    body["results"][0]["controls"][2]["rules"] = [None]
    assert [check.result for check in read(body).benchmarks[0].checks if check.id == "C-0057"] == [Result.INFO]


def test_files_may_be_told_by_the_resources_alone(read, sample):
    body = sample("kubescape/cluster.json")
    body["metadata"] = {"targetMetadata": {}}
    body["results"][0]["resourceID"] = "path=188/api=apps/v1//Deployment/api"
    assert read(body).benchmarks[0].subject == "project"


def test_without_results_the_summary_is_read(read, sample):
    (benchmark,) = read(sample("kubescape/cluster.json") | {"results": None, "resources": []}).benchmarks
    assert [(check.id, check.result, check.severity, check.target) for check in benchmark.checks] == [
        ("C-0057", Result.FAIL, Severity.HIGH, ""),
        ("C-0013", Result.FAIL, Severity.MEDIUM, ""),
        ("C-0044", Result.PASS, Severity.MEDIUM, ""),
    ]


def test_a_resource_that_is_not_listed_keeps_its_identifier(read, sample):
    body = sample("kubescape/cluster.json") | {"resources": None}
    assert read(body).benchmarks[0].checks[0].target == "apps/v1/shop/Deployment/api"
