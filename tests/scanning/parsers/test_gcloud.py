from datetime import UTC, datetime

import pytest

from governance.findings.report import Outcome, Severity

D2, D8 = f"sha256:{'2' * 64}", f"sha256:{'8' * 64}"
NAME = "europe-west1-docker.pkg.dev/shop/images"


def test_the_description_of_an_image_is_read(read):
    report = read("gcloud/describe.json")
    (scan,) = report.images
    assert (report.format, report.scanner, report.entries) == (
        "google-artifact-analysis",
        "google-artifact-analysis",
        3,
    )
    assert report.scanned_at == datetime(2026, 8, 20, 9, 30, tzinfo=UTC)
    assert (scan.image.references, scan.image.repo_digests) == ((), (f"{NAME}/api@{D2}",))
    assert (scan.image.distro, scan.image.distro_version, scan.outcome) == ("ubuntu", "22.04", Outcome.ASSESSED)
    assert [
        (match.advisory, match.package.type, match.package.name, match.package.version, match.fixed_version)
        for match in scan.matches
    ] == [
        ("CVE-2099-0001", "deb", "openssl", "3.0.2-0ubuntu1", "3.0.2-0ubuntu2"),
        ("CVE-2099-0001", "deb", "libssl3", "3.0.2-0ubuntu1", ""),
        ("CVE-2099-0002", "golang", "stdlib", "1.22.1", "1.22.2"),
    ]
    assert [(match.severity, match.cvss) for match in scan.matches] == [
        (Severity.HIGH, 7.5),
        (Severity.HIGH, 7.5),
        (Severity.NEGLIGIBLE, 7.5),
    ]
    assert scan.matches[2].package.path == "/usr/bin/api"


def test_what_a_vex_document_takes_back_is_set_aside(read):
    (match,) = read("gcloud/describe.json").images[0].suppressed
    assert (match.advisory, match.package.version, match.severity, match.status) == (
        "CVE-2099-0003",
        "1:1.2-3",
        Severity.LOW,
        "affected",
    )


@pytest.mark.parametrize(
    ("status", "outcome"),
    [
        ("FINISHED_FAILED", Outcome.FAILED),
        ("FINISHED_UNSUPPORTED", Outcome.UNSUPPORTED),
        ("SCANNING", Outcome.UNASSESSED),
    ],
)
def test_only_a_scan_that_ended_well_proves_anything(read, sample, status, outcome):
    body = sample("gcloud/describe.json")
    body["discovery_summary"]["discovery"][0]["discovery"]["analysisStatus"] = status
    assert read(body).images[0].outcome == outcome


def test_a_description_without_vulnerabilities_is_none_of_a_scan(read, sample):
    body = sample("gcloud/describe.json")
    body["package_vulnerability_summary"]["vulnerabilities"] = {}
    assert read(body).images[0].outcome == Outcome.ASSESSED
    del body["package_vulnerability_summary"]
    report = read(body)
    assert (report.images[0].outcome, "--show-package-vulnerability" in report.notes[0]) == (Outcome.UNASSESSED, True)


def test_a_digest_without_a_name_is_enough(read, sample):
    image = read(sample("gcloud/describe.json") | {"image_summary": {"digest": D2}}).images[0].image
    assert (image.manifest_digest, image.repo_digests) == (D2, ())


def test_occurrences_are_grouped_by_image(read, sample):
    report = read("gcloud/occurrences.json")
    api, web = report.images
    assert report.entries == 3
    assert (api.image.repo_digests, len(api.matches), api.outcome) == ((f"{NAME}/api@{D2}",), 3, Outcome.ASSESSED)
    assert (web.image.repo_digests, web.outcome, web.error) == (
        (f"{NAME}/web@{D8}",),
        Outcome.FAILED,
        "no such manifest",
    )
    assert read(sample("gcloud/occurrences.json")["occurrences"]) == report


def test_a_page_of_occurrences_proves_nothing(read, sample):
    report = read(sample("gcloud/occurrences.json") | {"nextPageToken": "more"})
    assert [scan.outcome for scan in report.images] == [Outcome.UNASSESSED, Outcome.FAILED]


def test_a_tag_names_the_image_where_no_digest_does(read, sample):
    one = sample("gcloud/occurrences.json")["occurrences"][0]
    names = [read([one | {"resourceUri": uri}]).images[0].image.references for uri in ("shop/api:1", "shop/api", None)]
    assert names == [("shop/api:1",), (), ()]
