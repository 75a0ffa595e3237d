"""Back-pressure: when a report is refused for now, and when to come back."""

from __future__ import annotations

import random
import shutil
import threading
import time
from dataclasses import dataclass, field

from django.conf import settings
from django.db import connection

LOOK_SECONDS = 1.0
# A disk is short when both hold: 15 % of a small one is little, 10 GiB of a large one is.
FREE_SHARE, FREE_BYTES = 0.15, 10 * 2**30


class Busy(Exception):
    """No room now; `status` is 429 (this sender) or 503 (everybody), `seconds` when to try again."""

    def __init__(self, status: int, seconds: int, text: str) -> None:
        super().__init__(text)
        self.status = status
        self.seconds = seconds


@dataclass(slots=True)
class Gauge:
    """What is known of the backlog, looked at once a second at most, and what each token sent this minute."""

    looked_at: float = 0.0
    trouble: str = ""
    minute: int = 0
    sent: dict[str, int] = field(default_factory=dict)
    lock: threading.Lock = field(default_factory=threading.Lock)

    def check(self, source: str) -> None:
        """Raise `Busy` where this sender or the whole instance is over its capacity. Before anything is read."""
        with self.lock:
            now = time.time()
            if int(now // 60) != self.minute:
                self.minute, self.sent = int(now // 60), {}
            self.sent[source] = self.sent.get(source, 0) + 1
            if self.sent[source] > settings.REPORTS_PER_MINUTE:
                wait = 61 - int(now % 60)
                raise Busy(429, wait, f"more than {settings.REPORTS_PER_MINUTE} reports a minute from one sender")
            if time.monotonic() - self.looked_at > LOOK_SECONDS:
                self.trouble = trouble()
                self.looked_at = time.monotonic()
            if self.trouble:
                raise Busy(503, random.randint(10, 30), self.trouble)  # noqa: S311 (jitter, not a secret)


def trouble() -> str:
    """Why nothing more can be taken now, or ""."""
    disk = shutil.disk_usage(settings.DATA_DIRECTORY)
    if disk.free < FREE_SHARE * disk.total and disk.free < FREE_BYTES:
        return "the disk is nearly full"
    with connection.cursor() as cursor:
        cursor.execute(
            # How long they have been due; a replayed delivery may have been received weeks ago.
            "SELECT coalesce(sum(raw_bytes), 0), coalesce(extract(epoch FROM now() - min(next_attempt_at)), 0)"
            " FROM scanning_delivery WHERE state IN ('received', 'processing')"
        )
        waiting, oldest = cursor.fetchone()
    if waiting > settings.BACKLOG_LIMIT:
        return "too many reports are waiting to be processed"
    return "reports have been waiting too long to be processed" if oldest > settings.BACKLOG_SECONDS else ""


GAUGE = Gauge()
