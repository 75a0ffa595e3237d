"""Is this worker about to end? One byte that it shares with its processes: set, they begin nothing new.

Celery tells a process of the end only after the tasks that wait in its pipe, and each of them would work for a whole
turn.
"""

from __future__ import annotations

import mmap

FLAG = mmap.mmap(-1, 1)


def stop() -> None:
    """From now on."""
    FLAG[0] = 1


def is_stopping() -> bool:
    """Nothing new is to be begun, and what takes long is to be given back."""
    return bool(FLAG[0])
