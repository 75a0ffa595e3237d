"""The work list of a base: each of its vulnerabilities once, with how much is built on it and has it, too.

Whatever stands on a base has the base's findings; they are one item of work on the base, never one on each child.
Images are counted by their finding sets, which consecutive builds share.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from governance.findings.models import Finding
from governance.images.models import Image

# At most 63: see `INHERITED`.
SIZE = 50
# Of a base with more descendants than this, so many are looked at, and the numbers say so.
LOOKED_AT = 2_000


@dataclass(slots=True)
class Item:
    """One vulnerability of the base; `images`, `repositories` and `teams` are how many inherit it."""

    name: str
    title: str
    severity: int
    is_exploited: bool
    findings: list[Finding]
    since: datetime | None = None
    images: int = 0
    repositories: int = 0
    teams: int = 0

    @property
    def packages(self) -> list[str]:
        """What it is in."""
        return sorted({str(finding.package) for finding in self.findings})

    @property
    def fixed(self) -> list[str]:
        """Versions that fix it."""
        return sorted({finding.fixed_version for finding in self.findings if finding.fixed_version})


@dataclass(frozen=True, slots=True)
class WorkList:
    """One page of items, worst first; `is_exact` says that all descendants were looked at."""

    items: list[Item] = field(default_factory=list)
    total: int = 0
    looked_at: int = 0
    is_exact: bool = True


# When a scan of the base first named the vulnerability, in whatever words, is looked up for the page's rows alone.
ITEMS = """
SELECT page.*, (
    SELECT min(scan.scanned_at) FROM findings_scan scan JOIN findings_findingset s ON s.id = scan.finding_set_id
    WHERE scan.image_id = %(base)s AND scan.outcome = 'assessed' AND s.findings && ARRAY(
        SELECT finding.id FROM findings_finding finding JOIN findings_advisory advisory
            ON advisory.id = finding.advisory_id WHERE advisory.vulnerability_id = page.id)) AS since
FROM (
    SELECT vulnerability.id, max(finding.severity), array_agg(finding.id ORDER BY finding.id), count(*) OVER ()
    FROM findings_finding finding JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
    JOIN findings_vulnerability vulnerability ON vulnerability.id = advisory.vulnerability_id
    WHERE finding.id = ANY(%(ids)s)
    GROUP BY 1
    HAVING (%(low)s::int IS NULL OR max(finding.severity) BETWEEN %(low)s AND %(high)s)
       AND (%(fixable)s::bool IS NULL OR bool_or(finding.fixed_version <> '') = %(fixable)s)
    ORDER BY 2 DESC, vulnerability.kev_added IS NULL, bool_or(finding.fixed_version <> '') DESC, 1 DESC
    LIMIT %(size)s OFFSET %(offset)s
) page
"""


def work_list(
    base: Image, levels: tuple[int | None, int | None] = (None, None), fixable: bool | None = None, page: int = 1
) -> WorkList:
    """A page of the base's vulnerabilities; `levels` are the lowest and highest severity."""
    if base.finding_set is None:
        return WorkList()
    values: dict[str, Any] = {
        "base": base.pk,
        "ids": base.finding_set.findings,
        "low": levels[0],
        "high": levels[1],
        "fixable": fixable,
        "size": SIZE,
        "offset": (page - 1) * SIZE,
    }
    with connection.cursor() as cursor:
        cursor.execute(ITEMS, values)
        rows = cursor.fetchall()
    if not rows:
        return WorkList()
    found = Finding.objects.select_related("package", "advisory__vulnerability")
    known = found.in_bulk([pk for row in rows for pk in row[2]])
    items = {row[0]: _item([known[pk] for pk in row[2]], row[1], row[4]) for row in rows}
    looked_at = _count(items, base.pk, list(known)) if base.descendants else 0
    return WorkList(list(items.values()), rows[0][3], min(looked_at, LOOKED_AT), looked_at <= LOOKED_AT)


def _item(findings: list[Finding], severity: int, since: datetime | None) -> Item:
    group = findings[0].advisory.vulnerability
    return Item(group.name, group.title, severity, group.kev_added is not None, findings, since)


# The same line may be another finding in a child (another severity or fix), hence `same`. What a set has of the page is
# one number, a bit for each vulnerability, so that the many that have the same are one row from there on.
INHERITED = """
WITH RECURSIVE down AS (
    SELECT %(base)s::bigint AS id
  UNION
    SELECT image.id FROM down JOIN images_image image ON image.base_id = down.id WHERE image.merged_into_id IS NULL
), below AS MATERIALIZED (
    SELECT id FROM down WHERE id <> %(base)s LIMIT %(most)s
), base AS MATERIALIZED (
    SELECT advisory.vulnerability_id, package.name, package.version
    FROM findings_finding finding JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
    JOIN findings_package package ON package.id = finding.package_id WHERE finding.id = ANY(%(findings)s)
), same AS MATERIALIZED (
    SELECT DISTINCT other.id, 1::bigint << (page.place - 1)::int AS bit
    FROM base JOIN unnest(%(groups)s::bigint[]) WITH ORDINALITY AS page(id, place) ON page.id = base.vulnerability_id
    JOIN findings_advisory advisory ON advisory.vulnerability_id = base.vulnerability_id
    JOIN findings_finding other ON other.advisory_id = advisory.id
    JOIN findings_package package ON package.id = other.package_id
     AND (package.name, package.version) = (base.name, base.version)
), part AS MATERIALIZED (
    SELECT image.finding_set_id AS set, image.repository_id AS repository, count(*) AS images
    FROM below JOIN images_image image ON image.id = below.id WHERE image.finding_set_id IS NOT NULL GROUP BY 1, 2
), has AS (
    SELECT held.set, bit_or(same.bit) AS bits FROM (
        SELECT s.id AS set, unnest(s.findings) AS finding FROM findings_findingset s
        WHERE s.id IN (SELECT set FROM part)) held
    JOIN same ON same.id = held.finding GROUP BY 1
)
SELECT has.bits, sum(part.images)::int, array_agg(DISTINCT repository.id), array_agg(DISTINCT repository.owner_id)
FROM has JOIN part ON part.set = has.set LEFT JOIN images_repository repository ON repository.id = part.repository
GROUP BY 1
UNION ALL SELECT 0, count(*)::int, NULL, NULL FROM below
"""


def _count(items: dict[int, Item], base: int, findings: Sequence[int]) -> int:
    """How many images below, in how many repositories of how many teams, have each; returns how many there are."""
    below = 0
    repositories: dict[int, set[int | None]] = {group: set() for group in items}
    teams: dict[int, set[int | None]] = {group: set() for group in items}
    values: dict[str, Any] = {"base": base, "findings": list(findings), "groups": list(items), "most": LOOKED_AT + 1}
    with connection.cursor() as cursor:
        cursor.execute(INHERITED, values)
        for bits, images, lying, owners in cursor.fetchall():
            if not bits:
                below = images
            for group in [group for place, group in enumerate(items) if bits >> place & 1]:
                items[group].images += images
                repositories[group].update(lying)
                teams[group].update(owners)
    for group, item in items.items():
        item.repositories, item.teams = (len(found[group] - {None}) for found in (repositories, teams))
    return below
