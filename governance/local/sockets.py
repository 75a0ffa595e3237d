"""Where Unix sockets live: their paths may have 107 bytes (103 on macOS), and checkouts may be deep."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from governance.local.problem import Problem

# The longest name we put into such a directory is PostgreSQL's `.s.PGSQL.5432.lock`.
LONGEST = 103 - len("/.s.PGSQL.5432.lock")


def _places() -> list[Path]:
    names = [os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"]  # noqa: S108 - mkdtemp below
    return [Path(name) for name in names if name]


def make_directory() -> Path:
    """Make a short, private (0700) directory with a random name; Problem when no place allows it."""
    for place in _places():
        if len(os.fsencode(place)) + len("/pw-12345678") > LONGEST:
            continue
        try:
            return Path(tempfile.mkdtemp(prefix="pw-", dir=place))
        except OSError:
            continue
    raise Problem("There is no writable directory with a short path for sockets; set XDG_RUNTIME_DIR to one.")
