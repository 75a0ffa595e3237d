"""Started between a worker and a scanner's program: runs it within limits, and outlives a killed worker to clean up.

Run as a file of its own (`python -I -S confine.py PARENT SECONDS MEMORY_MB DIRECTORY PROGRAM ARGUMENT…`), so that
nothing has to run between fork and exec in a process with threads. However the program ends, on its own, after SECONDS,
or because the worker was killed or wants no more (SIGTERM): everything that it started is killed, also what left its
process group (Linux: a subreaper), and DIRECTORY, in which its credentials lie, is removed. Ends with the program's
code, or with 124 after SECONDS, 125 where it was told to stop, 126 where the program cannot be started, 128 + N where
signal N ended it.
"""

from __future__ import annotations

import ctypes
import os
import resource
import shutil
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
LATE, STOPPED, MISSING = 124, 125, 126
# Bytes of one file that it may write, files it may have open, and processes its user may have.
FILE_BYTES, FILES, PROCESSES = 16 * 2**30, 4_096, 4_096
PATIENCE = 10.0


class Stop(Exception):
    """The worker is gone, or wants no more."""


def _prctl(option: int, value: int) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


def limit(seconds: int, memory: int) -> None:
    """In the child, before it becomes the program."""
    limits = {
        resource.RLIMIT_AS: memory * 2**20,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_CPU: seconds * (os.cpu_count() or 1) + 5,
        resource.RLIMIT_FSIZE: FILE_BYTES,
        resource.RLIMIT_NOFILE: FILES,
        resource.RLIMIT_NPROC: PROCESSES,
    }
    for kind, most in limits.items():
        hard = resource.getrlimit(kind)[1]
        size = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (size, size))


def start(seconds: int, memory: int, command: list[str]) -> int:
    """Fork and become the program; returns its process id."""
    child = os.fork()
    if child:
        return child
    try:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        limit(seconds, memory)
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        os.execv(command[0], command)  # noqa: S606 - a list, no shell
    except (OSError, ValueError) as error:
        sys.stderr.write(f"{command[0]} cannot be started: {error}\n")
        sys.stderr.flush()
    os._exit(MISSING)


def wait(child: int, until: float) -> int:
    """The program's code, or LATE."""
    while time.monotonic() < until:
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            code = os.waitstatus_to_exitcode(status)
            return code if code >= 0 else 128 - code
        time.sleep(0.02)
    return LATE


def descendants(of: int) -> Iterator[int]:
    """Every process below this one, as far as they can be seen."""
    waiting = [of]
    while waiting:
        for file in Path(f"/proc/{waiting.pop()}/task").glob("*/children"):
            try:
                found = [int(word) for word in file.read_text().split()]
            except OSError:
                continue
            yield from found
            waiting += found


def kill_all() -> None:
    """Nothing that the program started lives on. Stopped first, so that it starts nothing new meanwhile."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in list(descendants(os.getpid())):
                try:
                    os.kill(pid, number)
                except (ProcessLookupError, PermissionError):
                    continue
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return
        time.sleep(0.01)


def main(arguments: list[str]) -> int:
    """Run, then clean up whatever happened."""
    parent, seconds, memory, directory, *command = arguments

    def stop(*_: object) -> None:
        raise Stop

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, stop)
    code = STOPPED
    try:
        _prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        _prctl(PR_SET_CHILD_SUBREAPER, 1)
        if os.getppid() == int(parent):
            code = wait(start(int(seconds), int(memory), command), time.monotonic() + int(seconds))
    except Stop:
        code = STOPPED
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    kill_all()
    shutil.rmtree(directory, ignore_errors=True)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
