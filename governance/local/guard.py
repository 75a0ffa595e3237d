"""Outlives the supervisor for as long as it takes to end what the supervisor had started.

Run as a file of its own with the supervisor's pipe as standard input: `+GROUP SIGNAL` and `-GROUP` lines say which
process groups there are. When the pipe ends and groups are left, the supervisor was killed: each gets its signal, and
after ten seconds SIGKILL. The guard inherits the lock of the data directory, so nobody starts anew before it is done.
"""

from __future__ import annotations

import os
import signal
import sys
import time

PATIENCE = 10.0


def send(group: int, number: int) -> bool:
    """Send a signal to a process group; False when it is gone."""
    try:
        os.killpg(group, number)
    except (ProcessLookupError, PermissionError):
        return False
    return True


def end(groups: dict[int, int]) -> None:
    """End every group, politely first."""
    deadline = time.monotonic() + PATIENCE
    for group, number in groups.items():
        send(group, number)
    while any(send(group, 0) for group in groups) and time.monotonic() < deadline:
        time.sleep(0.05)
    for group in groups:
        send(group, signal.SIGKILL)


def main() -> None:
    """Follow the supervisor's list until it ends."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: dict[int, int] = {}
    for line in sys.stdin:
        words = line.split()
        if words and words[0].startswith("+"):
            groups[int(words[0][1:])] = int(words[1])
        elif words:
            groups.pop(int(words[0][1:]), None)
    end(groups)


if __name__ == "__main__":
    main()
