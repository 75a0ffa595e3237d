"""How pressing an image is: 0 to 100 points, each of which can be pointed at. Python for the page, SQL for all images.

| factor | points |
|---|---|
| severity | worst finding critical 40, high 25, medium 10, low or unknown 3; each further critical or high 1, up to 5 |
| known exploited | 20 where any vulnerability is in CISA's catalogue |
| exploitation likely (EPSS) | 15 times the highest score, rounded |
| fix available | 5 where any finding has one |
| running | 5 where a workload runs it; known not to run halves the sum |
| root | 5 where it runs as root |
| own | 5 where all findings are its own layers', 0 where the base has (nearly) all of them |

What is not known adds nothing and is shown as not known; it is never taken for a no. An image without findings has risk
0, one that no scan looked at has none.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

MOST = {"severity": 45, "exploited": 20, "epss": 15, "fix": 5, "running": 5, "root": 5, "own": 5}


@dataclass(frozen=True, slots=True)
class Facts:
    """What the points are given for. `inherited` is per cent of the findings; None is not known."""

    critical: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0
    unknown: int = 0
    fixable: int = 0
    exploited: int = 0
    epss: float | None = None
    running: bool | None = None
    root: bool | None = None
    inherited: int | None = None

    @property
    def total(self) -> int:
        """All findings that count."""
        return self.critical + self.high + self.medium + self.low + self.unknown


def points(facts: Facts) -> dict[str, int | None]:
    """{factor: its points, None where it is not known}; without findings all are 0."""
    if facts.total == 0:
        return dict.fromkeys(MOST, 0)
    worst = 40 if facts.critical else 25 if facts.high else 10 if facts.medium else 3
    return {
        "severity": worst + min(5, max(0, facts.critical + facts.high - 1)),
        "exploited": 20 if facts.exploited else 0,
        "epss": None if facts.epss is None else math.floor(facts.epss * 15 + 0.5),
        "fix": 5 if facts.fixable else 0,
        "running": None if facts.running is None else 5 if facts.running else 0,
        "root": None if facts.root is None else 5 if facts.root else 0,
        "own": None if facts.inherited is None else (100 - facts.inherited) // 20,
    }


def risk(facts: Facts) -> int:
    """The sum, 0 to 100."""
    total = sum(given or 0 for given in points(facts).values())
    return total // 2 if facts.running is False else total


# The same over columns of `s` (a finding set) and the three expressions. No value ever becomes part of this text.
SQL = """CASE WHEN s.critical + s.high + s.medium + s.low + s.unknown = 0 THEN 0 ELSE (
    CASE WHEN s.critical > 0 THEN 40 WHEN s.high > 0 THEN 25 WHEN s.medium > 0 THEN 10 ELSE 3 END
    + least(5, greatest(0, s.critical + s.high - 1))
    + CASE WHEN s.exploited > 0 THEN 20 ELSE 0 END
    + coalesce(floor(s.epss * 15 + 0.5)::int, 0)
    + CASE WHEN s.fixable > 0 THEN 5 ELSE 0 END
    + CASE WHEN {running} THEN 5 ELSE 0 END
    + CASE WHEN {root} THEN 5 ELSE 0 END
    + coalesce((100 - {inherited}) / 20, 0)
) / CASE WHEN {running} = false THEN 2 ELSE 1 END END"""
