import pytest

from governance.findings.report import Outcome, Result, Severity

D1, D3, D6, D7 = (f"sha256:{digit * 64}" for digit in "1367")
API = "registry.example.com/shop/api:1.4.2"
SHAPES = ["sysdig/cli.json", "sysdig/v1.json", "sysdig/api.json"]


@pytest.mark.parametrize("name", SHAPES)
def test_every_shape_says_the_same(read, name):
    report = read(name)
    (scan,) = report.images
    assert (report.format, report.scanner, report.entries) == ("sysdig", "sysdig", 3)
    assert report.scanned_at.isoformat() == "2026-08-20T08:55:00+00:00"
    assert [(one.advisory, one.package.name, one.severity, one.fixed_version, one.cvss) for one in scan.matches] == [
        ("CVE-2099-0001", "libssl3", Severity.HIGH, "3.0.16-1", 7.5),
        ("CVE-2099-0002", "left-pad", Severity.CRITICAL, "v1.3.1", 9.8),
    ]
    assert [(one.name, one.type, one.layer) for one in scan.packages] == [
        ("libssl3", "deb", D6),
        ("base-files", "deb", D6),
        ("left-pad", "npm", D7),
    ]
    assert (scan.inventory, scan.outcome) == (True, Outcome.ASSESSED)


@pytest.mark.parametrize("name", SHAPES)
def test_it_reads_the_images_identity_and_layers(read, name):
    image = read(name).images[0].image
    assert (image.references, image.config_digest) == ((API,), D3)
    assert image.repo_digests == (f"registry.example.com/shop/api@{D1}",)
    assert (image.diff_ids, image.history) == ((D6, D7), ("ADD rootfs.tar /", "COPY app /app"))
    assert (image.distro, image.distro_version, image.os, image.architecture) == ("debian", "12.11", "linux", "amd64")


@pytest.mark.parametrize("name", SHAPES)
def test_an_accepted_risk_is_set_aside_and_an_expired_one_is_not(read, name):
    report = read(name)
    (aside,) = report.images[0].suppressed
    assert (aside.advisory, aside.fixed_version) == ("CVE-2099-0003", "")
    assert "risk was accepted in Sysdig: 1" in report.notes[0]


@pytest.mark.parametrize("name", SHAPES)
def test_rules_of_policies_are_checks(read, name):
    checks = read(name).images[0].checks
    assert [(one.kind, one.title, one.result) for one in checks] == [
        ("policy", "Severity equal critical", Result.FAIL),
        ("policy", "No root user", Result.PASS),
        ("policy", "Other", Result.INFO),
    ]


def test_an_image_without_packages_listed_was_not_looked_at(read, sample):
    report = sample("sysdig/cli.json")
    report["result"]["packages"] = None
    assert read(report).images[0].outcome == Outcome.UNASSESSED
