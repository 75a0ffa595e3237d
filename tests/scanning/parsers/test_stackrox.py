import pytest

from governance.findings.report import Outcome, ReportError, Severity
from scanning.parsers import parse
from scanning.parsers.document import open_document

REPOSITORY = "registry.example.com/shop/api"
D1, D2 = (f"sha256:{digit * 64}" for digit in "12")


def test_the_id_is_a_digest_of_the_registry(read):
    report = read("stackrox/image.json")
    image = report.images[0].image
    assert (image.references, image.config_digest) == ((f"{REPOSITORY}:1.4.2",), "")
    assert image.repo_digests == (f"{REPOSITORY}@{D1}", f"{REPOSITORY}@{D2}")
    assert (image.distro, image.distro_version, image.created) == ("debian", "12", "2026-08-01T00:00:00Z")
    assert (report.scanner, report.scanner_version, report.scanned_at.hour) == ("stackrox", "4.7", 9)


def test_it_reads_findings_and_sets_aside_what_users_deferred(read):
    report = read("stackrox/image.json")
    (scan,) = report.images
    first, second = scan.matches
    assert (first.advisory, first.severity, first.aliases) == ("CVE-2099-0001", Severity.HIGH, ("DSA-9999-1",))
    assert (first.fixed_version, first.cvss, first.package.type) == ("3.0.16-1", 7.5, "deb")
    assert (second.severity, second.fixed_version) == (Severity.UNKNOWN, "")
    assert [match.advisory for match in scan.suppressed] == ["CVE-2099-0002"]
    assert (report.entries, len(report.notes)) == (2, 2)


def test_components_are_the_whole_inventory(read):
    scan = read("stackrox/image.json").images[0]
    assert scan.inventory
    assert [(one.type, one.namespace, one.path) for one in scan.packages] == [
        ("deb", "debian", ""),
        ("npm", "", "srv/app/package.json"),
    ]


@pytest.mark.parametrize(
    ("notes", "outcome"), [([], "assessed"), (None, "assessed"), (["OS_UNAVAILABLE"], "unsupported")]
)
def test_an_empty_scan_is_clean_unless_the_scanner_was_blind(read, sample, notes, outcome):
    report = sample("stackrox/image.json")
    report["scan"] |= {"notes": notes, "components": []}
    assert read(report).images[0].outcome == Outcome(outcome)


def test_an_image_without_scan_is_not_assessed(read, sample):
    report = sample("stackrox/image.json") | {"scan": None, "notes": ["MISSING_SCAN_DATA"]}
    scan = read(report).images[0]
    assert (scan.outcome, scan.inventory, scan.image.references) == (
        Outcome.UNASSESSED,
        False,
        (f"{REPOSITORY}:1.4.2",),
    )


@pytest.mark.parametrize("name", ["scan.json", "scan.csv"])
def test_what_roxctl_prints_is_the_same_in_both_forms(read, name):
    first, second = read(f"stackrox/{name}").images[0].matches
    assert (first.advisory, first.severity, first.cvss) == ("CVE-2099-0001", Severity.HIGH, 7.5)
    assert (first.aliases, first.fixed_version) == (("RHSA-2099:0001",), "3.0.16-1")
    assert (second.severity, second.fixed_version, second.aliases, second.url) == (Severity.MEDIUM, "", (), "")


def test_the_old_table_is_read(read):
    (match,) = read("stackrox/old.csv").images[0].matches
    assert (match.severity, match.description) == (Severity.HIGH, "Invented, twice")


def test_a_result_without_findings_is_clean(read):
    summary = {"CRITICAL": 0, "TOTAL-COMPONENTS": 0}
    assert read({"result": {"summary": summary}}).images[0].outcome == Outcome.ASSESSED


@pytest.mark.parametrize("body", [b"hello", b"a,b\n1,2\n", b'{"result": null}'])
def test_what_is_no_scan_is_refused_where_the_format_is_forced(body):
    with pytest.raises(ReportError):
        parse(open_document(body), "stackrox")
