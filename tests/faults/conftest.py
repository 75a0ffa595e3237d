"""One instance for all fault tests: each test hurts it, repairs it, and leaves a ledger that balances."""

from __future__ import annotations

import sys
from collections.abc import Iterator

import pytest

from tests.faults.instance import PROGRAMS, Instance
from tests.faults.ledger import Ledger


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark everything here, and keep it together where tests run in parallel."""
    for item in items:
        if "tests/faults/" in item.path.as_posix():
            item.add_marker(pytest.mark.faults)
            item.add_marker(pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"))


@pytest.fixture(scope="package")
def instance() -> Iterator[Instance]:
    """A running Portwarden."""
    with Instance() as started:
        yield started


@pytest.fixture(scope="package")
def books(instance: Instance) -> Ledger:
    """What was sent to it since it was started."""
    return Ledger(instance)


@pytest.fixture
def ledger(books: Ledger) -> Iterator[Ledger]:
    """The ledger, which must balance after the test: all that is open becomes final, nothing lost, nothing doubled.

    Nothing may have died by itself. What a failed test left broken is mended first, for those that follow.
    """
    yield books
    logs = {name: books.instance.log(name, 12) for name in PROGRAMS}
    died = books.instance.mend()
    seconds = books.settle()
    books.check()
    assert not died, f"died by itself: {[(name, logs.get(name)) for name in died]}"
    sent = len(books.reports)
    print(f"\n{sent} reports sent so far, all final {seconds:.1f} s after the test, the ledger balances")
