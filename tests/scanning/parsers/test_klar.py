import pytest

from governance.findings.report import Outcome, Severity


def test_it_reads_findings_by_severity(read):
    report = read("klar/image.json")
    (scan,) = report.images
    assert (report.format, report.scanner, report.entries) == ("klar", "clair", 3)
    assert [match.severity for match in scan.matches] == [Severity.HIGH, Severity.HIGH, Severity.LOW]
    package = scan.matches[0].package
    assert (package.type, package.namespace, package.version) == ("rpm", "centos", "1:1.0.2k-25")
    assert (scan.image.references, scan.image.distro, scan.image.distro_version) == ((), "centos", "7")
    assert scan.matches[1].aliases == ("CVE-2099-0007",)


def test_the_severity_it_is_listed_under_stands_in(read):
    report = read({"LayerCount": 1, "Vulnerabilities": {"Medium": [{"Name": "CVE-2099-0001", "FeatureName": "a"}]}})
    assert report.images[0].matches[0].severity == Severity.MEDIUM


@pytest.mark.parametrize(
    ("layers", "found", "outcome"), [(9, {}, "assessed"), (0, {}, "unassessed"), (9, None, "unassessed")]
)
def test_a_clean_image_is_one_whose_layers_were_looked_at(read, layers, found, outcome):
    report = read({"LayerCount": layers, "Vulnerabilities": found})
    assert report.images[0].outcome == Outcome(outcome)
