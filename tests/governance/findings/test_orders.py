"""Any order, repetition and interleaving of a set of scans ends in the same state, on a real PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.findings.models import Scan
from scanning.deliveries import Envelope, accept
from tests.make import deliver, digest_of, make_body, make_grype, make_report, make_vulnerability
from tests.state import drain, empty, everything, everything_after, from_nothing, rows

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


@pytest.mark.django_db
@EXAMPLES
@given(SCANS, st.data())
def test_any_order_and_repetition_ends_in_the_same_state(scans: list[Told], data: Any) -> None:
    again = data.draw(st.lists(st.sampled_from(scans), max_size=3))
    assert everything_after(data.draw(st.permutations([*scans, *again]))) == everything_after(scans)


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


@pytest.mark.django_db(transaction=True)
@settings(EXAMPLES, max_examples=10)
@given(SCANS)
def test_scans_that_are_read_at_once_end_as_if_read_one_by_one(scans: list[Told]) -> None:
    expected = everything_after(scans)
    try:
        for told in scans:
            accept(make_body(told.document()), Envelope(stage=told.stage), ring=False)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda work: work(), [drain] * 4))
        assert everything() == expected
    finally:
        empty()
