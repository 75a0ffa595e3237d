from governance.findings.report import Kind, Result, Severity


def test_weaknesses_and_services_are_checks_of_the_cluster(read):
    report = read("kube_hunter/report.json")
    (benchmark,) = report.benchmarks
    assert (report.format, report.kind, report.images) == ("kube-hunter", Kind.COMPLIANCE, ())
    assert (benchmark.subject, benchmark.name) == ("cluster", "")
    assert [(check.id, check.result, check.severity, check.target) for check in benchmark.checks] == [
        ("KHV036", Result.FAIL, Severity.HIGH, "192.0.2.1:10250"),
        ("CAP_NET_RAW Enabled", Result.FAIL, Severity.MEDIUM, "Local to Pod (hunter)"),
        ("service", Result.INFO, Severity.UNKNOWN, "192.0.2.1:10250"),
        ("service", Result.INFO, Severity.UNKNOWN, "192.0.2.1:443"),
    ]
    assert "s3cr3t" not in str(report)


def test_a_hunt_that_found_nothing_is_still_a_run(read, sample):
    (benchmark,) = read(sample("kube_hunter/report.json") | {"vulnerabilities": []}).benchmarks
    assert [check.result for check in benchmark.checks] == [Result.INFO, Result.INFO]


def test_weaknesses_alone_are_recognised(read, sample):
    weak = [one | {"vid": None} for one in sample("kube_hunter/report.json")["vulnerabilities"]]
    (benchmark,) = read({"vulnerabilities": weak}).benchmarks
    assert [check.id for check in benchmark.checks] == ["Anonymous Authentication", "CAP_NET_RAW Enabled"]
