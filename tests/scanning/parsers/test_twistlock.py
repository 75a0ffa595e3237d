import pytest

from governance.findings.report import Outcome, Result, Severity
from scanning.parsers.twistlock_parts import state_of

D2, D3 = (f"sha256:{digit * 64}" for digit in "23")
REPOSITORY = "registry.example.com/shop/api"


def test_the_id_is_the_images_and_the_digest_the_registrys(read):
    image = read("twistlock/scan.json").images[0].image
    assert (image.references, image.config_digest) == ((f"{REPOSITORY}:1.4.2",), D3)
    assert (image.repo_digests, image.manifest_digest) == ((f"{REPOSITORY}@{D2}",), "")
    assert (image.distro, image.distro_version) == ("debian", "12")


def test_it_reads_findings(read):
    report = read("twistlock/scan.json")
    first, second, third, fourth = report.images[0].matches
    assert (first.advisory, first.severity, first.cvss) == ("CVE-2099-0001", Severity.HIGH, 7.5)
    assert (first.fixed_version, first.status, first.package.namespace) == ("3.0.16-1, 3.1.0", "fixed", "debian")
    assert (second.package.name, second.severity, second.status) == ("perl", Severity.UNKNOWN, "will_not_fix")
    assert (third.advisory, third.package.name, third.package.type) == (
        "PRISMA-2099-0003",
        "org.example:lib_core",
        "maven",
    )
    assert (third.cvss, third.status, third.package.path) == (9.8, "affected", "/srv/app/lib-core-1.0.jar")
    assert (fourth.package.type, fourth.package.path) == ("pypi", "/srv/lib-1.0.dist-info")
    assert (report.entries, report.scanner, report.scanned_at.hour) == (4, "twistlock", 9)


def test_compliance_issues_are_checks(read):
    checks = read("twistlock/scan.json").images[0].checks
    assert [(check.kind, check.id, check.result, check.severity) for check in checks] == [
        ("misconfiguration", "404", Result.FAIL, Severity.MEDIUM),
        (
            "misconfiguration",
            "Sensitive information provided in environment variables",
            Result.FAIL,
            Severity.HIGH,
        ),
    ]


def test_packages_are_the_whole_inventory(read, sample):
    scan = read("twistlock/scan.json").images[0]
    assert scan.inventory
    assert [(one.type, one.name) for one in scan.packages] == [
        ("deb", "openssl"),
        ("deb", "bash"),
        ("pypi", "lib"),
        ("", "python"),
    ]
    report = sample("twistlock/scan.json")
    report["results"][0]["packages"] = None
    assert not read(report).images[0].inventory


@pytest.mark.parametrize(
    ("change", "outcome"),
    [
        ({"vulnerabilities": None, "vulnerabilityDistribution": {"total": 0}}, "assessed"),
        ({"vulnerabilities": None, "vulnerabilityDistribution": {"total": 4}}, "unassessed"),
        ({"err": "cannot pull"}, "failed"),
        ({"stopped": True}, "failed"),
        (dict.fromkeys(("vulnerabilities", "packages", "applications", "vulnerabilityDistribution")), "assessed"),
        ({**dict.fromkeys(("vulnerabilities", "packages", "applications")), "distro": ""}, "unassessed"),
    ],
)
def test_only_what_was_looked_at_is_assessed(read, sample, change, outcome):
    report = sample("twistlock/scan.json")
    report["results"][0] |= change
    assert read(report).images[0].outcome == Outcome(outcome)


def test_a_source_tree_is_no_image(read, sample):
    report = sample("twistlock/scan.json")
    report["results"][0] |= {"repository": "org/app", "name": "org/app", "digest": "", "id": ""}
    image = read(report).images[0].image
    assert (image.references, image.config_digest, image.repo_digests) == ((), "", ())


def test_no_result_is_read_as_none(read):
    report = read({"results": None, "consoleURL": "https://console.example.com"})
    assert (report.format, report.images) == ("twistlock", ())


@pytest.mark.parametrize(
    ("text", "state"),
    [
        ("Fixed in 1.2, 1.3", ("1.2, 1.3", "fixed")),
        ("fixed in >=0.0.1", (">=0.0.1", "fixed")),
        ("open", ("", "affected")),
        ("Won't fix", ("", "will_not_fix")),
        ("end-of-life", ("", "end_of_life")),
        ("under investigation", ("", "under_investigation")),
        ("not affected", ("", "not_affected")),
        ("fix deferred", ("", "fix_deferred")),
        ("something else", ("", "")),
        ("", ("", "")),
    ],
)
def test_states_are_normalised(text, state):
    assert state_of(text) == state
