"""How many findings a scanner saw in an image, from scan to scan: the curve beside the timeline.

One scanner's, because another's first look would raise it without anything having happened; that of which there are the
most looks, if none is picked. What the image is counted by is what all of them come to (`findings.witnesses`).
"""

from __future__ import annotations

import json
from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection
from django.utils import timezone

from governance.images.models import Image

# Looks that are drawn, the newest; each scanner's share of them is what it gets.
MOST = 1_000
LEVELS = ("critical", "high", "medium", "low", "unknown")
LOOKS = """
SELECT scan.scanner, scan.stage, scan.scanned_at, s.critical, s.high, s.medium, s.low, s.unknown
FROM findings_scan scan JOIN findings_findingset s ON s.id = scan.finding_set_id
WHERE scan.image_id = %s AND scan.outcome = 'assessed' AND scan.scanner NOT IN ('osv', 'portwarden-agent')
ORDER BY scan.scanned_at DESC, scan.id DESC LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Point:
    """What was seen at a time and held until the next; counters as on an image."""

    at: datetime
    stage: str
    critical: int
    high: int
    medium: int
    low: int
    unknown: int

    @property
    def counts(self) -> tuple[int, ...]:
        """By severity, the worst first."""
        return self.critical, self.high, self.medium, self.low, self.unknown

    @property
    def total(self) -> int:
        """All of them."""
        return sum(self.counts)


@dataclass(slots=True)
class Curve:
    """The steps of one scanner's findings, oldest first; `scanners` are all that looked, with how often."""

    scanner: str = ""
    scanners: list[tuple[str, int]] = field(default_factory=list)
    points: list[Point] = field(default_factory=list)

    @property
    def steps(self) -> list[Point]:
        """The points at which something changed."""
        return [one for before, one in zip([None, *self.points], self.points, strict=False) if _differs(before, one)]

    @property
    def drawn(self) -> str:
        """For the chart: [[milliseconds since 1970, five counters]], until now."""
        rows = [[int(one.at.timestamp() * 1000), *one.counts] for one in self.steps]
        if rows:
            rows.append([int(timezone.now().timestamp() * 1000), *self.points[-1].counts])
        return json.dumps(rows)


def _differs(before: Point | None, one: Point) -> bool:
    return before is None or before.counts != one.counts


def curve_of(image: Image, scanner: str = "") -> Curve:
    """The curve of a scanner, or of the one that looked most often; one statement."""
    with connection.cursor() as cursor:
        cursor.execute(LOOKS, [image.pk, MOST])
        rows = cursor.fetchall()
    found: dict[str, list[Point]] = defaultdict(list)
    for name, stage, at, *counts in reversed(rows):
        found[name].append(Point(at, stage, *counts))
    if not found:
        return Curve()
    often = sorted(((name, len(points)) for name, points in found.items()), key=lambda one: (-one[1], one[0]))
    picked = scanner if scanner in found else often[0][0]
    return Curve(picked, often, found[picked])
