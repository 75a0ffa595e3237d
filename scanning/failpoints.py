"""Places where a fault test lets a process die, fail or wait: `PW_FAILPOINT=point[/about]:action[@file]`, with commas.

Actions: `kill` (SIGKILL to itself), `raise`, `sleep=SECONDS`. With `/about` only where the point is about that, with
`@file` once: whoever removes the file. Costs one look at an empty dictionary when unset.
"""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from django.conf import settings


def _read(text: str) -> dict[str, tuple[str, str]]:
    points: dict[str, tuple[str, str]] = {}
    for word in filter(None, text.split(",")):
        point, _, rest = word.partition(":")
        action, _, marker = rest.partition("@")
        points[point.strip()] = (action.strip(), marker.strip())
    return points


POINTS = _read(settings.FAILPOINTS)


def reach(point: str, about: str = "") -> None:
    """Do what the environment says for this point; nothing in normal operation."""
    if not POINTS:
        return
    _act(*POINTS.get(f"{point}/{about}", POINTS.get(point, ("", ""))))


def _act(action: str, marker: str) -> None:
    if marker:
        try:
            Path(marker).unlink()
        except FileNotFoundError:
            return
    if action == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    elif action.startswith("sleep="):
        time.sleep(float(action.removeprefix("sleep=")))
    elif action == "raise":
        raise RuntimeError("a failpoint asked for this")
