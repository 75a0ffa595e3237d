"""Throw-away PostgreSQL and Valkey for a `with` block: tests, benchmarks, and commands while nothing else runs."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from governance.local import postgres as pg
from governance.local import valkey as vk
from governance.local.problem import Problem
from governance.local.process import Pause, Program, start, stop
from governance.local.sockets import make_directory

STARTING = 60.0


def wait_until(
    ready: Callable[[], bool], process: subprocess.Popen[bytes], program: Program, pause: Pause = time.sleep
) -> None:
    """Wait until a started program answers; Problem when it ends instead, or takes more than a minute."""
    deadline = time.monotonic() + STARTING
    while not ready():
        if process.poll() is not None:
            raise Problem(pg.explain(program.log, f"{program.name} did not start"))
        if time.monotonic() > deadline:
            raise Problem(f"{program.name} did not answer within {STARTING:.0f} seconds; its log is {program.log}.")
        pause(0.02)


@contextmanager
def postgres(directory: Path, durable: bool = True) -> Iterator[str]:
    """Serve PostgreSQL with its data in `directory`/postgres and yield the superuser's URL of database `postgres`.

    The data stays when the block ends. `durable=False` is for data that may be lost. Raises Problem.
    """
    directory.mkdir(parents=True, exist_ok=True)
    sockets = make_directory()
    cluster = pg.Cluster(directory / "postgres", sockets, directory / "postgres.log", durable)
    try:
        program = pg.prepare(cluster)
        process = start(program)
        try:
            wait_until(lambda: pg.accepts(cluster), process, program)
            yield cluster.url("postgres", "postgres")
        finally:
            stop(process, program)
    finally:
        shutil.rmtree(sockets, ignore_errors=True)


@contextmanager
def valkey(directory: Path) -> Iterator[str]:
    """Serve Valkey, its log in `directory`, and yield its URL (`unix://…`). Raises Problem."""
    directory.mkdir(parents=True, exist_ok=True)
    sockets = make_directory()
    program = vk.prepare(sockets, directory / "valkey.log")
    try:
        process = start(program)
        try:
            wait_until(lambda: vk.accepts(sockets), process, program)
            yield vk.url(sockets)
        finally:
            stop(process, program)
    finally:
        shutil.rmtree(sockets, ignore_errors=True)
