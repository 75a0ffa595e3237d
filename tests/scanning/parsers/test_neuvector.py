from governance.findings.report import Outcome, Result, Severity

D1, D3 = (f"sha256:{digit * 64}" for digit in "13")


def test_it_reads_the_images_identity(read):
    image = read("neuvector/report.json").images[0].image
    assert (image.references, image.config_digest) == (("registry.example.com/shop/api:1.4.2",), D3)
    assert image.repo_digests == (f"registry.example.com/shop/api@{D1}",)
    assert (image.distro, image.distro_version, image.size) == ("alpine", "3.20.1", 73400320)


def test_it_reads_findings_and_sets_aside_what_was_accepted(read):
    report = read("neuvector/report.json")
    (scan,) = report.images
    first, second = scan.matches
    assert (first.advisory, first.severity, first.fixed_version) == ("CVE-2099-0001", Severity.HIGH, "3.3.1-r1")
    assert (first.package.type, first.package.namespace, first.cvss) == ("apk", "alpine", 7.5)
    assert first.published == "2099-01-02T00:04:05+00:00"
    assert (second.package.type, second.package.path, second.aliases) == (
        "npm",
        "app/package.json",
        ("CVE-2099-0002",),
    )
    (accepted,) = scan.suppressed
    assert (accepted.advisory, accepted.cvss, accepted.published) == ("CVE-2099-0003", 5.0, "")
    assert (report.entries, report.database_version, len(report.notes)) == (3, "3.546", 1)


def test_modules_are_the_whole_package_list(read):
    (scan,) = read("neuvector/report.json").images
    assert ([one.name for one in scan.packages], scan.inventory) == (["openssl", "busybox", "left-pad"], True)


def test_checks_secrets_and_raised_rights_are_checks(read):
    checks = read("neuvector/report.json").images[0].checks
    assert [(one.kind, one.id, one.result, one.target) for one in checks] == [
        ("benchmark", "I.4.1", Result.WARN, "image"),
        ("secret", "Password", Result.FAIL, "/app/.env"),
        ("misconfiguration", "setuid", Result.WARN, "/bin/su"),
    ]


def test_a_failed_scan_is_never_clean(read, sample):
    report = sample("neuvector/report.json")
    report["report"]["vulnerabilities"] = None
    assert read(report).images[0].outcome == Outcome.ASSESSED
    report["error_message"] = "failed to pull the image"
    (scan,) = read(report).images
    assert (scan.outcome, scan.error) == (Outcome.FAILED, "failed to pull the image")
    assert read({"error_message": "no such image", "report": None}).images[0].outcome == Outcome.FAILED
    assert read({"error_message": "", "report": None}).images[0].outcome == Outcome.UNASSESSED
