"""Scans, VEX documents and revocations in any order end in the same state, on a real PostgreSQL."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from governance.findings.models_vex import VexRevocation, VexStatement, VexWork
from governance.findings.state import settle
from governance.findings.vex import revoke
from scanning.deliveries import Envelope, accept
from tests.governance.findings.test_orders import EXAMPLES, NAMES, SCANS, Told
from tests.make import deliver, digest_of, make_body, make_statement, make_vex
from tests.state import drain, empty, everything, from_nothing, rows

PRODUCTS = (
    *(f"pkg:oci/api@{digest_of(f'manifest {number}').replace(':', '%3A')}" for number in (1, 2)),
    *(digest_of(f"config {number}") for number in (1, 2)),
    *(f"registry.example/shop/api:{number}" for number in (1, 2)),
    "registry.example/shop/api",
    "pkg:deb/debian/openssl@1.0",
)


@dataclass(frozen=True)
class Document:
    """One document of one statement."""

    issuer: str
    name: str
    product: str
    status: str
    day: int
    component: str = "pkg:deb/debian/openssl@1.0"

    def document(self) -> dict[str, Any]:
        """As its issuer writes it."""
        component = "" if self.product.startswith("pkg:deb") else self.component
        said = make_statement(self.status, self.product, component, self.name)
        return make_vex(said, author=self.issuer, at=f"2026-10-{self.day:02}T12:00:00Z")

    def deliver(self) -> None:
        """Send and process it."""
        deliver(self.document())


@dataclass(frozen=True)
class Revoked:
    """What an issuer says on a product does not count."""

    issuer: str
    product: str

    def deliver(self) -> None:
        """Take back whatever is there to be taken back; what comes later the caller tries again."""
        for statement in VexStatement.objects.filter(issuer=self.issuer, products__contains=[self.product]):
            revoke(None, statement, "invented")
        settle()


# Two documents of one issuer and time differ in what they say: no two have the same day.
DOCUMENTS = st.lists(
    st.builds(
        Document,
        issuer=st.sampled_from(["Vendor", "Team", "Somebody"]),
        name=st.sampled_from(NAMES),
        product=st.sampled_from(PRODUCTS),
        status=st.sampled_from(["not_affected", "fixed", "affected", "under_investigation"]),
        day=st.integers(1, 28),
        component=st.sampled_from(["", "pkg:deb/debian/openssl", "pkg:deb/debian/openssl@1.0", "pkg:deb/debian/zlib"]),
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda one: one.day,
)
REVOKED = st.lists(
    st.builds(Revoked, issuer=st.sampled_from(["Vendor", "Team"]), product=st.sampled_from(PRODUCTS)), max_size=1
)


@pytest.fixture(autouse=True)
def trust(settings) -> None:
    settings.VEX_ISSUER_ORDER = ["Vendor", "Team"]


def play(steps: list[Told | Document | Revoked], revoked: list[Revoked]) -> None:
    """One after the other; what could not be taken back yet is at the end."""
    for step in [*steps, *revoked]:
        step.deliver()


@pytest.mark.django_db
@EXAMPLES
@given(SCANS, DOCUMENTS, REVOKED, st.data())
def test_any_order_and_repetition_ends_in_the_same_state(scans: Any, documents: Any, revoked: Any, data: Any) -> None:
    with from_nothing():
        play([*scans, *documents], revoked)
        expected = everything()
    with from_nothing():
        again = data.draw(st.lists(st.sampled_from([*scans, *documents]), max_size=3))
        play(data.draw(st.permutations([*scans, *documents, *revoked, *again])), revoked)
        assert everything() == expected


@pytest.mark.django_db
@EXAMPLES
@given(SCANS, DOCUMENTS)
def test_taking_everything_back_restores_the_counts(scans: Any, documents: Any) -> None:
    with from_nothing():
        play(scans, [])
        expected = everything()["images"]
    with from_nothing():
        play([*scans, *documents], [])
        for statement in VexStatement.objects.all():
            revoke(None, statement, "invented")
        settle()
        assert everything()["images"] == expected


@pytest.mark.django_db
@EXAMPLES
@given(SCANS, DOCUMENTS, st.data())
def test_identical_bytes_write_nothing(scans: Any, documents: Any, data: Any) -> None:
    with from_nothing():
        play([*scans, *documents], [])
        before = rows()
        for step in data.draw(st.permutations([*scans, *documents])):
            step.deliver()
        assert rows() == before


@pytest.mark.django_db(transaction=True)
@settings(EXAMPLES, max_examples=10)
@given(SCANS, DOCUMENTS)
def test_what_is_read_at_once_ends_as_if_read_one_by_one(scans: Any, documents: Any) -> None:
    with from_nothing():
        play([*scans, *documents], [])
        expected = everything()
    try:
        for step in [*scans, *documents]:
            accept(make_body(step.document()), Envelope(stage=getattr(step, "stage", "ci")), ring=False)
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(lambda work: work(), [drain] * 4))
        settle()
        assert everything() == expected
        # What was applied stays until no older transaction runs, be it one of another test's database.
        assert not VexWork.objects.filter(until=None).exists()
        assert not VexRevocation.objects.exists()
    finally:
        empty()
