"""The doorbell: tell the workers that something came. Redis may be slow, full or gone; then the sweeper finds it."""

from __future__ import annotations

import logging
import threading
import time
from contextlib import suppress
from typing import Any

from kombu import Connection
from prometheus_client import Counter

from governance.celery import app

LOG = logging.getLogger(__name__)
LOST = Counter("portwarden_hints_lost", "Hints that could not be sent; the sweeper does the work a little later")
BREAK_SECONDS = 5.0
TIMEOUT_SECONDS = 0.2
# Hints that wait while no worker is there say no more than a few of them: they must not fill the broker.
KEEP, TRIM_EVERY = 1_000, 100


class Bell:
    """Rings by Celery; after a failure it stays silent for five seconds, so that a hanging broker slows nobody."""

    def __init__(self) -> None:
        self.silent_until = 0.0
        self.connection: Connection | None = None
        self.rung = 0
        # One connection serves all threads, one at a time; whoever waited looks first whether it fell silent meanwhile.
        self.lock = threading.Lock()

    def ring(self, task: str) -> bool:
        """Send the task without waiting for anything; True if the broker took it. Never raises."""
        with self.lock:
            if time.monotonic() < self.silent_until:
                LOST.inc()
                return False
            try:
                if self.connection is None:
                    self.connection = self._open()
                app.send_task(task, connection=self.connection, retry=False, expires=60)
                self.rung += 1
                if self.rung % TRIM_EVERY == 0:
                    trim(self.connection)
            except Exception as error:  # noqa: BLE001 (the report is stored: no trouble of the broker may undo its 202)
                self._fall_silent(error)
                return False
            return True

    def _open(self) -> Connection:
        options = {"socket_connect_timeout": TIMEOUT_SECONDS, "socket_timeout": TIMEOUT_SECONDS, "max_retries": 0}
        connection: Connection = app.connection_for_write(transport_options=options)
        return connection

    def _fall_silent(self, error: Exception) -> None:
        LOST.inc()
        self.silent_until = time.monotonic() + BREAK_SECONDS
        LOG.warning("the broker took no hint: %s", type(error).__name__)
        if self.connection is not None:
            with suppress(Exception):
                self.connection.release()
            self.connection = None


def trim(connection: Connection) -> None:
    """Drop all but the newest from the queues."""
    channel: Any = connection.default_channel  # of the Redis transport; its client is not in the published types
    with channel.conn_or_acquire() as client:
        for queue in app.conf.task_queues:
            client.ltrim(queue.name, 0, KEEP - 1)


BELL = Bell()


def hint(task: str = "work_off") -> bool:
    """Tell the workers to look."""
    return BELL.ring(f"scanning.tasks.{task}")
