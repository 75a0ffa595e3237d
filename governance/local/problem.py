"""What goes wrong is said in one sentence; everything we say goes through one function."""

from __future__ import annotations

import sys
from contextlib import suppress


class Problem(Exception):
    """Something the person at the terminal can mend; the text is one sentence that says how."""


class Stopped(Exception):
    """The person, or the system, asked us to stop."""


def say(text: str) -> None:
    """Write one line to the terminal, at once; a terminal that was closed is no reason to fail."""
    with suppress(OSError):
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()
