"""Any order, repetition and interleaving of a set of scans ends in the same state, on a real PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest
from django.db import connection, connections, transaction
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.findings.models import Advisory, Finding, FindingSet, Package, PackageSet, Scan
from governance.images.models import Image, Manifest, Placement, Tag
from scanning.deliveries import Envelope, accept, claim
from scanning.ingest import process
from scanning.models import Delivery
from tests.make import deliver, digest_of, make_body, make_grype, make_report, make_vulnerability

EXAMPLES = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)
NAMES = ("CVE-2099-0001", "CVE-2099-0002", "GHSA-0000-0000-0001")


@dataclass(frozen=True)
class Told:
    """One scan: which of two images, how it names it, what it found."""

    image: int
    facts: frozenset[str]
    scanner: str
    stage: str
    day: int
    found: frozenset[tuple[str, str, str]]  # advisory, severity, fix
    alias: str = ""
    failed: bool = False

    def deliver(self) -> None:
        """Send and process it."""
        deliver(self.document(), stage=self.stage)

    def document(self) -> dict[str, Any]:
        """As its scanner writes it."""
        name = f"registry.example/shop/api:{self.image}" if "tag" in self.facts else ""
        config = digest_of(f"config {self.image}") if "config" in self.facts else None
        digests = [f"registry.example/shop/api@{digest_of(f'manifest {self.image}')}"] if "digest" in self.facts else []
        return self.trivy(name, config, digests) if self.scanner == "trivy" else self.grype(name, config, digests)

    def trivy(self, name: str, config: str | None, digests: list[str]) -> dict[str, Any]:
        """Schema 2; one that failed names neither a system nor a result."""
        rows = [
            make_vulnerability(advisory, Severity=word, FixedVersion=fix) for advisory, word, fix in sorted(self.found)
        ]
        report = make_report(name, config, rows, at=f"2026-10-{self.day:02}T09:00:00Z", RepoDigests=digests)
        if self.failed:
            report["Results"], report["Metadata"]["OS"] = [], None
        return report

    def grype(self, name: str, config: str | None, digests: list[str]) -> dict[str, Any]:
        """Schema of 0.116."""
        report = make_grype("CVE-2099-0001")
        rows = [
            make_grype(advisory, severity=word.capitalize(), fix=fix, aliases=[self.alias] if self.alias else [])[
                "matches"
            ][0]
            for advisory, word, fix in sorted(self.found)
        ]
        target = {"userInput": name, "imageID": config or "", "repoDigests": digests}
        report["source"]["target"] = target
        report["descriptor"]["timestamp"] = f"2026-10-{self.day:02}T09:00:00Z"
        return report | {"matches": rows}


FOUND = st.frozensets(
    st.tuples(st.sampled_from(NAMES), st.sampled_from(["HIGH", "LOW", "CRITICAL"]), st.sampled_from(["", "2.0"])),
    max_size=3,
)
KNOWN = st.sampled_from(
    [frozenset(words.split()) for words in ("config", "digest", "config digest", "config digest tag")]
)
TOLD = st.builds(
    Told,
    image=st.integers(1, 2),
    facts=KNOWN,
    scanner=st.sampled_from(["trivy", "grype"]),
    stage=st.sampled_from(["ci", "registry"]),
    day=st.integers(1, 28),
    found=FOUND,
    alias=st.sampled_from(["", "", *NAMES[:2]]),
    failed=st.booleans(),
)
# Two scans of one key at one time differ in nothing but their arrival, and the later wins: no two have the same day.
SCANS = st.lists(TOLD, min_size=2, max_size=6, unique_by=lambda told: told.day)


@contextmanager
def from_nothing() -> Iterator[None]:
    """All that is written inside is forgotten afterwards."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)


def names_of(image: Image) -> str:
    """What identifies an image in every run."""
    digests = sorted(row.digest for row in image.manifests.all())
    return f"{image.config_digest} {' '.join(digests)} {image.placeholder}"


def keys(ids: list[int]) -> list[str]:
    """Findings in words."""
    rows = Finding.objects.filter(pk__in=ids).values_list(
        "advisory__name", "package__name", "package__source_name", "severity", "fixed_version"
    )
    return sorted(map(str, rows))


def state_of(image: Image) -> dict[str, Any]:
    """All that pages and mails say of an image."""
    columns = (
        "state",
        "critical",
        "high",
        "medium",
        "low",
        "unknown",
        "fixable",
        "suppressed",
        "rank",
        "failed_stages",
    )
    found = image.finding_set
    scans = Scan.objects.filter(image=image).select_related("finding_set", "package_set")
    return {
        **{name: getattr(image, name) for name in columns},
        "seen": (image.ci_at, image.registry_at, image.runtime_at),
        "findings": keys(found.findings) if found else None,
        "disputes": {name: keys(ids) for name, ids in (found.disputes or {}).items()} if found else None,
        "packages": image.package_set and bytes(image.package_set.hash),
        "scans": sorted(
            (
                scan.scanner,
                scan.stage,
                str(scan.scanned_at),
                scan.outcome,
                scan.is_current,
                bytes(scan.finding_set.hash),
            )
            for scan in scans
        ),
        "tags": sorted(
            (str(tag.repository), tag.name, str(tag.since), str(tag.until)) for tag in Tag.objects.filter(image=image)
        ),
        "places": sorted(str(place.repository) for place in image.placements.all()),
    }


def everything() -> dict[str, Any]:
    """The whole state, in words that do not depend on the order of rows."""
    images = {names_of(image): state_of(image) for image in Image.objects.present()}
    groups = sorted(Advisory.objects.values_list("name", "vulnerability__name", "vulnerability__severity"))
    return {"images": images, "groups": groups}


@pytest.mark.django_db
@EXAMPLES
@given(SCANS, st.data())
def test_any_order_and_repetition_ends_in_the_same_state(scans: list[Told], data: Any) -> None:
    with from_nothing():
        for told in scans:
            told.deliver()
        expected = everything()
    with from_nothing():
        again = data.draw(st.lists(st.sampled_from(scans), max_size=3))
        for told in data.draw(st.permutations([*scans, *again])):
            told.deliver()
        assert everything() == expected


@pytest.mark.django_db
@EXAMPLES
@given(SCANS, TOLD)
def test_a_scan_changes_no_other_key(scans: list[Told], last: Told) -> None:
    last = Told(1, frozenset(["config"]), last.scanner, last.stage, 29, last.found)
    with from_nothing():
        for told in scans:
            Told(told.image, frozenset(["config"]), told.scanner, told.stage, told.day, told.found).deliver()
        before = others(last)
        last.deliver()
        assert others(last) == before


def others(last: Told) -> list[tuple[Any, ...]]:
    """The current scans of all other keys."""
    current = Scan.objects.filter(is_current=True).exclude(
        image__config_digest=digest_of(f"config {last.image}"), scanner=last.scanner, stage=last.stage
    )
    return sorted(current.values_list("pk", "image", "scanner", "stage", "scanned_at", "finding_set"))


TABLES = (Image, Manifest, Placement, Tag, Scan, Finding, FindingSet, Package, PackageSet, Advisory, Delivery)


@pytest.mark.django_db
@EXAMPLES
@given(SCANS, st.data())
def test_identical_bytes_write_nothing(scans: list[Told], data: Any) -> None:
    with from_nothing():
        for told in scans:
            told.deliver()
        before = rows()
        for told in data.draw(st.permutations(scans)):
            told.deliver()
        assert rows() == before


def rows() -> dict[str, list[Any]]:
    """Every row of every table with the place it lies in: even a write of the same would move it."""
    found = {}
    with connection.cursor() as cursor:
        for model in TABLES:
            cursor.execute(f"SELECT ctid::text, id FROM {model._meta.db_table} ORDER BY id")  # noqa: S608
            found[model.__name__] = cursor.fetchall()
    return found


@pytest.mark.django_db(transaction=True)
@settings(EXAMPLES, max_examples=10)
@given(SCANS)
def test_scans_that_are_read_at_once_end_as_if_read_one_by_one(scans: list[Told]) -> None:
    with from_nothing():
        for told in scans:
            told.deliver()
        expected = everything()
    try:
        for told in scans:
            accept(make_body(told.document()), Envelope(stage=told.stage), ring=False)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda work: work(), [drain] * 4))
        assert everything() == expected
    finally:
        empty()


def drain() -> None:
    """What a worker does until nothing is due."""
    try:
        while True:
            held = claim()
            if held is not None:
                process(held)
            elif not Delivery.objects.filter(state__in=["received", "processing"]).exists():
                return
    finally:
        connections.close_all()


def empty() -> None:
    """Forget what was committed."""
    with connection.cursor() as cursor:
        tables = [name for name in connection.introspection.table_names() if name.startswith(("images_", "findings_"))]
        cursor.execute(f"TRUNCATE {', '.join([*tables, 'scanning_delivery'])} CASCADE")
