"""What is stored once for the whole fleet: packages, advisories with their alias groups, findings."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Any

from django.db import connection

from governance.findings.enrichment import enrich
from governance.findings.report import Match, PackageAt, Severity
from governance.images.clean import clean_text, clean_time, clean_url

CVE = re.compile(r"CVE-\d{4}-\d{4,}")


def package_key(package: PackageAt) -> bytes:
    """16 bytes that tell packages apart: type, namespace, name, version, and the source package it was built from.

    The source is part of it so that what is stored does not depend on who reported the package first.
    """
    parts = (
        package.type,
        package.namespace,
        package.name,
        package.version,
        package.source_name,
        package.source_version,
    )
    text = "\x1f".join(parts)
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


# As a part of the key: formatting a member of an enumeration costs more than all the rest of it.
DIGITS = {severity: f"\x1f{severity:d}\x1f" for severity in Severity}


def finding_key(match: Match, package: bytes) -> bytes:
    """16 bytes that tell findings apart. Titles and descriptions are no part of it: scanners reword them."""
    text = f"{match.advisory}{DIGITS[match.severity]}{match.severity_word}\x1f{match.fixed_version}\x1f{match.status}"
    return hashlib.blake2b(package + text.encode(), digest_size=16).digest()


def clean_package(package: PackageAt) -> PackageAt:
    """Make every text fit its column. Nearly all do, together in the shortest of these columns but one."""
    texts = f"{package.name}{package.version}{package.namespace}{package.path}{package.source_name}"
    texts = f"{texts}{package.source_version}{package.type}"
    if len(texts) <= 200 and len(package.type) <= 30 and "\x00" not in texts:
        return package
    return PackageAt(
        name=clean_text(package.name, 300),
        version=clean_text(package.version, 300),
        type=clean_text(package.type, 30),
        namespace=clean_text(package.namespace, 200),
        path=clean_text(package.path, 1000),
        layer=package.layer,
        source_name=clean_text(package.source_name, 300),
        source_version=clean_text(package.source_version, 300),
        licenses=package.licenses,
    )


def package_ids(packages: dict[bytes, PackageAt]) -> dict[bytes, int]:
    """Ids by key; unknown packages are stored, in the order of keys so that two workers never wait in a circle."""
    known = _ids("findings_package", packages)
    missing = sorted(packages.keys() - known.keys())
    if missing:
        rows = [packages[key] for key in missing]
        columns: list[Any] = [missing]
        names = ("type", "namespace", "name", "version", "source_name", "source_version")
        columns += [[getattr(row, name) for row in rows] for name in names]
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO findings_package (key, type, namespace, name, version, source_name, source_version)"
                " SELECT * FROM unnest("
                "  %s::bytea[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[], %s::text[])"
                " ON CONFLICT (key) DO NOTHING",
                columns,
            )
        known |= _ids("findings_package", missing)
    return known


IDS = {
    "findings_package": "SELECT key, id FROM findings_package WHERE key = ANY(%s)",
    "findings_finding": "SELECT key, id FROM findings_finding WHERE key = ANY(%s)",
}


def _ids(table: str, keys: Iterable[bytes]) -> dict[bytes, int]:
    with connection.cursor() as cursor:
        cursor.execute(IDS[table], [list(keys)])
        return {bytes(key): pk for key, pk in cursor.fetchall()}


# The worst that anybody says. Locked in one order, so that two workers never wait in a circle.
RAISE = """
WITH rising AS (
    SELECT vulnerability.id, said.severity
    FROM findings_vulnerability vulnerability JOIN (
        SELECT advisory.vulnerability_id AS id, max(given.severity) AS severity
        FROM unnest(%s::bigint[], %s::smallint[]) AS given(advisory, severity)
        JOIN findings_advisory advisory ON advisory.id = given.advisory GROUP BY 1
    ) said ON said.id = vulnerability.id AND said.severity > vulnerability.severity
    ORDER BY vulnerability.id FOR NO KEY UPDATE OF vulnerability
)
UPDATE findings_vulnerability SET severity = rising.severity FROM rising
WHERE findings_vulnerability.id = rising.id AND findings_vulnerability.severity < rising.severity
"""


# Where a sister (the same vulnerability in a package of that name) had a fix before, its time is taken over.
INSERT = """
WITH given AS (
    SELECT * FROM unnest(%(keys)s::bytea[], %(advisories)s::bigint[], %(packages)s::bigint[],
        %(severities)s::smallint[], %(words)s::text[], %(fixes)s::text[], %(statuses)s::text[])
        AS given(key, advisory, package, severity, word, fix, status)
), known AS (
    SELECT given.key, min(sister.fix_since) AS since
    FROM given JOIN findings_advisory mine ON mine.id = given.advisory
    JOIN findings_package package ON package.id = given.package
    JOIN findings_advisory advisory ON advisory.vulnerability_id = mine.vulnerability_id
    JOIN findings_finding sister ON sister.advisory_id = advisory.id AND sister.fix_since IS NOT NULL
    JOIN findings_package other ON other.id = sister.package_id AND other.name = package.name
    WHERE given.fix <> '' GROUP BY 1
)
INSERT INTO findings_finding (key, advisory_id, package_id, severity, severity_word, fixed_version, status, fix_since)
SELECT given.key, given.advisory, given.package, given.severity, given.word, given.fix, given.status,
       CASE WHEN given.fix <> '' THEN least(known.since, coalesce(%(at)s::timestamptz, now())) END
FROM given LEFT JOIN known ON known.key = given.key ORDER BY given.key
ON CONFLICT (key) DO NOTHING
"""


def finding_ids(matches: dict[bytes, tuple[Match, bytes]], at: datetime | None = None) -> dict[bytes, int]:
    """Ids by finding key for (match, package key); what is unknown is stored, as known since `at` (now)."""
    known = _ids("findings_finding", matches)
    missing = sorted(matches.keys() - known.keys())
    if not missing:
        return known
    new = [matches[key] for key in missing]
    packages = package_ids({package: match.package for match, package in new})
    advisories = advisory_ids([match for match, _ in new])
    with connection.cursor() as cursor:
        cursor.execute(
            INSERT,
            {
                "keys": missing,
                "advisories": [advisories[match.advisory] for match, _ in new],
                "packages": [packages[package] for _, package in new],
                "severities": [int(match.severity) for match, _ in new],
                "words": [match.severity_word for match, _ in new],
                "fixes": [match.fixed_version for match, _ in new],
                "statuses": [match.status for match, _ in new],
                "at": at,
            },
        )
        cursor.execute(
            RAISE, [[advisories[match.advisory] for match, _ in new], [int(match.severity) for match, _ in new]]
        )
    return known | _ids("findings_finding", missing)


def advisory_ids(matches: Sequence[Match]) -> dict[str, int]:
    """Ids by identifier; unknown ones are stored, each in the alias group that the report teaches."""
    names = sorted({name for match in matches for name in (match.advisory, *match.aliases)})
    with connection.cursor() as cursor:
        cursor.execute("SELECT name, id FROM findings_advisory WHERE name = ANY(%s)", [names])
        known = dict(cursor.fetchall())
        missing = [name for name in names if name not in known]
        if missing:
            _store_groups(missing, matches)
            cursor.execute(
                "INSERT INTO findings_advisory (name, vulnerability_id)"
                " SELECT name, id FROM findings_vulnerability WHERE name = ANY(%s) ON CONFLICT (name) DO NOTHING"
                " RETURNING vulnerability_id",
                [missing],
            )
            enrich({pk for (pk,) in cursor.fetchall()})
            cursor.execute("SELECT name, id FROM findings_advisory WHERE name = ANY(%s)", [missing])
            known |= dict(cursor.fetchall())
    return known


def _store_groups(names: list[str], matches: Sequence[Match]) -> None:
    """A group of its own for each new name, with what the report says of it; aliases join groups afterwards.

    A name that stands only beside others has no finding, and so no severity.
    """
    said: dict[str, Match] = {}
    worst: dict[str, int] = {}
    for match in matches:
        worst[match.advisory] = max(worst.get(match.advisory, 0), match.severity)
        for name in (match.advisory, *match.aliases):
            if name not in said or match.severity > said[name].severity:
                said[name] = match
    rows = [said[name] for name in names]
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO findings_vulnerability (name, title, description, url, severity, cvss, published)"
            " SELECT * FROM unnest("
            "  %s::text[], %s::text[], %s::text[], %s::text[], %s::smallint[], %s::float8[], %s::timestamptz[])"
            " ON CONFLICT (name) DO NOTHING",
            [
                names,
                [clean_text(match.title, 512) for match in rows],
                [clean_text(match.description, 16_000) for match in rows],
                [clean_url(match.url) for match in rows],
                [int(worst.get(name, 0)) for name in names],
                [match.cvss if 0 <= match.cvss <= 10 else 0.0 for match in rows],
                [clean_time(match.published) for match in rows],
            ],
        )
