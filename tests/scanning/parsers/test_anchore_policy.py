from governance.findings.report import Kind, Outcome, Result, Severity

D2, D3, D8 = (f"sha256:{digit * 64}" for digit in "238")


def test_rows_are_checks_and_never_findings(read):
    report = read("anchore_policy/evaluation.json")
    scan = report.images[0]
    assert (report.kind, report.entries, scan.matches, scan.outcome) == (Kind.COMPLIANCE, 0, (), Outcome.UNASSESSED)
    first, second, third = scan.checks
    assert (first.kind, first.id, first.target) == ("policy", "vulnerabilities:package", "CVE-2099-0001+libssl3")
    assert (first.result, first.severity) == (Result.FAIL, Severity.HIGH)
    assert (second.result, second.id, second.severity) == (Result.WARN, "dockerfile:instruction", Severity.UNKNOWN)
    assert (third.result, third.title[:14]) == (Result.INFO, "allow-listed: ")


def test_each_digest_is_an_image_and_its_newest_evaluation_counts(read):
    report = read("anchore_policy/evaluation.json")
    first, second = report.images
    assert (first.image.manifest_digest, first.image.config_digest) == (D2, D3)
    assert (second.image.manifest_digest, second.image.references) == (D8, ("registry.example.com/shop/web:2",))
    assert report.scanned_at.day == 20


def test_a_failure_without_its_rows_is_still_a_failure(read):
    (check,) = read("anchore_policy/evaluation.json").images[1].checks
    assert (check.id, check.result) == ("p-1", Result.FAIL)


def test_gates_of_the_plug_in(read):
    (scan,) = read("anchore_policy/gates.json").images
    assert (scan.image.config_digest, scan.image.references) == (D3, ("registry.example.com/shop/api:1.4.2",))
    assert [(check.id, check.result) for check in scan.checks] == [("dockerfile:effective_user", Result.WARN)]


def test_anchorectls_first_form(read):
    first, second = read("anchore_policy/anchorectl.json").images
    assert [(check.id, check.result, check.target) for check in first.checks] == [
        ("vulnerabilities:package", Result.FAIL, "CVE-2099-0001+lib"),
        ("dockerfile:effective_user", Result.WARN, "t-1"),
    ]
    assert (first.image.manifest_digest, first.image.config_digest) == (D2, D3)
    assert (second.image.manifest_digest, second.checks) == (D8, ())


def test_anchorectls_second_form_takes_the_newest_evaluation(read, sample):
    (scan,) = read("anchore_policy/check.json").images
    assert [(check.id, check.result) for check in scan.checks] == [
        ("dockerfile:effective_user", Result.FAIL),
        ("vulnerabilities:package", Result.INFO),
    ]
    assert (scan.image.manifest_digest, scan.image.config_digest) == (D2, D3)
    report = sample("anchore_policy/check.json")
    report["evaluations"][0]["details"] = report["evaluations"][0]["details"]["findings"]
    assert read(report).images[0].checks == scan.checks


def test_the_api_writes_the_second_form_with_other_names(read):
    finding = {"gate": "g", "trigger": "t", "trigger_id": "i", "message": "m", "action": "warn", "image_id": "3" * 64}
    evaluation = {"evaluation_time": "2026-08-20T08:25:52Z", "status": "pass", "details": {"findings": [finding]}}
    answer = {"evaluated_tag": "shop/api:1", "image_digest": D2, "policy_id": "p", "evaluations": [evaluation]}
    report = read(answer)
    (scan,) = report.images
    assert (scan.image.references, scan.image.manifest_digest, scan.image.config_digest) == (("shop/api:1",), D2, D3)
    assert (scan.checks[0].id, scan.checks[0].target, report.scanned_at.hour) == ("g:t", "i", 8)
