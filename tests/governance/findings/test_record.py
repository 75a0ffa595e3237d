"""A scan speaks only for its own key, and the order of arrival does not matter."""

from itertools import permutations

import pytest

from governance.findings.models import Advisory, Finding, FindingSet, Scan
from governance.images.models import Image
from tests.make import deliver, digest_of, make_report, make_vulnerability

pytestmark = pytest.mark.django_db
CONFIG = digest_of("config")


def scan(*names: str, day: int = 20, **envelope: str) -> None:
    found = [make_vulnerability(name) for name in names]
    deliver(make_report(config=CONFIG, vulnerabilities=found, at=f"2026-11-{day:02}T09:00:00Z"), **envelope)


def summary() -> tuple[object, ...]:
    image = Image.objects.get()
    current = sorted(Scan.objects.filter(is_current=True).values_list("stage", "scanned_at"))
    return image.state, image.high, image.rank, image.ci_at, image.registry_at, tuple(current)


ORDERS = list(permutations(range(5)))[::7]


def test_scans_of_one_image_in_all_orders_end_in_the_same_state() -> None:
    arrivals = [
        lambda: scan("CVE-2099-0001", "CVE-2099-0002", day=10),
        lambda: scan("CVE-2099-0001", day=12),
        lambda: scan(day=11),
        lambda: scan("CVE-2099-0003", day=9, stage="registry"),
        lambda: scan("CVE-2099-0003", "CVE-2099-0004", day=13, stage="registry"),
    ]
    ends = set()
    for order in ORDERS:
        Scan.objects.all().delete()
        Image.objects.all().delete()
        from_scratch()
        for number in order:
            arrivals[number]()
        ends.add(summary())
    assert len(ends) == 1
    assert ends.pop()[:2] == ("vulnerable", 3)


def from_scratch() -> None:
    """Deliveries are deduplicated by body: forget them."""
    from scanning.models import Delivery  # noqa: PLC0415

    Delivery.objects.all().delete()


def test_a_scan_closes_nothing_of_another_stage() -> None:
    scan("CVE-2099-0001", stage="registry")
    scan(day=21, stage="ci")
    assert Image.objects.get().high == 1


def test_an_older_scan_arriving_late_becomes_history() -> None:
    scan("CVE-2099-0001", day=20)
    scan(day=10)
    image = Image.objects.get()
    assert (image.state, image.high) == ("vulnerable", 1)
    assert Scan.objects.count() == 2


def test_a_rescan_that_found_the_same_writes_no_finding(django_assert_max_num_queries) -> None:
    scan("CVE-2099-0001", day=10)
    before = (Finding.objects.count(), FindingSet.objects.count())
    scan("CVE-2099-0001", day=11)
    assert (Finding.objects.count(), FindingSet.objects.count()) == before
    assert Image.objects.get().ci_at.day == 11


def test_a_failed_scan_does_not_close_findings() -> None:
    scan("CVE-2099-0001", day=10)
    report = make_report(config=CONFIG, at="2026-11-11T09:00:00Z")
    report["Results"], report["Metadata"]["OS"] = [], None
    deliver(report)
    assert Image.objects.get().high == 1


def test_clean_needs_a_proof_that_packages_were_looked_at() -> None:
    report = make_report(config=CONFIG)
    report["Results"], report["Metadata"]["OS"] = [], None
    deliver(report)
    assert Image.objects.get().state == "unknown"
    deliver(make_report(config=CONFIG, vulnerabilities=[], at="2026-11-22T09:00:00Z"))
    assert Image.objects.get().state in ("clean", "stale")


def test_an_end_of_life_system_is_never_clean() -> None:
    report = make_report(config=CONFIG, vulnerabilities=[], at="2026-11-22T09:00:00Z")
    report["Metadata"]["OS"]["EOSL"] = True
    deliver(report)
    assert Image.objects.get().state == "end_of_life"


def test_two_advisories_of_one_vulnerability_are_one_line() -> None:
    grype = {
        "matches": [
            {
                "vulnerability": {
                    "id": "GHSA-0000-0000-0001",
                    "severity": "Critical",
                    "fix": {"state": "fixed", "versions": ["2"]},
                },
                "relatedVulnerabilities": [{"id": "CVE-2099-0001"}],
                "artifact": {"name": "openssl", "version": "1.0", "type": "deb", "purl": "pkg:deb/debian/openssl@1.0"},
            }
        ],
        "source": {"type": "image", "target": {"userInput": "registry.example/shop/api:1.0", "imageID": CONFIG}},
        "descriptor": {"name": "grype", "version": "0.116.0", "timestamp": "2026-11-21T09:00:00Z"},
    }
    scan("CVE-2099-0001")
    deliver(grype)
    image = Image.objects.get()
    assert (image.critical, image.high, image.findings_total) == (0, 1, 1)


def test_worst_first_means_critical_before_any_number_of_high() -> None:
    critical = [make_vulnerability("CVE-2099-0001", Severity="CRITICAL")]
    deliver(make_report("registry.example/a:1", config=digest_of("a"), vulnerabilities=critical))
    many = [make_vulnerability(f"CVE-2099-1{number:03}") for number in range(300)]
    deliver(make_report("registry.example/b:1", config=digest_of("b"), vulnerabilities=many))
    low = [make_vulnerability("CVE-2099-0009", Severity="LOW")]
    deliver(make_report("registry.example/c:1", config=digest_of("c"), vulnerabilities=low))
    order = Image.objects.order_by("-rank").values_list("repository__name", flat=True)
    assert list(order) == ["a", "b", "c"]
    assert list(Image.objects.order_by("-rank").values_list("rank", flat=True)) == [1 << 48, 300 << 32, 1]


def test_a_known_finding_may_get_another_alias_later() -> None:
    def found(name: str, *aliases: str) -> dict[str, object]:
        related = [{"id": alias} for alias in aliases]
        artifact = {"name": "a", "version": "1", "type": "npm", "purl": "pkg:npm/a@1"}
        return {
            "vulnerability": {"id": name, "severity": "High"},
            "artifact": artifact,
            "relatedVulnerabilities": related,
        }

    def grype(*matches: dict[str, object]) -> dict[str, object]:
        source = {"type": "image", "target": {"userInput": "shop/api:1", "imageID": CONFIG}}
        return {"matches": matches, "source": source, "descriptor": {"name": "grype"}}

    deliver(grype(found("GHSA-0000-0000-0001")))
    report = deliver(grype(found("GHSA-0000-0000-0001", "CVE-2099-0001"), found("CVE-2099-0002")))
    assert (report.state, report.attempts) == ("done", 1)
    groups = dict(Advisory.objects.values_list("name", "vulnerability__name"))
    assert groups["GHSA-0000-0000-0001"] == groups["CVE-2099-0001"] == "CVE-2099-0001"
