import pytest

from governance.findings.report import Outcome, Severity
from scanning.parsers.gitlab import fix_of, is_target

IMAGE = "registry.example.com/shop/api:1.4.2"


def test_targets_inside_the_image_belong_to_it(read):
    report = read("gitlab/report.json")
    (scan,) = report.images
    assert (scan.image.references, scan.image.distro, scan.image.distro_version) == ((IMAGE,), "debian", "12.11")
    assert [match.package.path for match in scan.matches] == ["", "", "srv/app/composer.lock", ""]
    assert [match.package.type for match in scan.matches] == ["deb", "deb", "", ""]
    assert (report.scanner, report.scanner_version, report.entries) == ("trivy", "0.50.0", 4)


def test_it_reads_findings(read):
    first, second, third, _ = read("gitlab/report.json").images[0].matches
    assert (first.advisory, first.severity, first.aliases) == ("CVE-2099-0001", Severity.HIGH, ())
    assert (first.fixed_version, first.url) == ("3.0.16-1", "https://example.com/CVE-2099-0001")
    assert (second.advisory, second.aliases) == ("CVE-2099-0002", ("GHSA-0000-0000-0002",))
    assert (second.severity, second.fixed_version, second.url) == (Severity.UNKNOWN, "", "https://example.com/other")
    assert third.fixed_version == "2.0, 1.4"


def test_several_images_are_several_scans(read, sample):
    report = sample("gitlab/report.json")
    report["vulnerabilities"][1]["location"]["image"] = "registry.example.com/shop/web:2"
    scans = read(report).images
    assert [scan.image.references for scan in scans] == [(IMAGE,), ("registry.example.com/shop/web:2",), ()]
    assert [len(scan.matches) for scan in scans] == [1, 1, 2]


def test_an_old_report_without_scan_is_known_by_its_category(read):
    report = read("gitlab/old.json")
    (scan,) = report.images
    digest = f"registry.example.com/shop/api@sha256:{'2' * 64}"
    assert (scan.image.references, scan.image.repo_digests) == ((digest,), (digest,))
    assert (scan.image.distro, scan.image.distro_version) == ("debian", "12")
    assert (scan.matches[0].fixed_version, scan.matches[0].title) == ("3.0.16-1", "CVE-2099-0001 in openssl")
    assert report.scanner == "gitlab"


@pytest.mark.parametrize(
    ("status", "found", "outcome"),
    [("success", [], "assessed"), ("success", None, "unassessed"), ("failure", [], "failed"), (None, [], "assessed")],
)
def test_the_status_decides(read, sample, status, found, outcome):
    report = sample("gitlab/report.json") | {"vulnerabilities": found}
    report["scan"] |= {"status": status, "messages": [{"level": "fatal", "value": "the registry refused"}]}
    (scan,) = read(report).images
    assert (scan.outcome, scan.image.references) == (Outcome(outcome), ())
    assert scan.error == ("the registry refused" if outcome == "failed" else "")


def test_a_finding_without_identifiers_goes_by_what_is_left(read, sample):
    report = sample("gitlab/report.json")
    one = report["vulnerabilities"][0]
    one["identifiers"], one["location"] = None, None
    assert read(report).images[0].matches[0].advisory == one["id"]


@pytest.mark.parametrize("name", ["Java", ".NET", "app/lib/a.jar", "Gemfile.lock", "srv/package-lock.json"])
def test_targets_are_told_from_images(name):
    assert is_target(name)
    assert not is_target(f"registry.example.com/{name}:1")


def test_a_solution_in_other_words_is_no_version():
    assert fix_of("Upgrade a to 1.2") == "1.2"
    assert fix_of("Update to 1.2") == ""


def test_another_kind_of_scan_is_not_ours(read, sample):
    report = sample("gitlab/report.json")
    report["scan"]["type"] = "dependency_scanning"
    with pytest.raises(ValueError, match="not recognised"):
        read(report)


def test_docker_scout_goes_by_one_name(read, sample):
    report = sample("gitlab/report.json")
    report["scan"]["scanner"] = {"id": "docker_scout", "name": "Docker Scout", "version": "1.23.0"}
    assert (read(report).scanner, read(report).scanner_version) == ("docker-scout", "1.23.0")
