import pytest

from governance.findings.report import Outcome, Severity
from scanning.parsers import parse
from scanning.parsers.document import open_document

D2 = f"sha256:{'2' * 64}"


def test_the_digest_is_that_of_the_platforms_manifest(read):
    image = read("anchore/engine.json").images[0].image
    assert (image.manifest_digest, image.config_digest, image.repo_digests) == (D2, "", ())
    assert image.references == ("registry.example.com/shop/api:1.4.2",)
    assert (image.distro, image.distro_version) == ("debian", "12")


def test_it_reads_findings_and_none_is_no_text(read):
    report = read("anchore/engine.json")
    first, second, third = report.images[0].matches
    assert (first.advisory, first.severity, first.fixed_version) == ("CVE-2099-0001", Severity.HIGH, "3.0.16-1")
    assert (first.status, first.cvss, first.description, first.package.path) == ("fixed", 7.5, "Invented.", "")
    assert (first.package.type, first.package.namespace, first.package.version) == ("deb", "debian", "3.0.15-1")
    assert (second.severity, second.fixed_version, second.status) == (Severity.NEGLIGIBLE, "", "will_not_fix")
    assert (second.package.path, second.url) == ("", "")
    assert (third.aliases, third.cvss, third.package.type) == (("CVE-2099-0003",), 9.1, "maven")
    assert (third.package.path, report.entries, report.scanner) == ("/srv/app/lib-1.0.jar", 3, "anchore")


@pytest.mark.parametrize("kind", ["os", "non-os"])
def test_half_a_scan_is_said_to_be_one(read, sample, kind):
    assert f"kind {kind}" in read(sample("anchore/engine.json") | {"vulnerability_type": kind}).notes[0]
    assert read("anchore/engine.json").notes == ()


def test_anchorectl_writes_other_names_and_no_image(read):
    report = read("anchore/anchorectl.json")
    first, second = report.images[0].matches
    assert (first.package.name, first.package.type, first.package.namespace) == ("libssl3", "apk", "alpine")
    assert (first.fixed_version, first.cvss, first.package.path) == ("3.0.16-r0", 7.5, "/lib/apk/db/installed")
    assert (second.package.name, second.package.version) == ("lib-core", "1.0")
    assert (second.severity, second.status) == (Severity.UNKNOWN, "will_not_fix")
    image = report.images[0].image
    assert (image.references, image.manifest_digest, image.distro) == ((), "", "alpine")


def test_the_consoles_export_glues_name_and_version(read):
    report = read("anchore/export.json")
    first, second = report.images[0].matches
    assert (first.package.name, first.package.version, first.package.type) == ("lib-core", "9.0.97", "maven")
    assert first.aliases == ("CVE-2099-0001", "CVE-2099-0002")
    assert (first.fixed_version, first.cvss) == ("9.0.98,10.1.34", 9.8)
    assert (second.package.name, second.package.version, second.package.type) == ("stdlib", "go1.22.2", "golang")
    assert (second.fixed_version, second.cvss, second.aliases) == ("", 0.0, ())
    image = report.images[0].image
    assert (image.references, image.manifest_digest) == (("registry.example.com/shop/api:1.4.2",), D2)
    assert report.scanned_at.isoformat()[:16] == "2026-08-20T09:00"


def test_an_empty_list_is_clean_only_where_it_is_asked_for_as_anchores(read):
    named = parse(open_document(b"[]"), "anchore").images[0]
    assert (named.outcome, named.matches) == (Outcome.ASSESSED, ())
    report = read(b"[]")
    assert (report.format, report.images[0].outcome) == ("empty", Outcome.UNASSESSED)


def test_an_empty_answer_is_clean_and_a_missing_list_is_no_result(read, sample):
    answer = sample("anchore/engine.json")
    assert read(answer | {"vulnerabilities": None}).images[0].outcome == Outcome.ASSESSED
    del answer["vulnerabilities"]
    assert parse(open_document(b'{"imageDigest": "x"}'), "anchore").images[0].outcome == Outcome.UNASSESSED
