"""Who says a finding, since when, how severe and fixed by what: each scanner's own words beside the ones shown."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from governance.findings.models import OSV, Finding, Scan
from governance.findings.report import Severity
from governance.findings.witnesses import MergedLine, Statement, Testimony, merge, statements
from governance.images.models import Image


@dataclass(frozen=True, slots=True)
class Said:
    """One scanner's word on a line.

    `package` is the source package where the scanner names that alone; `counted` is False where the scanner set the
    finding aside; `shown` where this is the word that pages and counters show; `differs` where it differs from that.
    """

    scanner: str
    severity: int
    fixed_version: str
    since: datetime | None
    package: str
    counted: bool
    shown: bool
    differs: bool

    def as_dict(self) -> dict[str, object]:
        """As the API gives it."""
        return {
            "scanner": self.scanner,
            "since": self.since,
            "severity": Severity(self.severity).name.lower(),
            "fixed_version": self.fixed_version,
            "package": self.package,
            "counted": self.counted,
            "shown": self.shown,
        }


def current_scans(image: Image, *, with_sets: bool = False) -> list[Scan]:
    """Of each scanner and stage the scan that speaks for it now, by scanner."""
    rows = Scan.objects.looks().filter(image=image, is_current=True).order_by("scanner", "stage")
    return list(rows.select_related("finding_set") if with_sets else rows)


def testimonies(scans: Iterable[Scan]) -> list[Testimony]:
    """Those of the current scans that looked at packages."""
    assessed = [scan for scan in scans if scan.outcome == Scan.Outcome.ASSESSED]
    return [Testimony(scan.scanner, scan.stage, scan.scanned_at, scan.finding_set_id) for scan in assessed]


def said_of(findings: Sequence[Finding], image: Image, seen: Sequence[Testimony]) -> dict[int, list[Said]]:
    """{finding: who says the line it is on, the preferred scanner first}."""
    groups = sorted({finding.advisory.vulnerability_id for finding in findings})
    if not groups:
        return {}
    stated = statements(seen, groups)
    since = _since(image, stated)
    shown = {finding.pk for finding in findings}
    found: dict[int, list[Said]] = {}
    for line in merge(stated):
        if ids := shown.intersection(one.id for rows in line.said.values() for one in rows):
            found |= dict.fromkeys(ids, _said(line, since))
    return found


def _said(line: MergedLine, since: dict[tuple[str, int, int], datetime]) -> list[Said]:
    chosen = line.chosen
    severity, fixes = _word(chosen)
    words = []
    for scanner, rows in line.witnesses.items():
        one = min(rows, key=lambda row: (not row.counted, row.rank, row.key))
        mine = _word([row for row in rows if row.rank == one.rank and row.counted == one.counted])
        words.append(
            Said(
                scanner=scanner,
                severity=mine[0],
                fixed_version=", ".join(sorted(mine[1])),
                since=since.get((scanner, one.vulnerability, one.package)),
                package=one.name,
                counted=one.counted,
                shown=scanner == chosen[0].scanner,
                differs=(mine[0] != severity and mine[0] > 0) or mine[1] != fixes or one.counted != chosen[0].counted,
            )
        )
    return sorted(words, key=lambda word: (not word.shown, word.scanner))


def _word(rows: Iterable[Statement]) -> tuple[int, frozenset[str]]:
    """Severity and fixes of one scanner, which may name the vulnerability by several advisories."""
    stated = list(rows)
    return max(one.severity for one in stated), frozenset(one.fixed_version for one in stated if one.fixed_version)


# `osv` has one scan of an image, which is made anew: what it says holds since the list and the advisory are known.
SINCE = """
WITH same AS MATERIALIZED (
    SELECT finding.id, advisory.vulnerability_id, finding.package_id
    FROM findings_finding finding JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
    WHERE advisory.vulnerability_id = ANY(%(groups)s) AND finding.package_id = ANY(%(packages)s)
), scanned AS (
    SELECT scanner, finding_set_id, min(scanned_at) AS at FROM findings_scan
    WHERE image_id = %(image)s AND outcome = 'assessed' GROUP BY 1, 2
)
SELECT 0 AS place, scanned.scanner, same.vulnerability_id, same.package_id, min(scanned.at)
FROM scanned JOIN findings_findingset s ON s.id = scanned.finding_set_id
CROSS JOIN LATERAL unnest(s.findings || s.suppressed) AS held(id) JOIN same ON same.id = held.id
GROUP BY 2, 3, 4
UNION ALL
SELECT 1, 'osv', advisory.vulnerability_id, finding.package_id, min(greatest(record.first_seen, listed.at))
FROM findings_finding finding JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
CROSS JOIN findings_osvecosystem ecosystem
JOIN findings_osvrecord record ON record.ecosystem_id = ecosystem.id AND record.name = advisory.name
CROSS JOIN (
    SELECT min(scanned_at) AS at FROM findings_scan WHERE image_id = %(image)s AND inventory AND scanner <> 'osv'
) listed
WHERE finding.id = ANY(%(matched)s::int[]) GROUP BY 3, 4
ORDER BY place
"""


def _since(image: Image, stated: Sequence[Statement]) -> dict[tuple[str, int, int], datetime]:
    """{(scanner, vulnerability, package): when a scan of this image by it first said so}, in whatever words."""
    values: dict[str, Any] = {
        "image": image.pk,
        "groups": sorted({one.vulnerability for one in stated}),
        "packages": sorted({one.package for one in stated}),
    }
    values["matched"] = [one.id for one in stated if one.scanner == OSV]
    with connection.cursor() as cursor:
        cursor.execute(SINCE, values)
        return {(scanner, group, package): at for _, scanner, group, package, at in cursor.fetchall()}
