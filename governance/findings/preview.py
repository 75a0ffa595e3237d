"""What another base would do to an image, before anybody builds it: `image - old base + new base`, by line.

A line is a vulnerability in a package at its version, as in `split`. What the image has of its own stays, the findings
of the new base come; so the answer is exact as far as a rebuild changes nothing but the base.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db import connection

from governance.findings.models import Finding
from governance.images.models import Image

WORDS = ("critical", "high", "medium", "low", "unknown")
MOST_LINES = 50


@dataclass(frozen=True, slots=True)
class Counters:
    """Lines by severity, as on an image."""

    critical: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0
    unknown: int = 0
    fixable: int = 0

    @property
    def findings_total(self) -> int:
        """All of them."""
        return self.critical + self.high + self.medium + self.low + self.unknown

    def as_dict(self) -> dict[str, int]:
        """As the API gives it."""
        return {word: getattr(self, word) for word in WORDS}


@dataclass(frozen=True, slots=True)
class Preview:
    """What the image would have on `base`; `after`, `fixes` and `brings` are None where no scan ever looked at that.

    `size` is the change in bytes, None where either base's size is unknown.
    """

    base: Image
    after: Counters | None = None
    fixes: int | None = None
    brings: int | None = None
    size: int | None = None
    fixed: list[int] = field(default_factory=list)
    brought: list[int] = field(default_factory=list)

    @property
    def is_known(self) -> bool:
        """The new base was scanned, and what the image has of its own is known."""
        return self.after is not None


# What is compared (vulnerability, name, version) and what is counted (vulnerability, package), of several id lists.
ROWS = """
SELECT side.of, advisory.vulnerability_id, finding.package_id, package.name, package.version,
       max(finding.severity), bool_or(finding.fixed_version <> ''), min(finding.id)
FROM (SELECT 0 AS of, unnest(%(mine)s::int[]) AS id UNION ALL SELECT -1, unnest(%(own)s::int[])
      UNION ALL SELECT s.id, unnest(s.findings) FROM findings_findingset s WHERE s.id = ANY(%(news)s)) side
JOIN findings_finding finding ON finding.id = side.id
JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
JOIN findings_package package ON package.id = finding.package_id
GROUP BY 1, 2, 3, 4, 5
"""
MINE, OWN = 0, -1
STEPS = ("unknown", "unknown", "low", "medium", "high", "critical")


class Row(NamedTuple):
    """What one side says of a vulnerability in a package; `id` is one of its findings."""

    vulnerability: int
    package: int
    name: str
    version: str
    severity: int
    fixable: bool
    id: int

    @property
    def line(self) -> tuple[int, str, str]:
        """What is compared."""
        return self.vulnerability, self.name, self.version


def previews(image: Image, old: Image, own: Sequence[int] | None, bases: Iterable[Image]) -> list[Preview]:
    """The image on each of these bases instead of `old`, in their order.

    `own` are the findings that the image has without those of `old` (`FindingSplit.own`); empty where the image is the
    base itself, None where nobody knows them.
    """
    wanted = list(bases)
    news = sorted({base.finding_set_id for base in wanted if base.finding_set_id})
    sides: dict[int, list[Row]] = defaultdict(list)
    known = own is not None and image.finding_set is not None
    if known and image.finding_set and news:
        with connection.cursor() as cursor:
            cursor.execute(ROWS, {"mine": image.finding_set.findings, "own": list(own or ()), "news": news})
            for side, *row in cursor.fetchall():
                sides[side].append(Row(*row))
    return [_preview(base, sides, known, _difference(old, base)) for base in wanted]


def _preview(base: Image, sides: dict[int, list[Row]], known: bool, size: int | None) -> Preview:
    if not known or base.finding_set_id is None:
        return Preview(base, size=size)
    new = sides[base.finding_set_id]
    fixed = _without(sides[MINE], [*sides[OWN], *new])
    brought = _without(new, sides[MINE])
    return Preview(
        base,
        count([*sides[OWN], *new]),
        fixes=len(fixed),
        brings=len(brought),
        size=size,
        fixed=fixed[:MOST_LINES],
        brought=brought[:MOST_LINES],
    )


def _without(rows: Iterable[Row], others: Iterable[Row]) -> list[int]:
    """One finding for each line that the others have not, worst first."""
    theirs = {row.line for row in others}
    rest = sorted((row for row in rows if row.line not in theirs), key=lambda row: (row.severity, row.id))
    return [row.id for row in {row.line: row for row in rest}.values()][::-1]


def count(rows: Iterable[Row]) -> Counters:
    """Counted as a scan's findings are: by vulnerability and package, at the worst severity."""
    worst: dict[tuple[int, int], tuple[int, bool]] = {}
    for row in rows:
        severity, fixable = worst.get((row.vulnerability, row.package), (0, False))
        worst[row.vulnerability, row.package] = (max(severity, row.severity), fixable or row.fixable)
    found: Counter[str] = Counter(STEPS[severity] for severity, _ in worst.values())
    return Counters(**found, fixable=sum(fixable for _, fixable in worst.values()))


def _difference(old: Image, new: Image) -> int | None:
    """How many bytes the new base has more."""
    return new.size - old.size if new.size and old.size else None


def lines_in(ids: Sequence[int]) -> list[Finding]:
    """Findings to show, in the order of their ids."""
    found = Finding.objects.select_related("package", "advisory__vulnerability").in_bulk(list(ids))
    return [found[pk] for pk in ids if pk in found]
