"""Figures of each day, written down as the day goes on, and the line that is drawn of them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection
from dataclasses import dataclass
from datetime import date, timedelta

from django.db import connection
from django.utils import timezone

from governance.overview.models import Day

DAYS = 90
# The whole is a row of its own: an image of two teams counts once in it.
NOTE = """
WITH live AS (
    SELECT id, owners, coalesce(running, 0) > 0 AS runs, coalesce(risk, 0) AS risk, verdict, exploited, fixable
    FROM images_image WHERE merged_into_id IS NULL AND (running > 0 OR NOT superseded)
), told AS (
    SELECT NULL::bigint AS team, live.* FROM live
    UNION ALL SELECT team, live.* FROM live CROSS JOIN unnest(live.owners) AS team
        WHERE EXISTS (SELECT FROM accounts_team WHERE accounts_team.id = team)
)
INSERT INTO overview_day (day, team_id, images, running, risk_running, risk, failing, exploited, fixable)
SELECT %(day)s, team, count(*), count(*) FILTER (WHERE runs), coalesce(sum(risk) FILTER (WHERE runs), 0), sum(risk),
       count(*) FILTER (WHERE verdict = 'fail'), count(*) FILTER (WHERE exploited > 0),
       count(*) FILTER (WHERE fixable > 0)
FROM told GROUP BY team
ON CONFLICT (team_id, day) DO UPDATE SET images = excluded.images, running = excluded.running,
    risk_running = excluded.risk_running, risk = excluded.risk, failing = excluded.failing,
    exploited = excluded.exploited, fixable = excluded.fixable
"""


def note_day(day: date | None = None) -> None:
    """Write down what the fleet comes to now as the figures of the day."""
    with connection.cursor() as cursor:
        cursor.execute(NOTE, {"day": day or timezone.now().date()})


@dataclass(frozen=True, slots=True)
class Point:
    """A day: its figures, and where it stands in a drawing of 100 by 100."""

    day: date
    risk: int
    images: int
    x: str
    y: str


@dataclass(frozen=True, slots=True)
class Trend:
    """The risk of what runs over the last days; of everything current where no agent tells what runs."""

    points: list[Point]
    running: bool

    @property
    def line(self) -> str:
        """The points of an SVG polyline."""
        return " ".join(f"{point.x},{point.y}" for point in self.points)

    @property
    def change(self) -> int:
        """From the first day to the last."""
        return self.points[-1].risk - self.points[0].risk if self.points else 0


def trend(teams: Collection[int] | None) -> Trend:
    """Of some teams together, or of all (None). An image of two of them counts for each."""
    since = timezone.now().date() - timedelta(days=DAYS)
    rows = Day.objects.filter(day__gte=since)
    rows = rows.filter(team=None) if teams is None else rows.filter(team__in=teams)
    sums: dict[date, list[int]] = defaultdict(lambda: [0, 0, 0, 0])
    for row in rows.order_by("day").values_list("day", "risk_running", "risk", "running", "images"):
        for place, value in enumerate(row[1:]):
            sums[row[0]][place] += value
    runs = any(running for _, _, running, _ in sums.values())
    picked = [(day, found[0] if runs else found[1], found[2] if runs else found[3]) for day, found in sums.items()]
    return Trend(_placed(picked), runs)


def _placed(days: list[tuple[date, int, int]]) -> list[Point]:
    if not days:
        return []
    first, top = days[0][0], max(risk for _, risk, _ in days) or 1
    span = (days[-1][0] - first).days or 1
    return [
        Point(day, risk, images, f"{100 * (day - first).days / span:.2f}", f"{100 - 95 * risk / top:.2f}")
        for day, risk, images in days
    ]
