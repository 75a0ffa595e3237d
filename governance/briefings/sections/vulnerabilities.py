"""Vulnerabilities of what runs or is current: known to be used in attacks, and others that are critical."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from django.db import connection

from governance.briefings.scope import LIVE, Scope
from governance.briefings.sections.fact import Fact
from governance.web.templatetags.portwarden import readable

# From the few images with anything that bad to their sets, and from those to vulnerabilities: each set is opened once.
WORST = """
WITH held AS (
    SELECT image.finding_set_id AS id, count(*) AS images FROM images_image image
    WHERE {counts} AND image.finding_set_id IS NOT NULL AND (image.critical > 0 OR image.exploited > 0)
    GROUP BY 1
), line AS (
    SELECT held.id, held.images, vulnerability.id AS vulnerability, vulnerability.name,
           bool_or(vulnerability.kev_added IS NOT NULL) AS exploited, bool_or(finding.severity = 5) AS critical,
           bool_or(finding.fixed_version <> '') AS fixable
    FROM held JOIN findings_findingset s ON s.id = held.id CROSS JOIN LATERAL unnest(s.findings) AS one
    JOIN findings_finding finding ON finding.id = one
    JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
    JOIN findings_vulnerability vulnerability ON vulnerability.id = advisory.vulnerability_id
    WHERE finding.severity = 5 OR vulnerability.kev_added IS NOT NULL
    GROUP BY 1, 2, 3, 4
)
SELECT name, bool_or(exploited), bool_or(fixable), sum(images)::int AS images
FROM line GROUP BY vulnerability, name ORDER BY images DESC, name
"""


@dataclass(frozen=True, slots=True)
class Worst:
    """One vulnerability."""

    name: str
    exploited: bool
    fixable: bool

    @property
    def shown(self) -> str:
        """Its name, and what to do."""
        return f"{readable(self.name, 60)} ({'a fix is known' if self.fixable else 'no fix known yet'})"


def worst(scope: Scope, counts: str = LIVE) -> list[Worst]:
    """Critical or known exploited ones in the images that count, those of most images first."""

    def ask() -> list[Worst]:
        with connection.cursor() as cursor:
            cursor.execute(WORST.format(counts=counts), scope.arguments)
            return [Worst(*row[:3]) for row in cursor.fetchall()]

    return scope.once(f"worst {counts}", ask)


@dataclass(slots=True)
class Vulnerable:
    """The section of those that are known to be exploited, or of the others."""

    NAME: str
    TITLE: str
    MORE: str
    ENDED: str
    exploited: bool

    def standing(self, scope: Scope) -> list[Fact]:
        """Each vulnerability, those of most images first; the heading says how bad they are."""
        return [
            Fact(
                one.name,
                one.shown,
                scope.link("images:image_list", vulnerability=one.name, live="true"),
                ": {n} image{s}",
            )
            for one in worst(scope)
            if one.exploited == self.exploited
        ]

    def tell(self, new: Sequence[Fact], scope: Scope) -> list[Fact]:
        """Every one is a line."""
        return list(new)


EXPLOITED = Vulnerable(
    "exploited",
    "Known exploited",
    "{n} more that are known to be exploited",
    "{n} known exploited vulnerabilit{y} gone from what runs or is current",
    exploited=True,
)
CRITICAL = Vulnerable(
    "critical",
    "Critical",
    "{n} more critical vulnerabilit{y}",
    "{n} critical vulnerabilit{y} gone from what runs or is current",
    exploited=False,
)
