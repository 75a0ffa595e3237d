"""Whether a version is affected (OSV schema, "Evaluation")."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from governance.findings.osv.advice import Event, Statement
from governance.findings.osv.versions import order, plain

# At one version, what ends a range comes before what begins the next.
TURNS = {Event.FIXED: 0, Event.INTRODUCED: 1, Event.LAST_AFFECTED: 2, Event.LIMIT: 3}
START = (Event.INTRODUCED, "0")
UNLIMITED = (Event.LIMIT, "*")


class Point(NamedTuple):
    """An event of a range, and its version in the order of the scheme."""

    at: Any
    text: str
    event: Event


class Range(NamedTuple):
    """A range, its events in order. `from_start`: it begins before any version."""

    from_start: bool
    points: list[Point]

    def holds(self, at: Any) -> bool:
        """Whether it affects the version. Versions are compared by `<` alone, which every scheme has right."""
        hit, limits = self.from_start, []
        for point in self.points:
            if point.event == Event.LIMIT:
                limits.append(at < point.at)
            elif point.event == Event.LAST_AFFECTED:
                hit = hit and not point.at < at
            elif not at < point.at:
                hit = point.event == Event.INTRODUCED
        return hit and (any(limits) or not limits)


def affected(statement: Statement, scheme: str, version: str) -> str | None:
    """None where the version is not affected, else the lowest version that fixes it ("" where none is named).

    Ranges and listed versions are a union. A range with an event at what is no version says nothing.
    """
    spelled = plain(scheme, version)
    hit = any(plain(scheme, listed) == spelled for listed in statement.versions)
    at = order(scheme, version)
    if at is None:
        return "" if hit else None
    ranges = [found for row in statement.ranges if (found := _read(row, scheme))]
    if not hit and not any(found.holds(at) for found in ranges):
        return None
    # They are in order within each range.
    fixes = [point for found in ranges for point in found.points if point.event == Event.FIXED and at < point.at]
    return _lowest(fixes)


def _read(row: Sequence[tuple[Event, str]], scheme: str) -> Range | None:
    rest = [pair for pair in row if pair not in (START, UNLIMITED)]
    points = [Point(order(scheme, text), text, event) for event, text in rest]
    if any(point.at is None for point in points):
        return None
    points.sort(key=lambda point: TURNS[point.event])
    points.sort(key=lambda point: point.at)
    return Range(START in row, points)


def _lowest(fixes: Sequence[Point]) -> str:
    lowest: Point | None = None
    for point in fixes:
        if lowest is None or point.at < lowest.at:
            lowest = point
    return lowest.text if lowest else ""
