import pytest

from governance.findings.report import Kind, Outcome, ReportError


def scan_called(report, reference):
    return next(scan for scan in report.images if reference in scan.image.references)


def test_an_image_under_two_workloads_is_one_scan(read):
    report = read("trivy_kubernetes/cluster.json")
    assert report.entries == 5
    assert [match.advisory for match in scan_called(report, "redis:6").matches] == ["CVE-2099-0001", "CVE-2099-0002"]


def test_results_go_to_the_image_whose_layer_they_name(read):
    side = scan_called(read("trivy_kubernetes/cluster.json"), "side:2")
    assert [match.advisory for match in side.matches] == ["CVE-2099-0003"]
    assert side.outcome == Outcome.ASSESSED


def test_a_workload_that_could_not_be_scanned_is_a_failed_scan(read):
    report = read("trivy_kubernetes/cluster.json")
    (failed,) = (scan for scan in report.images if scan.outcome == Outcome.FAILED)
    assert failed.error == "shop/Job/broken: unable to pull: unauthorized"
    assert report.notes == (f"not scanned: {failed.error}",)


def test_checks_of_workloads_belong_to_no_image(read):
    last = read("trivy_kubernetes/cluster.json").images[-1]
    assert (last.image.references, last.outcome) == ((), Outcome.UNASSESSED)
    assert [(check.id, check.target) for check in last.checks] == [("KSV001", "shop/Deployment/leader")]


def test_it_reads_the_old_form_with_the_image_in_the_target(read):
    report = read("trivy_kubernetes/old.json")
    assert (report.entries, report.kind) == (2, Kind.VULNERABILITY)
    assert scan_called(report, "redis:6").image.distro_version == "10.4"


def test_findings_without_any_image_are_kept(read, sample):
    report = sample("trivy_kubernetes/old.json")
    report["Vulnerabilities"][0]["Results"][0] |= {"Target": "Python", "Class": "lang-pkgs", "Type": "python-pkg"}
    read_report = read(report)
    assert sum(len(scan.matches) for scan in read_report.images) == read_report.entries == 2


def test_checks_alone_are_compliance(read, sample):
    report = sample("trivy_kubernetes/old.json") | {"Vulnerabilities": None}
    assert read(report).kind == Kind.COMPLIANCE


def test_an_empty_cluster_is_not_assessed(read):
    report = read({"ClusterName": "test", "Resources": None})
    assert [scan.outcome for scan in report.images] == [Outcome.UNASSESSED]


def test_a_workload_with_absurdly_many_images_is_refused(read, sample):
    report = sample("trivy_kubernetes/cluster.json")
    report["Resources"][0]["Metadata"] = [{"ImageID": f"sha256:{number:064}"} for number in range(101)]
    with pytest.raises(ReportError, match="shop/Deployment/leader is said to run more than 100 images"):
        read(report)


def test_a_cluster_in_which_nothing_was_found_has_no_lists(read):
    report = read({"ClusterName": "shop"})
    assert (report.format, report.entries, report.images[0].outcome) == ("trivy-kubernetes", 0, Outcome.UNASSESSED)
