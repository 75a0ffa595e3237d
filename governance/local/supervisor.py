"""Keeps programs running until somebody asks to stop, and then stops them all, whatever happens to us."""

from __future__ import annotations

import select
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

from governance.local.problem import Problem, Stopped, say
from governance.local.process import Program, ask_to_stop, finish, start, tail

GUARD = Path(__file__).with_name("guard.py")
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
# Seconds before a program that ended is started again: doubled each time, forgotten after a quiet minute.
FIRST_DELAY, LONGEST_DELAY, QUIET = 0.5, 30.0, 60.0


@dataclass
class Running:
    """A program and the process that is it at the moment."""

    program: Program
    process: subprocess.Popen[bytes]
    # Called before it is started again: removes what the dead one left and returns the program as it is to run now.
    renew: Callable[[], Program] | None = None
    since: float = field(default_factory=time.monotonic)
    delay: float = FIRST_DELAY
    # When (monotonic) to start it again; None while it runs.
    due: float | None = None

    @property
    def is_service(self) -> bool:
        """Say whether others depend on it, so that it stops after them."""
        return self.renew is not None


class Supervisor:
    """Owns programs, and a guard that ends them if we are killed; used as a context manager.

    `lock` is the descriptor of the data directory's lock, which the guard keeps until all is ended.
    """

    def __init__(self, lock: int) -> None:
        self.lock = lock
        self.running: list[Running] = []
        self.stopping = False
        self.impatient = False
        self._asked_at = 0.0

    def __enter__(self) -> Supervisor:
        self._read, self._write = socket.socketpair()
        self._read.setblocking(False)
        self._write.setblocking(False)
        self._wakeup = signal.set_wakeup_fd(self._write.fileno(), warn_on_full_buffer=False)
        self._before = {number: signal.signal(number, self._asked) for number in SIGNALS}
        self._before[signal.SIGCHLD] = signal.signal(signal.SIGCHLD, self._child_ended)
        self.guard = subprocess.Popen(  # noqa: S603 - our own file
            [sys.executable, "-I", "-S", "-u", str(GUARD)],
            stdin=subprocess.PIPE,
            pass_fds=[self.lock],
            start_new_session=True,
        )
        return self

    def __exit__(self, *error: object) -> None:
        try:
            self.stop_all()
        finally:
            if self.guard.stdin:
                self.guard.stdin.close()
            self.guard.wait()
            signal.set_wakeup_fd(self._wakeup)
            for number, handler in self._before.items():
                signal.signal(number, handler)
            self._read.close()
            self._write.close()

    def _asked(self, number: int, frame: FrameType | None) -> None:
        del number, frame
        # One Ctrl-C may arrive twice (from the terminal and through make); a person's second one comes later.
        if self.stopping and time.monotonic() - self._asked_at > 1.0:
            self.impatient = True
        elif not self.stopping:
            self.stopping, self._asked_at = True, time.monotonic()

    def _child_ended(self, number: int, frame: FrameType | None) -> None:
        """Do nothing: the wake-up descriptor has already ended the pause."""

    def pause(self, seconds: float) -> None:
        """Wait, or until a signal comes; Stopped when it asks us to stop."""
        self._sleep(seconds)
        if self.stopping:
            raise Stopped

    def _sleep(self, seconds: float) -> None:
        if select.select([self._read], [], [], seconds)[0]:
            self._read.recv(4096)

    def _tell_guard(self, line: str) -> None:
        try:
            if self.guard.stdin:
                self.guard.stdin.write(f"{line}\n".encode())
                self.guard.stdin.flush()
        except BrokenPipeError:
            # Somebody killed the guard; the kernel's parent-death signal is what is left.
            return

    def start(self, program: Program, renew: Callable[[], Program] | None = None) -> Running:
        """Start a program and keep it running from now on; `renew` is called before each later start."""
        process = start(program)
        self._tell_guard(f"+{process.pid} {int(program.stop_signal)}")
        running = Running(program, process, renew)
        self.running.append(running)
        return running

    def wait_until(self, ready: Callable[[], bool], what: str, seconds: float) -> None:
        """Wait until `ready()`; Problem when a program ends for the third time before, or after `seconds`."""
        deadline = time.monotonic() + seconds
        failures = 0
        while not ready():
            failures += self.look_after()
            if failures >= 3:
                raise Problem(f"{what} did not come up because its programs keep ending (their last words are above).")
            if time.monotonic() > deadline:
                raise Problem(f"{what} did not come up within {seconds:.0f} seconds (see the log files).")
            self.pause(0.1)

    def forever(self) -> None:
        """Keep everything running until Stopped."""
        while True:
            self.look_after()
            self.pause(self._until_next())

    def _until_next(self) -> float:
        due = [running.due for running in self.running if running.due is not None]
        return max(0.0, min([5.0, *(moment - time.monotonic() for moment in due)]))

    def look_after(self) -> int:
        """Notice programs that ended, start again those that are due; return how many were found ended."""
        ended = 0
        for running in self.running:
            if running.due is not None:
                self._start_again(running)
            elif running.process.poll() is not None:
                ended += 1
                self._bury(running)
        return ended

    def _bury(self, running: Running) -> None:
        program = running.program
        finish(running.process, 0.0)
        self._tell_guard(f"-{running.process.pid}")
        if time.monotonic() - running.since > QUIET:
            running.delay = FIRST_DELAY
        running.due = time.monotonic() + running.delay
        how = describe(running.process.returncode)
        say(f"{program.name} {how}; it is started again in {running.delay:g} s (log: {program.log}):")
        for line in tail(program.log, 5):
            say(f"  {program.name}: {line}")
        running.delay = min(running.delay * 2, LONGEST_DELAY)

    def _start_again(self, running: Running) -> None:
        if running.due is None or time.monotonic() < running.due:
            return
        try:
            if running.renew is not None:
                running.program = running.renew()
        except Problem as problem:
            say(str(problem))
            running.due = time.monotonic() + running.delay
            running.delay = min(running.delay * 2, LONGEST_DELAY)
            return
        running.process = start(running.program)
        self._tell_guard(f"+{running.process.pid} {int(running.program.stop_signal)}")
        running.since = time.monotonic()
        running.due = None

    def stop_all(self) -> None:
        """Stop everything: first what was started last, services only after the programs that use them.

        Asking a second time ends the waiting and kills.
        """
        while self.running:
            self._stop_group([running for running in self.running if not running.is_service] or self.running[-1:])

    def _stop_group(self, group: list[Running]) -> None:
        for running in group:
            ask_to_stop(running.process, running.program)
        now = time.monotonic()
        for running in group:
            finish(running.process, now + running.program.patience, self._pause_while_stopping)
            self._tell_guard(f"-{running.process.pid}")
            self.running.remove(running)

    def _pause_while_stopping(self, seconds: float) -> None:
        self._sleep(seconds)
        if self.impatient:
            for running in self.running:
                if running.process.poll() is None and not running.is_service:
                    running.process.kill()


def describe(code: int) -> str:
    """Say how a process ended."""
    if code < 0:
        return f"was ended by {signal.Signals(-code).name}"
    return f"ended with exit code {code}"
