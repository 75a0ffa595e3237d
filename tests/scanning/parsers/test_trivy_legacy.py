import pytest

from governance.findings.report import Outcome, ReportError, UnknownFormat


def test_it_takes_the_image_from_the_target(read):
    report = read("trivy_legacy/debian.json")
    scan = report.images[0]
    assert scan.image.references == ("shop/api:1.4.2",)
    assert (scan.image.distro, scan.image.distro_version) == ("debian", "10.8")
    assert (report.entries, scan.outcome) == (2, Outcome.ASSESSED)
    assert (scan.matches[0].package.type, scan.matches[0].package.namespace) == ("deb", "debian")


def test_null_is_nothing_found_and_proves_nothing(read):
    report = read(b" null\n")
    assert (report.format, report.entries, report.images[0].outcome) == ("trivy-legacy", 0, Outcome.UNASSESSED)


@pytest.mark.parametrize("body", [b"[1]", b'[{"Target": "x"}]', b'["Target"]', b'[{"Target": "\\ud800"}]'])
def test_other_lists_are_not_taken_for_it(read, body):
    with pytest.raises(UnknownFormat):
        read(body)


def test_a_vulnerability_without_identifier_is_still_a_statement(read):
    report = read([{"Target": "composer.lock", "Type": "composer", "Vulnerabilities": [{"PkgName": "example/lib"}]}])
    assert (report.entries, report.images[0].matches[0].package.name) == (1, "example/lib")
    with pytest.raises(ReportError, match="names neither itself"):
        read([{"Target": "composer.lock", "Vulnerabilities": [{"Severity": "HIGH"}]}])
