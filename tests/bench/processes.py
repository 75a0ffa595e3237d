"""What processes use, from /proc (Linux)."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def words(process: int) -> list[str]:
    """The fields of its `stat` after the name, which ends with the last bracket: state, parent, group, session."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def every() -> dict[int, list[str]]:
    """All processes with these fields."""
    found = {int(entry.name): words(int(entry.name)) for entry in Path("/proc").iterdir() if entry.name.isdecimal()}
    return {process: fields for process, fields in found.items() if fields}


def members(session: int) -> list[int]:
    """Processes of a session: programs are started in one of their own."""
    return [process for process, fields in every().items() if int(fields[3]) == session]


def cpu(processes: Iterable[int], children: bool = False) -> float:
    """Seconds of all cores that they have used; with `children` also those of their children, ended ones included."""
    wanted, known = set(processes), every()
    if children:
        wanted |= {process for process, fields in known.items() if int(fields[1]) in wanted}
    last = 15 if children else 13
    return sum(sum(map(int, known[process][11:last])) for process in wanted if process in known) / TICK


def proportional(process: int) -> float:
    """PSS in megabytes: shared pages are split among those who share them."""
    try:
        lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in lines if line.startswith("Pss:")), 0.0)
