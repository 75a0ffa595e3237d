"""Starting and stopping programs that must not outlive us."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path

from governance.local.problem import Problem

CHILD = Path(__file__).with_name("child.py")

# Waits a number of seconds; the supervisor's own pause also notices signals.
Pause = Callable[[float], None]


@dataclass(frozen=True)
class Program:
    """One long-running program: how to start it, how to stop it, where it writes."""

    name: str
    command: Sequence[str]
    # None: it writes to our terminal.
    log: Path | None
    environment: Mapping[str, str] = field(default_factory=dict)
    # What asks it to stop in order; also sent by the kernel when the supervisor dies (Linux).
    stop_signal: signal.Signals = signal.SIGTERM
    # Seconds it may take to stop before it is killed with its whole process group.
    patience: float = 30.0
    identity: str = "same"


def wrap(command: Sequence[str], identity: str, death_signal: int) -> list[str]:
    """Put child.py before a command; `death_signal` 0 does not tie it to our life."""
    shim = [sys.executable, "-I", "-S", str(CHILD), str(os.getpid()), str(int(death_signal)), identity]
    return [*shim, *command]


def start(program: Program) -> subprocess.Popen[bytes]:
    """Start a program in a session of its own, writing to its log file (or to our terminal)."""
    with program.log.open("ab") if program.log else nullcontext() as log:
        return subprocess.Popen(  # noqa: S603 - our own command lists
            wrap(program.command, program.identity, program.stop_signal),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT if log else None,
            env={**os.environ, **program.environment},
            start_new_session=True,
        )


def alive(number: int) -> bool:
    """Say whether a process with this id runs; one that ended but was never waited for does not."""
    try:
        os.kill(number, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(") ")[2]
    except OSError:
        return True
    return not state.startswith("Z")


def signal_group(group: int, number: signal.Signals) -> None:
    """Send a signal to a whole group; one that is gone is no error."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return


def stop(process: subprocess.Popen[bytes], program: Program, pause: Pause = time.sleep) -> None:
    """Ask a program to stop, wait its patience, then kill whatever is left of its group."""
    ask_to_stop(process, program)
    finish(process, time.monotonic() + program.patience, pause)


def ask_to_stop(process: subprocess.Popen[bytes], program: Program) -> None:
    """Send the stop signal to the program itself (it tells its own children)."""
    if process.poll() is None:
        process.send_signal(program.stop_signal)


def finish(process: subprocess.Popen[bytes], deadline: float, pause: Pause = time.sleep) -> None:
    """Wait until a program asked to stop has ended or `deadline` (monotonic) is over, then kill the group's rest."""
    while process.poll() is None and time.monotonic() < deadline:
        pause(0.02)
    signal_group(process.pid, signal.SIGKILL)
    process.wait()


def tail(path: Path | None, lines: int = 15) -> list[str]:
    """Return the last lines of a log file; none when it is missing."""
    if path is None:
        return []
    try:
        with path.open("rb") as log:
            log.seek(max(0, log.seek(0, os.SEEK_END) - 65536))
            text = log.read().decode(errors="replace")
    except OSError:
        return []
    return text.splitlines()[-lines:]


def run(
    command: Sequence[str],
    *,
    log: Path | None,
    identity: str = "same",
    environment: Mapping[str, str] | None = None,
    pause: Pause = time.sleep,
    patience: float = 300.0,
) -> int:
    """Run a program to its end, output to `log`, and return its exit code; Problem after `patience` seconds."""
    name = Path(command[0]).name
    program = Program(name, command, log, environment or {}, signal.SIGTERM, 5.0, identity)
    process = start(program)
    deadline = time.monotonic() + patience
    try:
        while process.poll() is None:
            if time.monotonic() > deadline:
                raise Problem(f"{name} did not end within {patience:.0f} seconds (log: {log}).")
            pause(0.02)
    finally:
        stop(process, program)
    return process.returncode
