"""Running a scanner's program: a list of arguments, no shell, little environment, bounded time, memory and output."""

from __future__ import annotations

import os
import selectors
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

from django.conf import settings

from scanning.scanners.confine import LATE, MISSING, STOPPED
from scanning.scanners.values import ScanFailed

CONFINE = Path(__file__).with_name("confine.py")
PIECE, TAIL = 65_536, 4_096
# Seconds that the end of all its processes may take beyond its time.
GRACE = 20.0


@dataclass(slots=True)
class Told:
    """What a program wrote: all of its output, and the end of what it complained of."""

    output: bytearray
    complaint: bytearray


def run(
    command: Sequence[str], environment: Mapping[str, str], directory: Path, should_stop: Callable[[], bool]
) -> bytes:
    """Its output. Raises `ScanFailed`; `directory` is gone afterwards, however it ended."""
    seconds = settings.SCANNER_SECONDS
    limits = [str(os.getpid()), str(seconds), str(settings.SCANNER_MEMORY_MB), str(directory)]
    arguments = [sys.executable, "-I", "-S", str(CONFINE), *limits, *command]
    told = Told(bytearray(), bytearray())
    with subprocess.Popen(  # noqa: S603 - a list; only the image's name in it is not from the settings
        arguments,
        env=dict(environment),
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as process:
        try:
            reason = listen(process, told, time.monotonic() + seconds + GRACE, should_stop)
        finally:
            # Its wrapper ends everything below it; only where that hangs it is killed itself.
            end(process)
    return judged(command[0], process.returncode, reason, told)


def listen(process: subprocess.Popen[bytes], told: Told, until: float, should_stop: Callable[[], bool]) -> str:
    """Read both pipes to their end; returns why it was not read on, or nothing."""
    with selectors.DefaultSelector() as selector:
        selector.register(cast("IO[bytes]", process.stdout), selectors.EVENT_READ, told.output)
        selector.register(cast("IO[bytes]", process.stderr), selectors.EVENT_READ, told.complaint)
        while selector.get_map():
            if time.monotonic() > until:
                return "it did not end in time"
            if should_stop():
                return "the worker was stopped"
            for key, _ in selector.select(timeout=0.25):
                piece = os.read(key.fd, PIECE)
                if not piece:
                    selector.unregister(key.fileobj)
                key.data.extend(piece)
            del told.complaint[:-TAIL]
            if len(told.output) > settings.BODY_LIMIT:
                return f"it wrote more than {settings.BODY_LIMIT // 2**20} MiB"
    return ""


def end(process: subprocess.Popen[bytes]) -> None:
    """Ask the wrapper to end; it needs a moment to kill and to clean up."""
    try:
        process.wait(timeout=1)
    except subprocess.TimeoutExpired:
        process.terminate()
        try:
            process.wait(timeout=GRACE)
        except subprocess.TimeoutExpired:
            process.kill()


def judged(program: str, code: int, reason: str, told: Told) -> bytes:
    """The output of a program that ended well, else `ScanFailed` with what is known."""
    name = Path(program).name
    words = {
        LATE: f"it was not done after {settings.SCANNER_SECONDS} seconds (SCANNER_SECONDS)",
        STOPPED: "the worker was stopped",
        MISSING: "it cannot be started",
    }
    reason = reason or words.get(code, "" if code == 0 else f"it ended with code {code}")
    if not reason and not told.output.strip():
        reason = "it wrote nothing"
    if not reason:
        return bytes(told.output)
    last = " ".join(told.complaint.decode(errors="replace").split())[-600:]
    raise ScanFailed(f"{name} failed: {reason}" + (f". It says: {last}" if last else ""))
