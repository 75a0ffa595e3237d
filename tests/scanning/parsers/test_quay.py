import pytest

from governance.findings.report import Outcome, Severity

D2 = f"sha256:{'2' * 64}"


def test_the_manifest_is_the_image_and_clair_the_scanner(read):
    report = read("quay/manifest.json")
    (scan,) = report.images
    assert (report.format, report.scanner, report.entries) == ("quay", "clair", 3)
    assert (scan.image.manifest_digest, scan.image.distro, scan.image.distro_version) == (D2, "debian", "12")
    assert (scan.inventory, len(scan.packages), scan.outcome) == (True, 3, Outcome.ASSESSED)


def test_it_reads_findings(read):
    first, second, third = read("quay/manifest.json").images[0].matches
    assert (first.advisory, first.severity, first.fixed_version) == ("CVE-2099-0001", Severity.HIGH, "3.0.16-1")
    assert (first.cvss, first.url) == (7.5, "https://example.com/CVE-2099-0001")
    assert (first.package.type, first.package.namespace, first.package.layer) == ("deb", "debian", "")
    assert (second.advisory, second.title) == ("CVE-2099-0002", "openssl: invented flaw (low)")
    assert (third.package.type, third.package.namespace, third.cvss) == ("golang", "", 0.0)


def test_a_layer_of_clair_1_names_no_image(read):
    scan = read("quay/layer.json").images[0]
    match = scan.matches[0]
    assert (scan.image.manifest_digest, scan.image.distro) == ("", "debian")
    assert (match.severity, match.cvss, match.package.type) == (Severity.CRITICAL, 9.3, "deb")


@pytest.mark.parametrize(
    ("state", "outcome"),
    [
        ("queued", "unassessed"),
        ("unsupported", "unsupported"),
        ("failed", "failed"),
        ("manifest_layer_too_large", "failed"),
        ("scanned", "unassessed"),
    ],
)
def test_without_data_nothing_was_looked_at(read, state, outcome):
    report = read({"status": state, "data": None})
    scan = report.images[0]
    assert (report.format, scan.outcome, scan.inventory) == ("quay", Outcome(outcome), False)
    assert scan.error or report.notes or state == "scanned"


def test_an_image_without_packages_is_clean(read, sample):
    report = sample("quay/manifest.json")
    report["data"]["Layer"]["Features"] = []
    assert read(report).images[0].outcome == Outcome.ASSESSED
