import pytest

from governance.findings.report import Outcome, Result, Severity

D2, D3, D5, D6, D7 = (f"sha256:{digit * 64}" for digit in "23567")
REPOSITORY = "registry.example.com/shop/api"


def test_digests_are_told_apart_by_the_images_metadata(read):
    image = read("aqua/image.json").images[0].image
    assert (image.config_digest, image.repo_digests) == (D3, (f"{REPOSITORY}@{D2}",))
    assert (image.references, image.created, image.size) == ((f"{REPOSITORY}:1.4.2",), "2026-08-01T00:00:00Z", 73400320)
    assert (image.distro, image.distro_version, image.os, image.architecture) == ("debian", "12.11", "linux", "arm64")


def test_the_severity_is_aquas_then_that_of_vendor_and_nvd(read):
    report = read("aqua/image.json")
    first, second, fourth = report.images[0].matches
    assert (first.severity, first.cvss, first.fixed_version, first.status) == (
        Severity.CRITICAL,
        7.5,
        "3.0.16-1",
        "fixed",
    )
    assert (second.severity, second.cvss, second.status) == (Severity.MEDIUM, 4.3, "fix_deferred")
    assert (fourth.severity, fourth.status) == (Severity.NEGLIGIBLE, "")
    assert (report.entries, report.scanned_at.isoformat()) == (4, "2026-08-20T09:30:00+00:00")


def test_what_a_user_acknowledged_is_set_aside(read):
    (match,) = read("aqua/image.json").images[0].suppressed
    assert match.advisory == "CVE-2099-0003"


def test_packages_are_named_by_their_file_only_where_nothing_else_names_them(read):
    scan = read("aqua/image.json").images[0]
    assert scan.inventory
    assert [(one.type, one.namespace, one.name, one.version) for one in scan.packages] == [
        ("deb", "debian", "libssl3", "3.0.15-1"),
        ("deb", "debian", "bash", "5.2.15-2"),
        ("maven", "", "lib-core", "1.10"),
        ("maven", "", "org.example:other", "20.0.0"),
    ]
    first = scan.packages[0]
    assert (first.source_name, first.source_version, first.licenses, first.layer) == (
        "openssl",
        "3.0.15-1",
        ("Apache2",),
        "",
    )
    assert scan.packages[2].path == "/srv/app.war:WEB-INF/lib/lib-core-1.10.jar"


def test_policies_secrets_and_malware_are_checks(read):
    checks = read("aqua/image.json").images[0].checks
    assert [(check.kind, check.id, check.result, check.target) for check in checks] == [
        ("policy", "max_severity", Result.FAIL, ""),
        ("policy", "root_user", Result.PASS, ""),
        ("secret", "RSA private key", Result.FAIL, "/srv/key.pem"),
        ("policy", "malware found", Result.FAIL, "/srv/eicar"),
    ]


def test_a_list_of_packages_with_findings_only_is_no_inventory(read, sample):
    report = sample("aqua/image.json")
    del report["resources"][1]
    scan = read(report).images[0]
    assert (scan.inventory, scan.packages) == (False, ())


def test_a_local_images_layers_are_its_own(read, sample):
    (scan,) = read("aqua/webhook.json").images
    image = scan.image
    assert (image.config_digest, image.repo_digests, image.diff_ids) == (D3, (), (D6, D7))
    assert (image.references, image.architecture, scan.outcome) == (("host/tool:1",), "amd64", Outcome.ASSESSED)
    report = sample("aqua/webhook.json")
    report["resources"] = [{"resource": {"name": "a", "format": "npm", "layer_digest": D7}}]
    assert read(report).images[0].packages[0].layer == D7


@pytest.mark.parametrize(
    ("change", "outcome", "notes"),
    [
        ({"vulnerability_summary": {"total": 3}}, "unassessed", 1),
        ({"vulnerability_summary": {"total": "3"}}, "unassessed", 1),
        ({"vulnerability_summary": None}, "unassessed", 0),
        ({"os": ""}, "unassessed", 0),
        ({"partial_results": True}, "unassessed", 1),
        ({"resources": None}, "assessed", 0),
        ({"resources": [{"resource": {"name": "a"}, "scan_error": "unsupported"}]}, "unassessed", 0),
        ({"error": "no such image"}, "failed", 0),
    ],
)
def test_only_what_proves_a_whole_scan_is_assessed(read, sample, change, outcome, notes):
    report = read(sample("aqua/webhook.json") | change)
    assert (report.images[0].outcome, len(report.notes)) == (Outcome(outcome), notes)


def test_a_list_of_jobs_is_one_scan_each(read):
    report = read("aqua/jobs.json")
    first, second = report.images
    # A digest without its algorithm is Docker's image ID.
    assert (first.image.references, first.image.config_digest) == (("internal/api:1",), D5)
    assert (first.matches[0].package.type, first.matches[0].package.name) == ("npm", "@org/lib")
    assert (second.image.references, second.outcome, report.entries) == (("web:2",), Outcome.ASSESSED, 1)


@pytest.mark.parametrize(
    ("image", "registry", "name"),
    [
        ("alpine:3.8", "Docker Hub", "alpine:3.8"),
        ("api:1", "registry.example.com", "registry.example.com/api:1"),
        ("registry.example.com/api:1", "registry.example.com", "registry.example.com/api:1"),
        ("registry.example.com/api:1", "Internal", "registry.example.com/api:1"),
        ("api:1", "", "api:1"),
        ("api:1", "myRegistry", "myRegistry/api:1"),
    ],
)
def test_a_registrys_name_keeps_images_apart(read, sample, image, registry, name):
    report = read(sample("aqua/webhook.json") | {"image": image, "registry": registry})
    assert report.images[0].image.references == (name,)
