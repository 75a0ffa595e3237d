"""The one road: read, record, judge."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from functools import partial

from django.db import Error, InterfaceError, OperationalError, connection, transaction

from governance.findings.osv.rematch import match_images
from governance.findings.record import Arrival, reasons_of, record_report
from governance.findings.report import ReportError, ScanReport
from governance.findings.sources import DEMO
from governance.findings.state import settle
from governance.findings.vex import record_statements
from governance.images.clean import clean_scan_time, clean_text
from governance.images.names import NotYours, covers
from governance.images.reference import parse_reference
from governance.runtime.benchmarks import reasons_of_benchmarks, record_benchmarks
from governance.runtime.counts import settle_running
from scanning.agents import AGENT, tell
from scanning.deliveries import (
    ATTEMPTS,
    EVENT,
    Claim,
    Figures,
    LostLease,
    claim,
    finish,
    give_back,
    quarantine,
    read_body,
    renew,
)
from scanning.failpoints import reach
from scanning.hearsay import hear
from scanning.heartbeat import beating
from scanning.parsers import parse
from scanning.parsers.document import open_document
from scanning.summary import figures_of

LOG = logging.getLogger(__name__)
# SQLSTATEs (PostgreSQL, appendix A) that say nothing about the report: the connection was lost or cut, two workers met
# on the same rows, disk or connections ran out, the server stops, starts or only reads, a table changed under a kept
# plan (rolling back forgets the plans). A statement that took too long (57014) or grew too large (53200, 54) is not
# among them: it would be tried for ever.
PASSING = ("08", "0A000", "25006", "25P03", "40", "53100", "53300", "55P03", "57P", "58")
INSIST_SECONDS = 60.0


def work_off(limit: float = 120.0) -> int:
    """Claim and process until nothing is due or `limit` seconds have passed; returns how many were processed."""
    done, until = 0, time.monotonic() + limit
    while time.monotonic() < until and (held := claim()):
        process(held)
        done += 1
    return done


def process(held: Claim) -> None:
    """Take one claimed delivery to a final state, or give it back."""
    if held.attempts > ATTEMPTS:
        text = f"the worker died {ATTEMPTS} times on this report (too large for its memory, or a fault of ours)"
        insist(partial(quarantine, held, text, "Crashed"))
        return
    try:
        with beating(partial(renew, held)):
            is_news, waiting = ingest(held)
        if is_news:
            follow_up(held, waiting)
        return
    except LostLease:
        LOG.warning("delivery %s was taken over by another worker", held.id)
        return
    except Exception as error:  # noqa: BLE001 (whatever it is, one report must not stop its neighbours)
        ending = ending_of(held, error)
    # Out here the error is gone, and with it the memory that its frames held.
    insist(ending)


def follow_up(held: Claim, waiting: list[int]) -> None:
    """Match the packages of its images with advisories, then do what the report taught about other images.

    The report is done whatever happens here; a periodic task tries again.
    """
    try:
        match_images(waiting)
        settle()
        settle_running()
    except Error as error:
        LOG.warning("after delivery %s: %s, left to the periodic task", held.id, type(error).__name__)


def ending_of(held: Claim, error: Exception) -> Callable[[], None]:
    """What is to be written of a delivery that could not be finished."""
    if isinstance(error, ReportError | NotYours):
        return partial(quarantine, held, str(error), type(error).__name__)
    if is_passing(error):
        LOG.warning("delivery %s: %s, trying again", held.id, type(error).__name__)
        seconds = random.uniform(0.1, 1.0)  # noqa: S311 (jitter, not a secret)
        return partial(give_back, held, seconds, count=False)
    if isinstance(error, MemoryError):
        text = "reading this report needs more memory than a worker may use"
    else:
        LOG.error("delivery %s", held.id, exc_info=error)
        text = "reading this report failed in an unexpected way; the log of the worker says where"
    if held.attempts >= ATTEMPTS:
        return partial(quarantine, held, text, "Unexpected")
    return partial(give_back, held, 2.0**held.attempts, count=True)


def is_passing(error: Exception) -> bool:
    """The database is at fault, not the report: trying again will help."""
    if not isinstance(error, Error):
        return False
    state = getattr(error.__cause__, "sqlstate", None)
    return state.startswith(PASSING) if state else isinstance(error, OperationalError | InterfaceError)


def insist(write: Callable[[], None]) -> None:
    """Write as soon as the database answers; if it does not for a minute, the lease runs out by itself."""
    until = time.monotonic() + INSIST_SECONDS
    while True:
        try:
            return write()
        except Error as error:
            if not is_passing(error) or time.monotonic() > until:
                raise
            connection.close()
            time.sleep(0.5)


def ingest(held: Claim) -> tuple[bool, list[int]]:
    """Read outside the transaction; record and finish inside one, guarded by the lease.

    Returns whether it may concern other images, too, and its images that wait to be matched with advisories.
    """
    if held.delivery.source.startswith(EVENT):
        # Nothing that an event says is believed.
        hear(held)
        return False, []
    if held.delivery.source.startswith(AGENT):
        tell(held)
        return True, []
    report = read(held)
    arrival = arrival_of(held)
    stay_within(held.delivery.repository, report, arrival.reference)
    reach("process.after_parse", arrival.reference)
    with transaction.atomic():
        finish(held, figures(report, arrival))
        recorded = record_report(report, arrival)
        stated = record_statements(report, arrival.delivery, arrival.received_at, arrival.team)
        record_benchmarks(report, arrival)
        reach("process.before_commit", arrival.reference)
    reach("process.after_commit", arrival.reference)
    is_news = stated or any(image.is_news for image in recorded)
    return is_news, [image.image for image in recorded if image.waits]


def stay_within(repository: str, report: ScanReport, asked: str) -> None:
    """Raises `NotYours` where a token that is bound to a repository speaks of another, or of what has no name."""
    if not repository:
        return
    if report.benchmarks or report.statements:
        raise NotYours(f"this token only sends scans of images of {repository}")
    for scan in report.images:
        # What is no reference (a path, an archive) names nothing that could be somebody else's.
        named = {name for name in (*scan.image.references, *scan.image.repo_digests, asked) if parse_reference(name)}
        if not named:
            raise NotYours(f"this token only speaks for {repository}: name the image with ?image=")
        if wrong := sorted(name for name in named if not covers(repository, name)):
            raise NotYours(f"this token only speaks for {repository}, not for {wrong[0]}")


def read(held: Claim) -> ScanReport:
    """Parse the stored body. Raises `ReportError`."""
    body = read_body(held.delivery)
    reach("process.in_parse", held.delivery.image)
    return parse(open_document(body), held.delivery.format_asked)


def arrival_of(held: Claim) -> Arrival:
    """Where the report came from."""
    row = held.delivery
    sender = DEMO if row.is_demo else row.source
    return Arrival(
        *(row.pk, row.received_at, row.stage, row.image, row.team_id, row.is_demo, row.subject, row.token_id), sender
    )


def figures(report: ScanReport, arrival: Arrival) -> Figures:
    """What the delivery turned out to be."""
    at, _ = clean_scan_time(report.scanned_at, arrival.received_at)
    reasons = [*reasons_of(report, arrival), *reasons_of_benchmarks(report, arrival)]
    return Figures(
        format=clean_text(report.format, 40),
        scanner=clean_text(report.scanner, 40),
        scanner_version=clean_text(report.scanner_version, 60),
        kind=str(report.kind),
        scanned_at=at,
        result={**figures_of(report), "reasons": [clean_text(text, 500) for text in reasons]},
    )
