"""Sets of findings and of packages: found by the hash of their content, stored once, counted once."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import msgspec
import zstandard
from django.db import connection
from psycopg.types.json import Jsonb

from governance.findings.aliases import pairs_of, teach
from governance.findings.catalogue import (
    clean_package,
    finding_ids,
    finding_key,
    package_ids,
    package_key,
)
from governance.findings.models import PackageSet
from governance.findings.report import Match, PackageAt
from governance.findings.weigh import WEIGHT, line_up
from governance.images.clean import clean_text

# A vendor's word that the package is not affected, or no longer: shown, but in no counter.
NOT_COUNTED = {"not_affected", "resolved"}
# Part of a licence set's name: with other rules for reading licences, the next report brings another set.
RULES = 1
# Some advisories carry no identifier; a page needs one for its address.
NAMELESS = "(no identifier)"


@dataclass(slots=True)
class Contents:
    """A scan's findings and packages with their keys, before any row is looked up."""

    counted: dict[bytes, tuple[Match, bytes]]
    suppressed: dict[bytes, tuple[Match, bytes]]
    packages: dict[bytes, PackageAt]
    places: list[tuple[bytes, int, str]]
    # Of packages whose licences are told, by key: as written.
    licences: dict[bytes, tuple[str, ...]]

    @property
    def finding_hash(self) -> bytes:
        """Names the finding set. Aliases are part of it, so that one that is new in a known set is learned."""
        parts = (*sorted(self.counted), b"|", *sorted(self.suppressed.keys() - self.counted.keys()))
        digest = hashlib.blake2b(b"".join(parts), digest_size=16)
        pairs = pairs_of(match for rows in (self.counted, self.suppressed) for match, _ in rows.values())
        if pairs:
            digest.update("\x00".join(f"{one}\x1f{other}" for one, other in sorted(pairs)).encode())
        return digest.digest()

    @property
    def package_hash(self) -> bytes | None:
        """Names the package set; None for a scan that names no package."""
        if not self.places:
            return None
        digest = hashlib.blake2b(digest_size=16)
        for key, layer, path in self.places:
            digest.update(key + layer.to_bytes(2) + path.encode() + b"\x00")
        return digest.digest()

    @property
    def licence_hash(self) -> bytes | None:
        """Names the licence set: by what is written, as that costs less than to understand it; None without any."""
        if not self.licences:
            return None
        told = (RULES, sorted(self.licences.items()), sorted(self.packages.keys() - self.licences.keys()))
        return hashlib.blake2b(msgspec.msgpack.encode(told), digest_size=16).digest()


def contents(
    matches: Sequence[Match], suppressed: Sequence[Match], packages: Sequence[PackageAt], diff_ids: Sequence[str]
) -> Contents:
    """Clean everything, compute the keys, and turn layers into their number in the image."""
    layers = {diff_id: number for number, diff_id in enumerate(diff_ids[:512], 1)}
    # By identity: parsers make one object of a package, and hashing its nine texts costs more than its key.
    keyed: dict[int, tuple[bytes, PackageAt]] = {}
    places: set[tuple[bytes, int, str]] = set()
    licences: dict[bytes, tuple[str, ...]] = {}

    def keep(package: PackageAt) -> tuple[bytes, PackageAt]:
        known = keyed.get(id(package))
        if known is None:
            clean = clean_package(package)
            known = keyed[id(package)] = (package_key(clean), clean)
            places.add((known[0], layers.get(package.layer, 0), clean.path))
            if package.licenses:
                licences[known[0]] = both(licences.get(known[0], ()), package.licenses)
        return known

    def key_all(rows: Sequence[Match]) -> dict[bytes, tuple[Match, bytes]]:
        found: dict[bytes, tuple[Match, bytes]] = {}
        for row in rows:
            key, package = keep(row.package)
            match = clean_match(row, package)
            found[finding_key(match, key)] = (match, key)
        return found

    stated = key_all(matches)
    aside = key_all(suppressed)
    counted = {key: row for key, row in stated.items() if row[0].status not in NOT_COUNTED}
    aside |= {key: row for key, row in stated.items() if row[0].status in NOT_COUNTED}
    for package in packages:
        keep(package)
    return Contents(counted, aside, dict(keyed.values()), sorted(places), licences)


def both(one: tuple[str, ...], other: tuple[str, ...]) -> tuple[str, ...]:
    """What is told of one package in two places."""
    return tuple(dict.fromkeys((*one, *other))) if one and one != other else other


def clean_match(match: Match, package: PackageAt) -> Match:
    """Make every text that is part of the finding fit its column. A nameless advisory goes by its first alias."""
    if package is match.package and not match.aliases and fits(match):
        return match
    names = [name for name in (clean_text(text, 100) for text in (match.advisory, *match.aliases)) if name.strip()]
    return Match(
        advisory=names[0] if names else NAMELESS,
        package=package,
        severity=match.severity,
        severity_word=clean_text(match.severity_word, 30),
        fixed_version=clean_text(match.fixed_version, 300),
        status=clean_text(match.status, 30),
        aliases=tuple(names[1:]),
        title=match.title,
        description=match.description,
        url=match.url,
        cvss=match.cvss,
        published=match.published,
    )


def fits(match: Match) -> bool:
    """It has a name, and there is nothing to clean in what makes the finding."""
    short = len(match.advisory) <= 100 and len(match.severity_word) <= 30 and len(match.status) <= 30
    texts = f"{match.advisory}{match.severity_word}{match.fixed_version}{match.status}"
    return short and len(match.fixed_version) <= 300 and "\x00" not in texts and bool(match.advisory.strip())


def store_finding_set(found: Contents, at: datetime | None = None) -> int:
    """Store the set with its findings and counters; returns its id. `at` is when it was seen."""
    everything = found.suppressed | found.counted
    ids = finding_ids(everything, at)
    teach([match for match, _ in everything.values()])
    return save_set(found.finding_hash, [ids[key] for key in found.counted], [ids[key] for key in found.suppressed])


COUNT = """
SELECT count(*) FILTER (WHERE severity = 5) AS critical, count(*) FILTER (WHERE severity = 4) AS high,
       count(*) FILTER (WHERE severity = 3) AS medium, count(*) FILTER (WHERE severity = 2) AS low,
       count(*) FILTER (WHERE severity < 2) AS unknown, count(*) FILTER (WHERE fixable) AS fixable
FROM (
    SELECT max(finding.severity) AS severity, bool_or(finding.fixed_version <> '') AS fixable
    FROM findings_finding finding JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
    WHERE finding.id = ANY({ids})
    GROUP BY advisory.vulnerability_id, finding.package_id
) line
"""
# No value ever becomes part of these texts, only the expression that names the ids.
SAVE = (
    "INSERT INTO findings_findingset"
    " (hash, findings, suppressed, disputes, critical, high, medium, low, unknown, fixable, exploited, epss)"
    " SELECT %(hash)s, %(findings)s::int[], %(suppressed)s::int[], %(disputes)s, counts.*, weight.* FROM ("
    + COUNT.format(ids="%(findings)s::int[]")
    + ") counts CROSS JOIN ("
    + WEIGHT.format(ids="%(findings)s::int[]")
    + ") weight ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash RETURNING id"
)


def save_set(
    name: bytes, counted: Sequence[int], suppressed: Sequence[int], disputes: dict[str, list[int]] | None = None
) -> int:
    """Insert the set unless somebody just did; returns its id. `disputes` is as in `FindingSet`."""
    row: dict[str, Any] = {
        "hash": name,
        "findings": sorted(set(counted)),
        "suppressed": sorted(set(suppressed) - set(counted)),
        "disputes": Jsonb(disputes) if disputes else None,
    }
    with connection.cursor() as cursor:
        cursor.execute(SAVE, row)
        return int(cursor.fetchone()[0])


RECOUNT = (
    "UPDATE findings_findingset target SET critical = c.critical, high = c.high, medium = c.medium, low = c.low,"
    " unknown = c.unknown, fixable = c.fixable FROM findings_findingset source CROSS JOIN LATERAL ("
    + COUNT.format(ids="source.findings")
    + ") c WHERE source.id = target.id AND target.findings &&"
    " ARRAY(SELECT f.id FROM findings_finding f JOIN findings_advisory a ON a.id = f.advisory_id"
    "       WHERE a.vulnerability_id = ANY(%(groups)s))"
)
# Four counters in one number, the worst in the highest bits. Parentheses: << and | bind alike in SQL.
# Only for a set that is there: LEAST takes a NULL for the larger of the two.
RANK = (
    "(least(s.critical, 32767)::bigint << 48) | (least(s.high, 65535)::bigint << 32)"
    " | (least(s.medium, 65535)::bigint << 16) | least(s.low, 65535)::bigint"
)
CARRY = (
    "UPDATE images_image image SET critical = s.critical, high = s.high, medium = s.medium, low = s.low,"
    " unknown = s.unknown, fixable = s.fixable,"
    f" rank = {RANK}"
    " FROM findings_findingset s WHERE image.finding_set_id = s.id AND s.findings &&"
    " ARRAY(SELECT f.id FROM findings_finding f JOIN findings_advisory a ON a.id = f.advisory_id"
    "       WHERE a.vulnerability_id = ANY(%(groups)s))"
)


# Where several scanners looked, two lines may have become one, or one two: `state.settle_merges` does that afterwards.
REMERGE = """
INSERT INTO findings_remerge (image_id)
SELECT scan.image_id FROM findings_scan scan
WHERE scan.is_current AND scan.outcome = 'assessed' AND scan.image_id IN (
    SELECT image.id FROM images_image image WHERE image.finding_set_id IN (
        WITH moved AS (
            SELECT array_agg(finding.id) AS ids FROM findings_finding finding
            JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
            WHERE advisory.vulnerability_id = ANY(%(groups)s))
        SELECT s.id FROM findings_findingset s, moved
        WHERE s.findings && moved.ids OR (s.suppressed && moved.ids AND s.suppressed <> '{}')))
GROUP BY scan.image_id HAVING count(DISTINCT scan.finding_set_id) > 1
ON CONFLICT DO NOTHING
"""
RESPLIT = """
INSERT INTO images_splitwork (image_id)
SELECT image.id FROM images_image image JOIN findings_findingset s ON s.id = image.finding_set_id
WHERE image.split_id IS NOT NULL AND s.findings &&
    ARRAY(SELECT f.id FROM findings_finding f JOIN findings_advisory a ON a.id = f.advisory_id
           WHERE a.vulnerability_id = ANY(%(groups)s))
ON CONFLICT DO NOTHING
"""


# What is said of one name of a vulnerability holds for all.
REAPPLY = """
INSERT INTO findings_vexwork (statement_id)
SELECT id FROM findings_vexstatement WHERE is_current
   AND names && (SELECT array_agg(name)::varchar[] FROM findings_advisory WHERE vulnerability_id = ANY(%(groups)s))
ON CONFLICT (statement_id) DO UPDATE SET until = NULL
"""


def recount_groups(groups: set[int]) -> None:
    """Alias groups changed: count every set and image that holds one of their findings again."""
    with connection.cursor() as cursor:
        cursor.execute(RESPLIT, {"groups": list(groups)})
        cursor.execute(REMERGE, {"groups": list(groups)})
        cursor.execute(REAPPLY, {"groups": list(groups)})
        cursor.execute(RECOUNT, {"groups": list(groups)})
        cursor.execute(CARRY, {"groups": list(groups)})
    line_up(groups)


def store_package_set(found: Contents) -> int:
    """Store the package set; returns its id."""
    ids = package_ids(found.packages)
    places = [(ids[key], layer, path) for key, layer, path in found.places]
    packed = zstandard.ZstdCompressor(level=3).compress(msgspec.json.encode(places))
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO findings_packageset (hash, packages, places) VALUES (%s, %s::int[], %s)"
            " ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash RETURNING id",
            [found.package_hash, sorted(set(ids.values())), packed],
        )
        return int(cursor.fetchone()[0])


def places_of(packages: PackageSet) -> list[tuple[int, int, str]]:
    """[(package id, layer number (0 = unknown), path)] of a set."""
    raw = zstandard.ZstdDecompressor().decompress(bytes(packages.places), max_output_size=2**28)
    return msgspec.json.decode(raw, type=list[tuple[int, int, str]])
