from governance.findings.report import Outcome, Result, Severity

API = "registry.example.com/shop/api:1.4.2"


def test_an_image_and_the_applications_in_it_are_one_scan(read):
    report = read("snyk/container.json")
    (scan,) = report.images
    assert (scan.image.references, scan.image.distro, scan.image.distro_version) == ((API,), "debian", "12")
    assert (scan.image.os, scan.image.architecture, scan.image.variant) == ("linux", "arm64", "v8")
    assert [one.package.name for one in scan.matches] == ["libssl3", "libssl3", "left-pad"]
    assert (report.scanner, report.entries) == ("snyk", 3)


def test_it_reads_findings(read):
    first, _, third = read("snyk/container.json").images[0].matches
    assert (first.advisory, first.aliases) == ("SNYK-DEBIAN12-OPENSSL-1", ("CVE-2099-0001",))
    assert (first.package.type, first.package.namespace, first.package.source_name) == ("deb", "debian", "openssl")
    assert (first.severity, first.fixed_version, first.cvss) == (Severity.HIGH, "3.0.16-1", 7.5)
    assert first.url == "https://example.com/SNYK-DEBIAN12-OPENSSL-1"
    assert (third.severity, third.fixed_version) == (Severity.CRITICAL, "1.3.1, 2.0.0")
    assert (third.package.type, third.package.path) == ("npm", "/app/package.json")
    assert third.aliases == ("CVE-2099-0002", "GHSA-2099-aaaa-bbbb")


def test_licences_are_checks_and_what_the_policy_ignores_is_set_aside(read):
    report = read("snyk/container.json")
    (scan,) = report.images
    (licence,) = scan.checks
    assert (licence.kind, licence.result, licence.target) == ("licence", Result.FAIL, "left-pad@1.3.0")
    (ignored,) = scan.suppressed
    assert ignored.advisory == "SNYK-DEBIAN12-TAR-3"
    assert report.notes == (
        "only vulnerabilities of severity medium and above were asked for",
        "issues that Snyk's policy of docker-image|registry.example.com/shop/api sets aside: 1",
    )


def test_with_a_projects_name_the_path_does_not_name_the_image_and_the_dependency_paths_do(read, sample):
    report = sample("snyk/container.json")
    report["path"] += "/shop"
    report["applications"] = []
    assert read(report).images[0].image.references == (API,)
    report["vulnerabilities"][0]["from"][0] = f"docker-image|registry.example.com/shop/api@sha256:{'1' * 64}"
    image = read({**report, "vulnerabilities": report["vulnerabilities"][:1]}).images[0].image
    assert image.repo_digests == (f"registry.example.com/shop/api@sha256:{'1' * 64}",)


def test_projects_on_disk_name_no_image(read):
    report = read("snyk/projects.json")
    (scan,) = report.images
    assert (scan.image.references, scan.outcome, report.entries) == ((), Outcome.ASSESSED, 1)
    assert scan.matches[0].package.path == "web/package-lock.json"


def test_a_failed_test_is_a_failed_scan(read):
    (scan,) = read("snyk/failed.json").images
    assert (scan.outcome, scan.matches) == (Outcome.FAILED, ())
    assert scan.error.startswith("could not find image")


def test_a_list_of_images_is_one_scan_each(read, sample):
    one, other = sample("snyk/container.json"), sample("snyk/container.json")
    other |= {"path": "registry.example.com/shop/web:2", "vulnerabilities": [], "applications": []}
    names = [scan.image.references[0] for scan in read([one, other]).images]
    assert names == [API, "registry.example.com/shop/web:2"]
