"""What is said of a base holds in what is built on it, for what that has of it; in any order."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.findings.models import Remerge
from governance.findings.models_vex import VexStatement
from governance.findings.state import settle
from governance.findings.vex import revoke
from governance.findings.vex_apply import words_of
from governance.images.models import Image, SplitWork
from tests.governance.findings.test_orders import EXAMPLES
from tests.make import deliver, digest_of, make_report, make_statement, make_vex, make_vulnerability
from tests.state import everything, from_nothing

pytestmark = pytest.mark.django_db
NAMES = ("os", "runtime", "app")
A, B = "CVE-2099-0001", "CVE-2099-0002"


@pytest.fixture(autouse=True)
def trust(settings) -> None:
    settings.VEX_ISSUER_ORDER = ["Platform", "Shop"]
    settings.STALE_DAYS_AT = dict.fromkeys(("ci", "registry", "runtime"), 30_000)


@dataclass(frozen=True)
class Scan:
    """Trivy's report of one of three images, each built on the one before."""

    name: str
    found: tuple[str, ...]
    day: int = 1
    package: str = "openssl"

    def deliver(self) -> None:
        """Send and process it."""
        layers = [digest_of(f"layer {name}") for name in NAMES[: NAMES.index(self.name) + 1]]
        rows = [make_vulnerability(word, self.package) for word in self.found]
        reference, at = f"registry.example/{self.name}:1", f"2026-10-{self.day:02}T09:00:00Z"
        deliver(make_report(reference, config=digest_of(self.name), vulnerabilities=rows, at=at, DiffIDs=layers))
        drained()


@dataclass(frozen=True)
class Said:
    """A statement on one of them."""

    product: str
    status: str = "not_affected"
    issuer: str = "Platform"
    name: str = A
    day: int = 2

    def deliver(self) -> None:
        """Send and process it."""
        said = make_statement(self.status, digest_of(self.product), name=self.name)
        deliver(make_vex(said, author=self.issuer, at=f"2026-10-{self.day:02}T12:00:00Z"))
        drained()


def drained() -> None:
    """What the periodic task does until nothing is left."""
    settle()
    while Remerge.objects.exists() or SplitWork.objects.exists():
        settle()


def aside(name: str) -> tuple[int, int]:
    """(what counts, what is set aside) in the image."""
    image = Image.objects.get(config_digest=digest_of(name))
    return image.high, image.suppressed


@pytest.mark.parametrize("order", [(0, 1, 2, 3), (3, 2, 1, 0), (1, 3, 0, 2), (2, 0, 3, 1)], ids=str)
def test_it_reaches_what_is_built_on_it_at_any_depth_whatever_came_first(order: tuple[int, ...]) -> None:
    arrivals = (Scan("os", (A,)), Scan("runtime", (A, B)), Scan("app", (A, B)), Said("os"))
    for number in order:
        arrivals[number].deliver()
    assert [aside(name) for name in NAMES] == [(0, 1), (1, 1), (1, 1)]
    app = Image.objects.get(config_digest=digest_of("app"))
    assert app.split.findings_total == 0
    ((word,),) = words_of(app.pk, ids=app.finding_set.by_vex).values()
    assert (word.issuer, word.base) == ("Platform", Image.objects.get(config_digest=digest_of("os")).pk)
    revoke(None, VexStatement.objects.get(), "invented")
    drained()
    assert [aside(name) for name in NAMES] == [(1, 0), (2, 0), (2, 0)]


CASES: dict[str, tuple[list[Any], list[Any], tuple[int, int]]] = {
    "what the base has not is the image's own": ([Scan("os", (B,)), Scan("app", (A,))], [Said("os")], (1, 0)),
    "what comes from one in between is not the base's": (
        [Scan("os", (A,)), Scan("runtime", (B,)), Scan("app", (A,))],
        [Said("os")],
        (1, 0),
    ),
    "another package is not meant": ([Scan("os", (A,)), Scan("app", (A,), package="zlib")], [Said("os")], (1, 0)),
    "what is built on it says nothing of the base": ([Scan("os", (A,)), Scan("app", (A,))], [Said("app")], (0, 1)),
    "an unlisted issuer is not heard there": (
        [Scan("os", (A,)), Scan("app", (A,))],
        [Said("os", issuer="Somebody")],
        (1, 0),
    ),
    "a statement on the image itself comes first": (
        [Scan("os", (A,)), Scan("app", (A,))],
        [Said("os", day=9), Said("app", "affected", day=3)],
        (1, 0),
    ),
    "the more trusted issuer decides": (
        [Scan("os", (A,)), Scan("app", (A,))],
        [Said("os"), Said("app", "affected", issuer="Shop")],
        (0, 1),
    ),
    "a newer scan of the base takes it out": (
        [Scan("os", (A,)), Scan("app", (A,))],
        [Said("os"), Scan("os", (), day=9)],
        (1, 0),
    ),
    "a newer scan of the base brings it": (
        [Scan("os", ()), Scan("app", (A,))],
        [Said("os"), Scan("os", (A,), day=9)],
        (0, 1),
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_it_reaches_no_further_than_what_comes_from_the_base(case: str) -> None:
    scans, said, expected = CASES[case]
    for step in [*scans, *said]:
        step.deliver()
    assert aside("app") == expected


SCANS = st.lists(
    st.builds(
        Scan,
        name=st.sampled_from(NAMES),
        found=st.sampled_from([(A,), (A,), (A, B), ()]),
        day=st.integers(1, 28),
    ),
    min_size=3,
    max_size=6,
    unique_by=lambda one: one.day,
)
SAID = st.lists(
    st.builds(
        Said,
        product=st.sampled_from(["os", "os", "runtime", "app"]),
        status=st.sampled_from(["not_affected", "not_affected", "affected"]),
        issuer=st.sampled_from(["Platform", "Platform", "Shop", "Somebody"]),
        name=st.sampled_from([A, A, B]),
        day=st.integers(1, 28),
    ),
    min_size=1,
    max_size=3,
    unique_by=lambda one: one.day,
)


@EXAMPLES
@given(SCANS, SAID, st.data())
def test_any_order_ends_in_the_same_state(scans: Any, said: Any, data: Any) -> None:
    states = []
    for steps in ([*scans, *said], data.draw(st.permutations([*scans, *said]))):
        with from_nothing():
            for step in steps:
                step.deliver()
            states.append(everything())
    assert states[0] == states[1]
