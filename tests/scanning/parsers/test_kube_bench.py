import pytest

from governance.findings.report import Kind, Result


@pytest.fixture
def controls(sample):
    return sample("kube_bench/totals.json")["Controls"]


def test_the_checks_are_a_benchmark_of_a_host_without_a_name(read):
    report = read("kube_bench/totals.json")
    (benchmark,) = report.benchmarks
    assert (report.format, report.kind, report.images) == ("kube-bench", Kind.COMPLIANCE, ())
    assert (benchmark.subject, benchmark.name, benchmark.title) == ("host", "", "kube-bench cis-1.10")
    assert [(check.id, check.result, check.target) for check in benchmark.checks] == [
        ("1.1.1", Result.PASS, "master"),
        ("1.1.9", Result.WARN, "master"),
        ("4.2.1", Result.FAIL, "node"),
        ("4.2.9", Result.INFO, "node"),
    ]
    assert "s3cr3t" not in str(report)


def test_a_bare_list_and_a_single_group_are_read_alike(read, controls):
    whole = read("kube_bench/totals.json").benchmarks
    assert read(controls).benchmarks == whole
    assert [check for one in controls for check in read(one).benchmarks[0].checks] == list(whole[0].checks)


def test_each_version_is_a_benchmark_of_its_own(read, controls):
    controls[1]["version"] = "eks-1.5"
    assert [(one.title, len(one.checks)) for one in read(controls).benchmarks] == [
        ("kube-bench cis-1.10", 2),
        ("kube-bench eks-1.5", 2),
    ]


def test_no_control_is_no_check(read):
    assert [one.checks for one in read({"Controls": [], "Totals": {"total_pass": 0}}).benchmarks] == [()]
