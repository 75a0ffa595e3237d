"""Places where a fault test lets a process die, fail or wait: `PW_FAILPOINT=point:action[@file]`, comma separated.

Actions: `kill` (SIGKILL to itself), `raise`, `sleep=SECONDS`. With `@file` it happens once: whoever removes the file.
Costs one dictionary look-up when unset.
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


def reach(point: str) -> None:
    """Do what the environment says for this point; nothing in normal operation."""
    if point not in POINTS:
        return
    action, marker = POINTS[point]
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
        raise RuntimeError(f"failpoint {point}")
