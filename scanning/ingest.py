"""The one road: read, record, judge."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.conf import settings
from django.db import InterfaceError, OperationalError, close_old_connections, connection, connections, transaction

from governance.findings.record import Arrival, reasons_of, record_report
from governance.findings.report import ReportError, ScanReport
from governance.images.clean import clean_scan_time, clean_text
from governance.images.names import NotYours
from scanning.deliveries import ATTEMPTS, Claim, LostLease, claim, finish, give_back, quarantine, read_body, renew
from scanning.failpoints import reach
from scanning.parsers import parse
from scanning.parsers.document import open_document
from scanning.summary import figures_of

LOG = logging.getLogger(__name__)
# The database went away or two workers met on the same rows: nothing is wrong with the report.
TRANSIENT = (OperationalError, InterfaceError)
RELEASE_SECONDS = 60.0


def work_off(limit: float = 120.0) -> int:
    """Claim and process until nothing is due or `limit` seconds have passed; returns how many were processed."""
    done, until = 0, time.monotonic() + limit
    while time.monotonic() < until and (held := claim()):
        process(held)
        done += 1
    return done


def process(held: Claim) -> None:
    """Take one claimed delivery to a final state, or give it back."""
    try:
        if held.attempts > ATTEMPTS:
            text = f"the worker died {ATTEMPTS} times on this report (too large for its memory, or a fault of ours)"
            quarantine(held, text, "Crashed")
            return
        with heartbeat(held):
            ingest(held)
    except ReportError as error:
        quarantine(held, str(error), type(error).__name__)
    except NotYours as error:
        quarantine(held, str(error), "NotYours")
    except LostLease:
        LOG.warning("delivery %s was taken over by another worker", held.id)
    except TRANSIENT as error:
        LOG.warning("delivery %s: %s, trying again", held.id, type(error).__name__)
        _release(held)
    except MemoryError:
        _give_up(held, "reading this report needs more memory than a worker may use")
    except Exception:
        # Whatever it is, one report must not stop its neighbours.
        LOG.exception("delivery %s", held.id)
        _give_up(held, "reading this report failed in an unexpected way; the log of the worker says where")


def _give_up(held: Claim, text: str) -> None:
    if held.attempts >= ATTEMPTS:
        quarantine(held, text, "Unexpected")
    else:
        give_back(held, 2.0**held.attempts, count=True)


def _release(held: Claim) -> None:
    """Give the attempt back as soon as the database answers again; if it does not, the lease runs out by itself."""
    until = time.monotonic() + RELEASE_SECONDS
    while time.monotonic() < until:
        try:
            connection.close()
            give_back(held, random.uniform(0.1, 1.0), count=False)  # noqa: S311 (jitter, not a secret)
        except TRANSIENT:
            time.sleep(0.5)
        else:
            return


def ingest(held: Claim) -> None:
    """Read outside the transaction; record and finish inside one, guarded by the lease."""
    report = read(held)
    arrival = arrival_of(held)
    reach("process.after_parse")
    with transaction.atomic():
        finish(held, **figures(report, arrival))
        record_report(report, arrival)
        reach("process.before_commit")
    reach("process.after_commit")


def read(held: Claim) -> ScanReport:
    """Parse the stored body. Raises `ReportError`."""
    body = read_body(held.delivery)
    reach("process.in_parse")
    return parse(open_document(body), held.delivery.format_asked)


def arrival_of(held: Claim) -> Arrival:
    """Where the report came from."""
    row = held.delivery
    return Arrival(row.pk, row.received_at, row.stage, row.image, row.team_id, row.is_demo)


def figures(report: ScanReport, arrival: Arrival) -> dict[str, Any]:
    """The columns of the delivery that say what it turned out to be."""
    at, _ = clean_scan_time(report.scanned_at, arrival.received_at)
    return {
        "format": clean_text(report.format, 40),
        "scanner": clean_text(report.scanner, 40),
        "scanner_version": clean_text(report.scanner_version, 60),
        "kind": str(report.kind),
        "scanned_at": at,
        "result": {**figures_of(report), "reasons": [clean_text(text, 500) for text in reasons_of(report, arrival)]},
    }


@contextmanager
def heartbeat(held: Claim) -> Iterator[None]:
    """Renew the lease every quarter of its time while the work goes on, from a thread with its own connection."""
    over = threading.Event()

    def beat() -> None:
        while not over.wait(settings.LEASE_SECONDS / 4):
            try:
                renew(held)
            except TRANSIENT:
                close_old_connections()
        connections.close_all()

    # Most deliveries take milliseconds: the thread costs about 50 µs, the connection is made only if it beats.
    thread = threading.Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
