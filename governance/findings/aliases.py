"""Alias groups: CVE, GHSA, DSA, ... of one vulnerability, as reports teach them.

Which identifiers belong together is a function of all pairs that reports ever stated, so that it does not matter which
report came first (`group_names`). The pairs are kept; each new one regroups what it can reach, and nothing else.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from django.db import connection

from governance.findings.catalogue import CVE, advisory_ids
from governance.findings.enrichment import enrich
from governance.findings.report import Match
from governance.findings.weigh import line_up

# Number of the advisory lock under which groups change: two reports that teach overlapping pairs must see each other's.
LOCK = 0x70775F616C696173


def pairs_of(matches: Iterable[Match]) -> set[tuple[str, str]]:
    """(identifier, alias) pairs that a report states. Two CVEs are two vulnerabilities, whatever it says."""
    pairs = {(match.advisory, alias) for match in matches for alias in match.aliases if alias != match.advisory}
    return {pair for pair in pairs if not all(CVE.fullmatch(name) for name in pair)}


def group_names(names: Iterable[str], pairs: Iterable[tuple[str, str]]) -> dict[str, str]:
    """{identifier: the name of its group}, the same for any order of the pairs.

    A group never holds two CVEs: one distribution advisory often covers many, and those are different vulnerabilities.
    So an identifier that is stated with one CVE belongs to it, one that is stated with several stands alone, and those
    that are stated with none stay together and follow the one CVE that their neighbours belong to, if it is one.
    """
    near: dict[str, set[str]] = defaultdict(set)
    for left, right in pairs:
        near[left].add(right)
        near[right].add(left)
    cves = {name: {other for other in near[name] if CVE.fullmatch(other)} for name in names}
    found = {name: name for name in cves if CVE.fullmatch(name) or len(cves[name]) > 1}
    found |= {name: min(direct) for name, direct in cves.items() if name not in found and direct}
    settled = dict(found)
    for name in sorted(cves.keys() - settled.keys()):
        if name not in found:
            found |= _follow(name, near, settled)
    return found


def _follow(first: str, near: dict[str, set[str]], settled: dict[str, str]) -> dict[str, str]:
    """The identifiers around `first` that no report states with a CVE, and their group."""
    together, ahead, reached = {first}, [first], set()
    while ahead:
        for other in near[ahead.pop()]:
            if other not in settled:
                ahead += [other] if other not in together else []
                together.add(other)
            elif settled[other] != other:
                reached.add(settled[other])
    if len(reached) > 1:
        return {name: name for name in together}
    return dict.fromkeys(together, next(iter(reached), min(together)))


UNHEARD = """
SELECT pair.one, pair.other, one.id, other.id
FROM unnest(%s::text[], %s::text[]) AS pair(one, other)
LEFT JOIN findings_advisory one ON one.name = pair.one
LEFT JOIN findings_advisory other ON other.name = pair.other
LEFT JOIN findings_alias known
    ON known.low_id = least(one.id, other.id) AND known.high_id = greatest(one.id, other.id)
WHERE known.id IS NULL OR one.id IS NULL OR other.id IS NULL
"""


def teach(matches: Sequence[Match]) -> None:
    """Learn the pairs that no report stated before; in one look, if there are none."""
    pairs = sorted(pairs_of(matches))
    if not pairs:
        return
    with connection.cursor() as cursor:
        cursor.execute(UNHEARD, [[one for one, _ in pairs], [other for _, other in pairs]])
        rows = cursor.fetchall()
    if not rows:
        return
    if nameless := {name for one, other, left, right in rows for name, pk in ((one, left), (other, right)) if not pk}:
        # A known finding that got another alias since: only new findings brought their names with them.
        advisory_ids([match for match in matches if not nameless.isdisjoint(match.aliases)])
    _learn(sorted({(row[0], row[1]) for row in rows}))


LEARN = """
INSERT INTO findings_alias (low_id, high_id)
SELECT DISTINCT least(one.id, other.id), greatest(one.id, other.id)
FROM unnest(%s::text[], %s::text[]) AS pair(one_name, other_name)
JOIN findings_advisory one ON one.name = pair.one_name JOIN findings_advisory other ON other.name = pair.other_name
ON CONFLICT DO NOTHING
"""
REACHED = """
WITH RECURSIVE reached(id, is_cve) AS (
    SELECT id, false FROM findings_advisory WHERE name = ANY(%(names)s)
    UNION
    SELECT next.id, next.name ~ %(cve)s FROM reached
    JOIN findings_alias pair ON reached.id IN (pair.low_id, pair.high_id)
    JOIN findings_advisory next ON next.id = pair.low_id + pair.high_id - reached.id
    WHERE NOT reached.is_cve
)
SELECT advisory.id, advisory.name, advisory.vulnerability_id, vulnerability.name
FROM findings_advisory advisory
JOIN findings_vulnerability vulnerability ON vulnerability.id = advisory.vulnerability_id
WHERE advisory.id IN (SELECT id FROM reached)
"""
PAIRS = """
SELECT low.name, high.name FROM findings_alias pair
JOIN findings_advisory low ON low.id = pair.low_id JOIN findings_advisory high ON high.id = pair.high_id
WHERE pair.low_id = ANY(%(ids)s) OR pair.high_id = ANY(%(ids)s)
"""


def _learn(pairs: list[tuple[str, str]]) -> None:
    """Keep the pairs and move the identifiers whose group they change."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        cursor.execute(LEARN, [[one for one, _ in pairs], [other for _, other in pairs]])
        names = sorted({name for pair in pairs for name in pair if not CVE.fullmatch(name)})
        cursor.execute(REACHED, {"names": names, "cve": f"^{CVE.pattern}$"})
        reached = cursor.fetchall()
        ids = [pk for pk, name, _, _ in reached if not CVE.fullmatch(name)]
        cursor.execute(PAIRS, {"ids": ids})
        wanted = group_names([row[1] for row in reached], cursor.fetchall())
    moved = _move([(pk, group, wanted[name]) for pk, name, group, now in reached if now != wanted[name]])
    # Also what stays where it is may go by another CVE now.
    line_up(enrich(moved | {group for _, _, group, _ in reached}))


# A group that comes (back) into being takes its texts from the one it leaves.
FOUND = """
INSERT INTO findings_vulnerability (name, title, description, url, severity, cvss, published)
SELECT DISTINCT ON (moved.wanted)
    moved.wanted, old.title, old.description, old.url, old.severity, old.cvss, old.published
FROM unnest(%(left)s::bigint[], %(wanted)s::text[]) AS moved(group_id, wanted)
JOIN findings_vulnerability old ON old.id = moved.group_id
ORDER BY moved.wanted, old.id
ON CONFLICT (name) DO NOTHING
"""
MOVE = """
UPDATE findings_advisory advisory SET vulnerability_id = wanted.id
FROM unnest(%(ids)s::bigint[], %(wanted)s::text[]) AS moved(id, wanted)
JOIN findings_vulnerability wanted ON wanted.name = moved.wanted
WHERE advisory.id = moved.id RETURNING wanted.id
"""
# As severe as the worst of its findings, whoever reported them first.
DESCRIBE = """
UPDATE findings_vulnerability target SET
    severity = coalesce((SELECT max(finding.severity) FROM findings_finding finding JOIN findings_advisory advisory
        ON advisory.id = finding.advisory_id WHERE advisory.vulnerability_id = target.id), 0),
    cvss = greatest(target.cvss, (SELECT max(cvss) FROM findings_vulnerability WHERE id = ANY(%(left)s))),
    title = coalesce(nullif(target.title, ''),
        (SELECT max(title) FROM findings_vulnerability WHERE id = ANY(%(left)s)), '')
WHERE target.id = ANY(%(groups)s)
"""
EMPTY = """
DELETE FROM findings_vulnerability gone WHERE id = ANY(%(left)s)
AND NOT EXISTS (SELECT FROM findings_advisory WHERE vulnerability_id = gone.id)
"""
CHANGED = "INSERT INTO findings_regroup (vulnerability) SELECT unnest(%(groups)s::bigint[]) ON CONFLICT DO NOTHING"


def _move(moves: list[tuple[int, int, str]]) -> set[int]:
    """Move [(identifier, its group now, the name of the group it belongs to)]; the counters follow afterwards.

    Returns the groups that gained or lost one.
    """
    if not moves:
        return set()
    values: dict[str, list[int] | list[str]] = {
        "ids": [pk for pk, _, _ in moves],
        "left": [group for _, group, _ in moves],
        "wanted": [name for _, _, name in moves],
    }
    with connection.cursor() as cursor:
        cursor.execute(FOUND, values)
        cursor.execute(MOVE, values)
        joined = {pk for (pk,) in cursor.fetchall()}
        values["groups"] = sorted(joined | {group for _, group, _ in moves})
        cursor.execute(DESCRIBE, values)
        cursor.execute(EMPTY, values)
        cursor.execute(CHANGED, values)
    return joined | {group for _, group, _ in moves}
