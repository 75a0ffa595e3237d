"""What a worker process does beside Celery's tasks: keep within its memory, and look for work nobody told it of.

The sweeper runs in every worker process and asks the database, so the work goes on while the broker is away.
"""

from __future__ import annotations

import gc
import logging
import os
import random
import resource
import signal
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from celery.signals import (
    celeryd_after_setup,
    worker_init,
    worker_process_init,
    worker_process_shutdown,
    worker_shutting_down,
)
from django.conf import settings
from django.db import close_old_connections, connection

from scanning import stopping
from scanning.deliveries import claim
from scanning.ingest import process
from scanning.stopping import is_stopping

LOG = logging.getLogger(__name__)
# One delivery at a time and process, whoever found it: the memory limit is meant for one.
BUSY = threading.Lock()
# Somebody asked for a look since the one at work began its own.
RUNG = threading.Event()
# The process is about to end and takes nothing new.
ENDING = threading.Event()
# Whoever waits for an answer goes before what is read in the background, where both want the same core.
NICENESS = 5
STATEMENT_SECONDS, LOCK_SECONDS = 60, 20
# A task goes home after this long, so that a worker with much to do can still be stopped; the sweeper carries on.
TURN_SECONDS = 5.0
# Longer than the largest report takes on a slow machine; less than Celery's own limits together with a turn.
DELIVERY_SECONDS = 180.0
# How long a process that ends waits for the delivery in its sweeper's hands.
PATIENCE_SECONDS = 20.0


def work() -> int:
    """Work off what is due for one turn; returns how many were processed.

    Where this process is at it already, that thread looks once more before it ends, and this one need not wait.
    """
    done, until = 0, time.monotonic() + TURN_SECONDS
    RUNG.set()
    while RUNG.is_set() and _may_go_on(until) and BUSY.acquire(blocking=False):
        try:
            RUNG.clear()
            close_old_connections()
            while _may_go_on(until) and (held := claim()):
                with time_limit():
                    process(held)
                done += 1
        finally:
            BUSY.release()
    return done


def _may_go_on(until: float) -> bool:
    return time.monotonic() < until and not (ENDING.is_set() or is_stopping())


@contextmanager
def time_limit() -> Iterator[None]:
    """The kernel ends this process if one delivery takes too long, even where nothing in Python would notice.

    The attempt is counted and the lease runs out, so that after three of them the delivery is put aside.
    """
    signal.setitimer(signal.ITIMER_REAL, DELIVERY_SECONDS)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def sweep() -> None:
    """Look every `SWEEP_SECONDS` (with jitter, so that processes take turns), and soon again where there was work."""
    pause = 0.0
    while not ENDING.wait(pause):
        pause = settings.SWEEP_SECONDS * random.uniform(0.6, 1.0)  # noqa: S311 (jitter, not a secret)
        try:
            if work():
                # Where hints arrive, a task goes on in this moment; where none do, the sweeper.
                pause = 0.05
        except Exception as error:  # noqa: BLE001 (without its sweeper a process is of no use while the broker is away)
            LOG.warning("the sweeper could not work: %s", type(error).__name__)
            connection.close()


def limit_memory() -> None:
    """A report that needs more address space than this gets a MemoryError instead of the machine's last page."""
    if sys.platform == "linux" and settings.WORKER_MEMORY_MB:
        size = settings.WORKER_MEMORY_MB * 2**20
        # Only the soft limit: a scanner that is started here has one of its own (scanners/confine.py).
        resource.setrlimit(resource.RLIMIT_AS, (size, resource.getrlimit(resource.RLIMIT_AS)[1]))


def limit_statements() -> None:
    """Recording 17,000 new findings may take longer than any page should, but nobody waits long for another's locks.

    A session that a frozen process left in a transaction is ended when its lease is over, for its locks' sake.
    """
    options = connection.settings_dict["OPTIONS"]
    seconds = {
        "statement_timeout": STATEMENT_SECONDS,
        "lock_timeout": LOCK_SECONDS,
        "idle_in_transaction_session_timeout": settings.LEASE_SECONDS,
    }
    limits = " ".join(f"-c {name}={value * 1000}" for name, value in seconds.items())
    options["options"] = f"{options['options']} {limits}"


def keep_plans() -> None:
    """A worker sends the same few statements all day: planning them once saves a quarter of their time."""
    connection.settings_dict["OPTIONS"]["prepare_threshold"] = settings.PREPARE_AFTER or None


@celeryd_after_setup.connect
def take_hints_without_receipt(instance: Any, conf: Any, **_: Any) -> None:
    """A hint may be lost, so no receipts are kept: over them a worker dies when the broker is full or hangs up.

    Without receipts nothing else limits what a worker takes ahead.
    """
    for queue in instance.app.amqp.queues.values():
        queue.no_ack = True
    conf.worker_disable_prefetch = True


@worker_init.connect
def share_memory(**_: Any) -> None:
    """What is loaded by now stays out of the collector's way, so that worker processes go on sharing its memory."""
    gc.collect()
    gc.freeze()


@worker_shutting_down.connect
def stop(**_: Any) -> None:
    """The worker was asked to stop: its processes finish what they have in their hands, and no more."""
    stopping.stop()


@worker_process_init.connect
def start(**_: Any) -> None:
    """Celery starts a worker process."""
    os.nice(NICENESS)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    limit_memory()
    limit_statements()
    keep_plans()
    threading.Thread(target=sweep, daemon=True, name="sweeper").start()


@worker_process_shutdown.connect
def end(**_: Any) -> None:
    """Celery ends a worker process: nothing new is begun, what the sweeper has in its hands is finished."""
    ENDING.set()
    BUSY.acquire(timeout=PATIENCE_SECONDS)
