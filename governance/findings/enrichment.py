"""What feeds say of CVEs, joined to the vulnerabilities of the fleet.

All rows of a feed are kept, narrow, so that a CVE that some image has tomorrow gets its score at once. A vulnerability
goes by the CVEs among its names and, where a distribution's advisory covers several, by all that reports state with it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import connection, transaction

from governance.findings import weigh

# Number of the advisory lock of whoever stores a feed: two would compute from each other's half.
LOCK = 0x70775F656E7269
# Sets that were being written when a feed was stored have numbers at most this far below the highest.
ROOM = 1_000


class Score(NamedTuple):
    """EPSS of a CVE: probability and percentile, each 0 to 1."""

    cve: str
    score: float
    percentile: float


class Exploit(NamedTuple):
    """An entry of the catalogue of known exploited vulnerabilities."""

    cve: str
    added: date
    due: date | None
    ransomware: bool


class Life(NamedTuple):
    """Until when a release gets fixes; `is_ended` where that is known without a date."""

    distro: str
    release: str
    ends: date | None
    is_ended: bool


# The CVEs that each of the vulnerabilities goes by: {those} narrows them.
NAMES = """
SELECT advisory.vulnerability_id AS id, advisory.name AS cve FROM findings_advisory advisory
WHERE advisory.name LIKE 'CVE-%%' {those}
UNION
SELECT advisory.vulnerability_id, other.name FROM findings_advisory advisory
JOIN findings_alias pair ON pair.low_id = advisory.id JOIN findings_advisory other ON other.id = pair.high_id
WHERE other.name LIKE 'CVE-%%' {those}
UNION
SELECT advisory.vulnerability_id, other.name FROM findings_advisory advisory
JOIN findings_alias pair ON pair.high_id = advisory.id JOIN findings_advisory other ON other.id = pair.low_id
WHERE other.name LIKE 'CVE-%%' {those}
"""
# Locked in one order, so that no report waits for it in a circle.
ENRICH = """
WITH named AS MATERIALIZED ({names}), scored AS (
    SELECT DISTINCT ON (named.id) named.id, named.cve, known.score, known.percentile
    FROM named JOIN findings_exploitscore known ON known.cve = named.cve
    ORDER BY named.id, known.score DESC, named.cve
), exploited AS (
    SELECT DISTINCT ON (named.id) named.id, named.cve, known.added, known.due, known.ransomware
    FROM named JOIN findings_knownexploited known ON known.cve = named.cve
    ORDER BY named.id, known.added, named.cve
), changed AS (
    SELECT vulnerability.id, scored.score, scored.percentile, coalesce(scored.cve, '') AS epss_cve,
           exploited.added, exploited.due, exploited.ransomware, coalesce(exploited.cve, '') AS kev_cve
    FROM findings_vulnerability vulnerability
    LEFT JOIN scored ON scored.id = vulnerability.id LEFT JOIN exploited ON exploited.id = vulnerability.id
    WHERE (vulnerability.epss, vulnerability.epss_percentile, vulnerability.epss_cve, vulnerability.kev_added,
           vulnerability.kev_due, vulnerability.kev_ransomware, vulnerability.kev_cve)
        IS DISTINCT FROM (scored.score, scored.percentile, coalesce(scored.cve, ''), exploited.added, exploited.due,
           exploited.ransomware, coalesce(exploited.cve, '')) {which}
    ORDER BY vulnerability.id FOR NO KEY UPDATE OF vulnerability
)
UPDATE findings_vulnerability vulnerability SET epss = changed.score, epss_percentile = changed.percentile,
    epss_cve = changed.epss_cve, kev_added = changed.added, kev_due = changed.due,
    kev_ransomware = changed.ransomware, kev_cve = changed.kev_cve
FROM changed WHERE changed.id = vulnerability.id RETURNING vulnerability.id
"""
ALL = ENRICH.format(names=NAMES.format(those=""), which="")
SOME = ENRICH.format(
    names=NAMES.format(those="AND advisory.vulnerability_id = ANY(%(groups)s)"),
    which="AND vulnerability.id = ANY(%(groups)s)",
)


def enrich(groups: Collection[int] | None = None) -> set[int]:
    """Join the feeds to these vulnerabilities, or to all; returns which changed. Their sets are the caller's."""
    if groups is not None and not groups:
        return set()
    with connection.cursor() as cursor:
        cursor.execute(ALL if groups is None else SOME, {"groups": sorted(groups or ())})
        return {pk for (pk,) in cursor.fetchall()}


def merge(table: str, columns: Sequence[str], keys: int, rows: Iterable[Sequence[Any]]) -> bool:
    """Make a table hold exactly these rows, by COPY and three statements; True if anything changed.

    `table` and `columns` are ours; the first `keys` columns tell rows apart.
    """
    same = " AND ".join(f"kept.{name} = new.{name}" for name in columns[:keys])
    rest = columns[keys:]
    kept, new = (", ".join(f"{side}.{name}" for name in rest) for side in ("kept", "new"))
    assigned = ", ".join(f"{name} = new.{name}" for name in rest)
    names = ", ".join(columns)
    with connection.cursor() as cursor:
        cursor.execute(f"CREATE TEMPORARY TABLE new ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA")
        with cursor.copy(f"COPY new ({names}) FROM STDIN") as into:
            for row in rows:
                into.write_row(row)
        cursor.execute("ANALYZE new")
        changed = 0
        for statement in (
            f"DELETE FROM {table} kept WHERE NOT EXISTS (SELECT FROM new WHERE {same})",
            f"UPDATE {table} kept SET {assigned} FROM new WHERE {same} AND ({kept}) IS DISTINCT FROM ({new})",
            f"INSERT INTO {table} ({names}) SELECT {names} FROM new ON CONFLICT DO NOTHING",
        ):
            cursor.execute(statement)
            changed += int(cursor.rowcount)
        cursor.execute("DROP TABLE new")
    return changed > 0


NOTE = """
INSERT INTO findings_enrichment (name, date, version, stored_at, sets_before, is_settled)
SELECT %(name)s, %(date)s, %(version)s, now(), coalesce(max(id), 0) - %(room)s, false FROM findings_findingset
ON CONFLICT (name) DO UPDATE SET date = excluded.date, version = excluded.version, stored_at = excluded.stored_at,
    sets_before = excluded.sets_before, is_settled = false
"""


def _store(name: str, table: tuple[str, Sequence[str]], rows: Iterable[Sequence[Any]], at: tuple[Any, str]) -> None:
    """Keep the rows; carry what they change on to vulnerabilities, and put the sets that hold these in line."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])
        cursor.execute(NOTE, {"name": name, "date": at[0], "version": at[1], "room": ROOM})
        if merge(*table, 1, rows):
            weigh.line_up(enrich())


def store_scores(rows: Iterable[Score], day: datetime | None = None, version: str = "") -> None:
    """EPSS as of a day, of all CVEs."""
    _store("epss", ("findings_exploitscore", ("cve", "score", "percentile")), rows, (day, version))


def store_exploits(rows: Iterable[Exploit], day: datetime | None = None, version: str = "") -> None:
    """The catalogue of known exploited vulnerabilities; what is no longer in it is no longer known exploited."""
    _store("kev", ("findings_knownexploited", ("cve", "added", "due", "ransomware")), rows, (day, version))


MISSED = """
INSERT INTO findings_reweigh (finding_set) SELECT s.id FROM findings_findingset s
WHERE s.findings <> '{}' AND s.id > (SELECT min(sets_before) FROM findings_enrichment WHERE NOT is_settled)
"""


def look_again(minutes: int = 5) -> None:
    """Some minutes after a feed was stored: see to what reports wrote at the same moment and neither side saw."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        if cursor.fetchone() != (True,):
            return
        due = "NOT is_settled AND stored_at < now() - make_interval(mins => %s)"
        cursor.execute(f"SELECT EXISTS (SELECT FROM findings_enrichment WHERE {due})", [minutes])
        if cursor.fetchone() == (True,):
            weigh.line_up(enrich())
            cursor.execute(MISSED)
            cursor.execute(f"UPDATE findings_enrichment SET is_settled = true WHERE {due}", [minutes])
