"""Alias groups: CVE, GHSA, DSA, ... of one vulnerability, merged as reports teach them."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection

from governance.findings.catalogue import CVE
from governance.findings.report import Match

MERGE = (
    "UPDATE findings_advisory SET vulnerability_id = %(into)s WHERE vulnerability_id = ANY(%(gone)s)",
    """UPDATE findings_vulnerability stays SET severity = greatest(stays.severity, fact.severity),
       cvss = greatest(stays.cvss, fact.cvss),
       title = CASE WHEN stays.title = '' THEN fact.title ELSE stays.title END
       FROM (SELECT max(severity) AS severity, max(cvss) AS cvss, max(title) AS title FROM findings_vulnerability
             WHERE id = ANY(%(gone)s)) fact WHERE stays.id = %(into)s""",
    "DELETE FROM findings_vulnerability WHERE id = ANY(%(gone)s)",
)


def pairs_of(matches: Iterable[Match]) -> set[tuple[str, str]]:
    """(identifier, alias) pairs that a report states."""
    return {(match.advisory, alias) for match in matches for alias in match.aliases if alias != match.advisory}


def teach(pairs: set[tuple[str, str]]) -> set[int]:
    """Join the groups of each pair; returns the groups that grew.

    A group never holds two CVE identifiers: one distribution advisory often covers many CVEs, and those are different
    vulnerabilities. The group is named after its CVE where it has one.
    """
    grown: set[int] = set()
    for left, right in sorted(pairs):
        groups = _groups(left, right)
        if len(groups) < 2:
            continue
        cves = {name for names in groups.values() for name in names if CVE.fullmatch(name)}
        if len(cves) > 1:
            continue
        into = next((pk for pk, names in groups.items() if cves & names), min(groups))
        with connection.cursor() as cursor:
            for statement in MERGE:
                cursor.execute(statement, {"into": into, "gone": [pk for pk in groups if pk != into]})
        grown.add(into)
    return grown


def _groups(left: str, right: str) -> dict[int, set[str]]:
    """The names in the groups of both identifiers, locked, lowest group first."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM findings_vulnerability WHERE id IN"
            " (SELECT vulnerability_id FROM findings_advisory WHERE name = ANY(%s)) ORDER BY id FOR UPDATE",
            [[left, right]],
        )
        groups: dict[int, set[str]] = {pk: set() for (pk,) in cursor.fetchall()}
        cursor.execute(
            "SELECT vulnerability_id, name FROM findings_advisory WHERE vulnerability_id = ANY(%s)", [list(groups)]
        )
        for pk, name in cursor.fetchall():
            groups[pk].add(name)
    return groups
