from governance.findings.report import Kind, Outcome, Result, Severity


def test_the_checks_stand_at_the_image(read):
    report = read("dockle/report.json")
    (scan,) = report.images
    assert (report.format, report.kind, report.benchmarks, report.entries) == ("dockle", Kind.COMPLIANCE, (), 0)
    assert (scan.image.references, scan.outcome) == (("registry.example/shop/api:1.4.2",), Outcome.UNASSESSED)
    assert [(check.kind, check.id, check.result, check.severity) for check in scan.checks] == [
        ("secret", "CIS-DI-0010", Result.FAIL, Severity.CRITICAL),
        ("benchmark", "CIS-DI-0001", Result.WARN, Severity.MEDIUM),
        ("benchmark", "CIS-DI-0008", Result.INFO, Severity.NEGLIGIBLE),
        ("benchmark", "CIS-DI-0006", Result.INFO, Severity.UNKNOWN),
        ("benchmark", "DKL-LI-0003", Result.PASS, Severity.UNKNOWN),
    ]
    assert scan.checks[2].target == "setuid file: urwxr-xr-x bin/su, setgid file: grwxr-xr-x usr/bin/wall"


def test_credentials_are_not_kept(read):
    assert "s3cr3t" not in str(read("dockle/report.json"))


def test_an_image_without_a_name_or_from_a_file_has_none(read, sample):
    for name in (None, "", "./image.tar"):
        (scan,) = read(sample("dockle/report.json") | {"image": name}).images
        assert scan.image.references == ()
