from governance.findings.report import Outcome, Result, Severity
from scanning.parsers import parse
from scanning.parsers.document import open_document

D2, D3, D6, D7 = (f"sha256:{digit * 64}" for digit in "2367")
REPOSITORY = "registry.example.com/shop/api"


def test_an_image_has_all_its_names_digests_and_layers(read):
    image = read("twistlock_api/images.json").images[0].image
    assert image.references == (f"{REPOSITORY}:1.4.2", f"{REPOSITORY}:latest")
    assert (image.config_digest, image.repo_digests) == (D3, (f"{REPOSITORY}@{D2}",))
    assert (image.diff_ids, image.history) == ((D6, D7), ("ADD file:1 in /", "COPY . /srv"))
    assert (image.distro, image.distro_version, image.architecture) == ("debian", "12", "arm64")
    assert image.created == "2026-08-01T00:00:00Z"


def test_the_identifier_is_the_cve_and_not_the_class(read):
    report = read("twistlock_api/images.json")
    (match,) = report.images[0].matches
    assert (match.advisory, match.severity, match.published[:10]) == ("CVE-2099-0001", Severity.HIGH, "2026-08-01")
    assert (match.package.type, match.package.name, match.package.licenses) == ("deb", "openssl", ("Apache-2.0",))
    assert (report.entries, report.scanner_version, report.scanned_at.hour) == (1, "34.04.141", 9)


def test_packages_stand_by_kind(read):
    scan = read("twistlock_api/images.json").images[0]
    assert scan.inventory
    assert [(one.type, one.name, one.path) for one in scan.packages] == [
        ("deb", "openssl", ""),
        ("maven", "org.example:lib", "/srv/lib-1.0.jar"),
    ]


def test_issues_and_secrets_are_checks(read):
    checks = read("twistlock_api/images.json").images[0].checks
    assert [(check.kind, check.id, check.result, check.target) for check in checks] == [
        ("misconfiguration", "41", Result.FAIL, ""),
        ("secret", "secret", Result.FAIL, "/srv/key.pem"),
    ]


def test_null_lists_are_clean_an_error_is_a_failure_and_hosts_are_left_out(read, sample):
    report = read("twistlock_api/images.json")
    assert [scan.outcome for scan in report.images] == [Outcome.ASSESSED, Outcome.ASSESSED, Outcome.FAILED]
    assert report.images[2].error == "failed to pull image"
    assert report.notes[0].endswith(": 1")
    compact = sample("twistlock_api/images.json")[1] | {"vulnerabilityDistribution": {"total": 7}}
    assert read(compact).images[0].outcome == Outcome.UNASSESSED


def test_a_scan_in_ci_lends_its_time(read, sample):
    report = read("twistlock_api/job.json")
    (scan,) = report.images
    assert (scan.image.references, scan.image.distro_version) == (("shop/api:ci-7",), "22.04.3")
    assert (scan.matches[0].status, report.scanner_version) == ("fix_deferred", "34.04.141")
    assert report.scanned_at.isoformat() == "2026-08-20T09:00:00+00:00"
    assert read([sample("twistlock_api/job.json")]).images == report.images


def test_null_is_an_empty_page_where_it_is_named():
    report = parse(open_document(b"null"), "twistlock-api")
    assert (report.format, report.images) == ("twistlock-api", ())
