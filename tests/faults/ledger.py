"""The one ledger: acknowledged ⊆ stored ⊆ finished or quarantined, nothing doubled, nothing half done."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from tests.faults.instance import Instance, wait_until
from tests.faults.load import Load, Report

FINAL_SECONDS = 30.0
OPEN = "SELECT count(*) FROM scanning_delivery WHERE state IN ('received', 'processing')"
LATE = """
SELECT image_id FROM findings_scan GROUP BY image_id, scanner, stage
HAVING max(scanned_at) IS DISTINCT FROM max(scanned_at) FILTER (WHERE is_current)
"""


class Ledger:
    """What was sent to an instance since it was started, and what must have become of it."""

    def __init__(self, instance: Instance) -> None:
        self.instance = instance
        self.reports: list[Report] = []
        self.quarantined: set[int] = set()

    @contextmanager
    def load(self, threads: int = 4) -> Iterator[Load]:
        """Send while the block runs; every answer must be one that a sender can work with."""
        load = Load(self.instance, threads)
        try:
            with load:
                yield load
        finally:
            self.reports += load.reports
        assert not load.wrong, f"{len(load.wrong)} wrong answers: {load.wrong[:5]}\n{self.instance.log('web')}"

    def open_count(self) -> int:
        """Deliveries that wait or are being worked on."""
        return int(self.instance.rows(OPEN)[0][0])

    def settle(self) -> float:
        """Wait until nothing is open; returns how long that took."""
        try:
            return wait_until(lambda: self.open_count() == 0, "all deliveries are final", FINAL_SECONDS)
        except AssertionError as error:
            state = self.instance.rows("SELECT state, attempts, count(*) FROM scanning_delivery GROUP BY 1, 2")
            raise AssertionError(f"{error}; {state}\n{self.instance.log('worker')}") from error

    def check(self) -> None:
        """Compare what was sent with what is there."""
        stored = self._deliveries()
        done = {pk for pk, state in stored.items() if state == "done"}
        scans = Counter(pk for (pk,) in self.instance.rows("SELECT delivery FROM findings_scan"))
        assert {pk for pk, count in scans.items() if count > 1} == set(), "scans were doubled"
        assert set(scans) == done, "scans and finished deliveries differ"
        self._images(done)
        assert self.instance.rows(LATE) == [], "an image's current scan is not its last one"

    def _deliveries(self) -> dict[int, str]:
        rows = self.instance.rows("SELECT id, encode(body_sha256, 'hex'), state, error FROM scanning_delivery")
        by_body = Counter(body for _, body, _, _ in rows)
        assert [body for body, count in by_body.items() if count > 1] == [], "deliveries were doubled"
        ids = {body: pk for pk, body, _, _ in rows}
        lost = [report for report in self.reports if report.id is not None and ids.get(report.sha256) != report.id]
        assert not lost, f"{len(lost)} acknowledged reports are lost or have another id: {lost[:3]}"
        assert set(by_body) <= {report.sha256 for report in self.reports}, "something is stored that nobody sent"
        assert {state for _, _, state, _ in rows} <= {"done", "quarantined"}
        aside = {pk: error for pk, _, state, error in rows if state == "quarantined"}
        assert set(aside) == self.quarantined, f"quarantined without a cause: {aside}"
        bodies = self.instance.rows("SELECT count(*) FROM scanning_deliverybody")[0][0]
        assert bodies == len(rows), "a delivery has no body"
        return {pk: state for pk, _, state, _ in rows}

    def _images(self, done: set[int]) -> None:
        wanted = {report.name for report in self.reports if report.id in done}
        found = self.instance.rows("SELECT count(*), count(DISTINCT config_digest) FROM images_image")[0]
        assert found == (len(wanted), len(wanted)), f"{len(wanted)} images were reported, {found} are there"
