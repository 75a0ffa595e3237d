"""What a worker process does beside Celery's tasks: keep within its memory, and look for work nobody told it of.

The sweeper runs in every worker process and asks the database, so the work goes on while the broker is away.
"""

from __future__ import annotations

import logging
import random
import resource
import sys
import threading
from typing import Any

from celery.signals import worker_process_init
from django.conf import settings
from django.db import DatabaseError, close_old_connections, connection

from scanning.ingest import work_off

LOG = logging.getLogger(__name__)
# One delivery at a time and process, whoever found it: the memory limit is meant for one.
BUSY = threading.Lock()
STATEMENT_SECONDS = 60


def work(wait: bool = True) -> int:
    """Work off what is due, unless this process is at it already; returns how many were processed."""
    if not BUSY.acquire(blocking=wait):
        return 0
    try:
        close_old_connections()
        return work_off()
    finally:
        BUSY.release()


def sweep(stop: threading.Event) -> None:
    """Look every `SWEEP_SECONDS` (with jitter, so that processes take turns)."""
    while not stop.wait(settings.SWEEP_SECONDS * random.uniform(0.6, 1.0)):  # noqa: S311 (jitter, not a secret)
        try:
            work(wait=False)
        except DatabaseError as error:
            LOG.warning("the sweeper cannot reach the database: %s", type(error).__name__)
            connection.close()


def limit_memory() -> None:
    """A report that needs more address space than this gets a MemoryError instead of the machine's last page."""
    if sys.platform == "linux" and settings.WORKER_MEMORY_MB:
        size = settings.WORKER_MEMORY_MB * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (size, size))


@worker_process_init.connect
def start(**_: Any) -> None:
    """Celery starts a worker process."""
    limit_memory()
    # Recording 17,000 new findings may take longer than any page should.
    options = connection.settings_dict["OPTIONS"]
    options["options"] = f"{options['options']} -c statement_timeout={STATEMENT_SECONDS * 1000}"
    threading.Thread(target=sweep, args=(threading.Event(),), daemon=True, name="sweeper").start()
