from governance.findings.report import Outcome, Result, Severity

D1, D2 = f"sha256:{'1' * 64}", f"sha256:{'2' * 64}"


def test_an_issue_stands_at_each_package_of_its_paths(read):
    report = read("xray_summary/artifacts.json")
    api = report.images[0]
    assert (report.format, report.scanner, report.entries) == ("jfrog-xray-summary", "jfrog-xray", 3)
    found = [(match.advisory, match.package.type, match.package.name, match.package.version) for match in api.matches]
    assert found == [
        ("CVE-2099-0001", "apk", "busybox", "1.36.1-r29"),
        ("CVE-2099-0001", "apk", "ssl_client", "1.36.1-r29"),
        ("A jar inside", "maven", "core-io", "2.8.0"),
        ("CVE-2099-0003", "npm", "@shop/left", "2.29.3"),
    ]
    assert [(match.severity, match.cvss, match.fixed_version) for match in api.matches[1:]] == [
        (Severity.HIGH, 7.2, ""),
        (Severity.MEDIUM, 5.9, ""),
        (Severity.CRITICAL, 0, "2.29.4"),
    ]
    assert api.matches[2].package.path == "app/lib/core-io-2.8.0.jar"
    assert [(check.kind, check.id, check.result) for check in api.checks] == [("licence", "XRAY-4", Result.WARN)]


def test_images_are_known_by_the_digests_of_their_manifests(read):
    api, web = (scan.image for scan in read("xray_summary/artifacts.json").images)
    assert (api.references, api.manifest_digest, api.distro, api.distro_version) == (
        ("shop/api:1.4.2",),
        D2,
        "alpine",
        "3.20",
    )
    assert (web.references, web.manifest_digest, web.repo_digests) == (("shop/web:2",), "", (f"shop/web@{D1}",))


def test_what_xray_did_not_scan_is_said(read, sample):
    body = sample("xray_summary/artifacts.json")
    assert "not indexed" in read(body).notes[0]
    body["artifacts"][1]["issues"] = None
    assert [scan.outcome for scan in read(body).images] == [Outcome.ASSESSED, Outcome.UNASSESSED]


def test_an_artifact_that_is_no_image_has_no_name(read, sample):
    body = sample("xray_summary/artifacts.json")
    body["artifacts"][0]["general"]["pkg_type"] = "Npm"
    image = read(body).images[0].image
    assert (image.references, image.manifest_digest) == ((), "")


def test_an_issue_without_a_path_is_kept(read, sample):
    body = sample("xray_summary/artifacts.json")
    body["artifacts"][0]["issues"] = [{"issue_id": "XRAY-9", "severity": "Low", "impact_path": None}]
    assert [(match.advisory, match.package.name) for match in read(body).images[0].matches] == [("XRAY-9", "")]
