"""Merging identities commutes: in whatever order partial facts arrive, the same images, names and scans come of it."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import msgspec
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

import scanning.parsers
from governance.findings.report import ImageFacts, ImageScan, Match, PackageAt, ScanReport, Severity
from scanning.deliveries import Envelope, accept
from scanning.models import Delivery
from scanning.parsers.document import Document, decode
from tests.make import deliver, digest_of, make_body
from tests.state import drain, empty, everything, everything_after

EXAMPLES = settings(
    max_examples=60,
    deadline=None,
    # Each example is a dozen reports on a real database: shrinking one that fails would take minutes.
    phases=[Phase.explicit, Phase.generate],
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.function_scoped_fixture],
)


class Plain:
    """A parser of reports that are written in our own shape, so that a test may say any facts."""

    NAME = "plain"
    decoder = msgspec.json.Decoder(ScanReport)

    def recognises(self, document: Document) -> bool:
        """Take everything."""
        return True

    def parse(self, document: Document) -> ScanReport:
        """As it stands."""
        return decode(self.decoder, document.body)


@pytest.fixture(autouse=True)
def _plain_parser(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning.parsers, "PARSERS", (Plain(),))


@dataclass(frozen=True)
class Told:
    """One scan: which image, which of its names it knows, and when. Images 1 and 2 are two platforms of one index."""

    image: int
    facts: frozenset[str]
    tag: str
    day: int
    stage: str = "ci"
    system: tuple[str, str] = ("debian", "12.11")
    is_over: bool | None = None

    def report(self) -> ScanReport:
        """All that it says is true of the image; of its findings every image has its own."""
        repository = f"registry.example/{'mirror' if 'elsewhere' in self.facts else 'shop'}/api"
        index = "index of two" if self.image < 3 else f"index of {self.image}"
        said = {"index": digest_of(index), "other": digest_of(f"other {self.image}")}
        image = ImageFacts(
            references=(f"{repository}:{self.tag}",) if self.knows("tag") or not self.facts & DIGESTS else (),
            config_digest=self.config,
            manifest_digest=digest_of(f"manifest {self.image}") if self.knows("manifest") else "",
            repo_digests=tuple(f"{repository}@{digest}" for kind, digest in said.items() if self.knows(kind)),
            os="linux" if self.knows("platform") else "",
            architecture=("amd64", "arm64", "amd64")[self.image - 1] if self.knows("platform") else "",
            distro=self.system[0],
            distro_version=self.system[1],
            end_of_life=self.is_over,
        )
        match = Match(f"CVE-2099-{self.image:04}", PackageAt("openssl", "1.0"), Severity.HIGH)
        at = datetime(2026, 10, self.day, 9, tzinfo=UTC)
        return ScanReport("plain", "plain", (ImageScan(image, matches=(match,)),), scanned_at=at)

    def knows(self, fact: str) -> bool:
        """Whether the report names the image by this."""
        return fact in self.facts

    @property
    def config(self) -> str:
        """The image ID: the config digest, or what a containerd store takes for it."""
        if self.knows("misread"):
            return digest_of(f"manifest {self.image}")
        return digest_of(f"config {self.image}") if self.knows("config") else ""

    @property
    def body(self) -> bytes:
        """As it is sent."""
        return msgspec.json.encode(self.report())

    def deliver(self) -> None:
        """Send and process it."""
        row = deliver(self.body, stage=self.stage)
        assert row.state == Delivery.State.DONE, row.error


DIGESTS = frozenset({"config", "manifest", "index", "other", "misread"})
SYSTEMS = [("", ""), ("debian", ""), ("debian", "12"), ("debian", "12.11"), ("debian", "12 (x)"), ("sles", "15")]
KINDS = ("config", "manifest", "index", "other", "tag", "platform", "elsewhere", "misread")
TOLD = st.builds(
    Told,
    image=st.integers(1, 3),
    facts=st.frozensets(st.sampled_from(KINDS), max_size=4),
    tag=st.sampled_from(["1.0", "latest"]),
    day=st.integers(1, 28),
    stage=st.sampled_from(["ci", "registry"]),
    system=st.sampled_from(SYSTEMS),
    is_over=st.sampled_from([None, False, True]),
)
# Two scans at one time differ in nothing but their arrival, and the later wins: no two have the same day.
SCANS = st.lists(TOLD, min_size=2, max_size=7, unique_by=lambda told: told.day)


@pytest.mark.django_db
@EXAMPLES
@given(SCANS, st.data())
def test_in_any_order_partial_facts_end_on_the_same_images(scans: list[Told], data: Any) -> None:
    again = data.draw(st.lists(st.sampled_from(scans), max_size=2))
    assert everything_after(data.draw(st.permutations([*scans, *again]))) == everything_after(scans)


@pytest.mark.django_db(transaction=True)
@settings(EXAMPLES, max_examples=15)
@given(SCANS)
def test_partial_facts_that_arrive_at_once_end_as_if_one_by_one(scans: list[Told]) -> None:
    expected = everything_after(scans)
    try:
        for told in scans:
            accept(make_body(told.body), Envelope(stage=told.stage), ring=False)
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda work: work(), [drain] * 2))
        assert everything() == expected
        assert set(Delivery.objects.values_list("state", flat=True)) == {Delivery.State.DONE}
    finally:
        empty()
