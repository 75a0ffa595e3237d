from governance.findings.report import Kind, Outcome, Result, Severity


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
