import pytest

from governance.findings.report import Kind, Outcome, ReportError, Result, Severity, UnknownFormat


def test_it_reads_what_the_webhook_sends(read):
    report = read("trivy_operator/webhook.json")
    scan = report.images[0]
    assert (report.format, report.kind, report.entries) == ("trivy-operator", Kind.VULNERABILITY, 1)
    assert scan.image.references == ("index.docker.io/shop/api:1.4.2",)
    assert scan.image.repo_digests == (f"index.docker.io/shop/api@sha256:{'1' * 64}",)
    match = scan.matches[0]
    assert (match.severity, match.cvss, match.package.namespace) == (Severity.HIGH, 7.5, "debian")


def test_a_bare_object_says_the_same(read, sample):
    assert read(sample("trivy_operator/webhook.json")["operatorObject"]) == read("trivy_operator/webhook.json")


def test_a_deletion_is_an_event_and_closes_nothing(read, sample):
    report = read(sample("trivy_operator/webhook.json") | {"verb": "delete"})
    assert (report.kind, report.images, report.entries) == (Kind.EVENT, (), 0)
    assert "deleted" in report.notes[0]


def test_a_report_without_vulnerabilities_is_a_clean_scan(read, sample):
    body = sample("trivy_operator/webhook.json")
    body["operatorObject"]["report"]["vulnerabilities"] = []
    assert read(body).images[0].outcome == Outcome.ASSESSED


def test_secrets_are_checks(read):
    report = read("trivy_operator/secrets.json")
    assert (report.kind, report.images[0].outcome) == (Kind.COMPLIANCE, Outcome.UNASSESSED)
    assert [(check.kind, check.id, check.target) for check in report.images[0].checks] == [
        ("secret", "private-key", "app/key.pem")
    ]


def test_it_reads_a_list_of_reports(read):
    report = read("trivy_operator/list.json")
    assert [check.result for check in report.images[0].checks] == [Result.FAIL, Result.PASS]
    assert (len(report.images[1].matches), report.entries) == (1, 1)


def test_it_reads_what_kubectl_writes(read, sample):
    listed = {"apiVersion": "v1", "kind": "List", "items": sample("trivy_operator/list.json"), "metadata": {}}
    assert read(listed) == read("trivy_operator/list.json")


def test_it_reads_reports_grouped_by_resource(read, sample):
    audit, found = sample("trivy_operator/list.json")
    grouped = {
        "configauditreports.aquasecurity.github.io": [audit],
        "sbomreports.aquasecurity.github.io": None,
        "vulnerabilityreports.aquasecurity.github.io": [found],
    }
    assert read(grouped) == read("trivy_operator/list.json")


def test_a_list_of_other_things_is_not_of_the_operator(read):
    for items in ([{"apiVersion": "v1", "kind": "Pod"}], [7], [], {}):
        with pytest.raises(UnknownFormat):
            read({"apiVersion": "v1", "kind": "List", "items": items})


def sbom_report(bom):
    artifact = {"repository": "shop/api", "tag": "1.4.2", "digest": "sha256:" + "3" * 64}
    return {
        "apiVersion": "aquasecurity.github.io/v1alpha1",
        "kind": "SbomReport",
        "metadata": {"name": "replicaset-api", "namespace": "shop"},
        "report": {"artifact": artifact, "registry": {"server": "registry.example.com"}, "components": bom},
    }


def test_the_sbom_inside_says_which_image_it_is_of(read, sample):
    bom = sample("cyclonedx/trivy.json") | {"vulnerabilities": []}
    report = read(sbom_report(bom))
    assert (report.kind, report.entries) == (Kind.SBOM, 0)
    assert report.images == read(bom).images


def test_the_object_names_the_image_where_its_sbom_does_not(read):
    bom = {"bomFormat": "CycloneDX", "components": [{"type": "library", "name": "a", "version": "1"}]}
    scan = read(sbom_report(bom)).images[0]
    assert (scan.image.references, len(scan.packages)) == (("registry.example.com/shop/api:1.4.2",), 1)
    assert scan.outcome == Outcome.UNASSESSED


def test_repeated_properties_that_the_operator_joined_are_parted(read):
    name, layers = "aquasecurity:trivy:DiffID", ["sha256:" + "6" * 64, "sha256:" + "7" * 64]
    component = {"type": "container", "name": "shop/api:1", "properties": [{"name": name, "value": ",".join(layers)}]}
    bom = {"bomFormat": "CycloneDX", "metadata": {"component": component}}
    assert read(sbom_report(bom)).images[0].image.diff_ids == tuple(layers)


def test_kinds_that_are_not_read_are_named(read, sample):
    other = {"apiVersion": "aquasecurity.github.io/v1alpha1", "kind": "CISKubeBenchReport", "status": {}}
    with pytest.raises(ReportError, match=r"kind 'CISKubeBenchReport' are not read; send those of kind .*Sbom"):
        read(other)
    mixed = read([*sample("trivy_operator/list.json"), other | {"report": 7}])
    assert (mixed.entries, mixed.notes) == (1, ("objects of kind 'CISKubeBenchReport' are not read",))


def test_an_object_without_its_report_is_refused(read, sample):
    report = sample("trivy_operator/webhook.json")["operatorObject"]
    del report["report"]
    with pytest.raises(ReportError, match="no member `report`"):
        read(report)


def test_compliance_is_a_benchmark_of_the_cluster_each(read):
    report = read("trivy_operator/compliance.json")
    assert (report.kind, report.images, report.entries) == (Kind.COMPLIANCE, (), 0)
    assert [(one.subject, one.name, one.title) for one in report.benchmarks] == [
        ("cluster", "", "Invented benchmark 1.0"),
        ("cluster", "", "Invented guide 2.0"),
        ("cluster", "", "old"),
    ]
    assert report.scanned_at.hour == 10


def test_a_control_is_counted_or_told_by_object(read):
    counted, told, old = read("trivy_operator/compliance.json").benchmarks
    assert [check.result for check in counted.checks] == [Result.PASS, Result.FAIL, Result.INFO]
    assert [(check.id, check.result, check.target) for check in told.checks] == [
        ("1.1", Result.FAIL, "Deployment/shop/api"),
        ("1.1", Result.PASS, "Deployment/shop/web"),
        ("1.2", Result.FAIL, ""),
    ]
    assert [check.result for check in old.checks] == [Result.PASS, Result.FAIL]
    assert (told.checks[0].kind, told.checks[0].severity) == ("benchmark", Severity.HIGH)


def test_a_deleted_benchmark_says_nothing(read, sample):
    (first, *_) = sample("trivy_operator/compliance.json")["items"]
    report = read({"verb": "delete", "operatorObject": first})
    assert (report.kind, report.benchmarks) == (Kind.EVENT, ())
