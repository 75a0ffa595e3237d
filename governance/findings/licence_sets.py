"""Licences of an image's packages: stored as each scan tells them, and put together for people."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from psycopg.types.json import Jsonb

from governance.findings.licences import KIND_WORDS, Kind, kind_of, read_licences
from governance.findings.sets import Contents

# A report that tells more different things than any image holds is read so far.
MOST = 10_000
# In place of a licence: packages of which no current scan tells any.
UNTOLD = "not told"

# In the order of keys, so that two workers never wait in a circle. Those that are known take no number.
LICENCES = """
INSERT INTO findings_licence (key, text, names)
SELECT decode(given.key, 'hex'), given.text, ARRAY(SELECT jsonb_array_elements_text(given.names))
FROM jsonb_to_recordset(%(rows)s) AS given(key text, text text, names jsonb)
WHERE NOT EXISTS (SELECT FROM findings_licence known WHERE known.key = decode(given.key, 'hex'))
ORDER BY given.key ON CONFLICT (key) DO NOTHING
"""
SET = """
INSERT INTO findings_licenceset (hash, licences)
SELECT %(hash)s, array_agg(coalesce(licence.id, 0) ORDER BY package.id)
FROM unnest(%(packages)s::bytea[], %(licences)s::bytea[]) AS told(package, licence)
JOIN findings_package package ON package.key = told.package
LEFT JOIN findings_licence licence ON licence.key = told.licence
ON CONFLICT (hash) DO UPDATE SET hash = excluded.hash RETURNING id
"""


def store_licence_set(found: Contents) -> int | None:
    """Store what a scan tells, beside its package set, which is stored already; None where it tells nothing."""
    said = {names: read_licences(names) for names in sorted(set(found.licences.values()))[:MOST]}
    keys = {names: _key(text) for names, (text, _) in said.items() if text}
    if not keys:
        return None
    rows = {keys[names]: said[names] for names in keys}
    given = [{"key": key.hex(), "text": text, "names": names} for key, (text, names) in rows.items()]
    packages = list(found.packages)
    licences = [keys.get(found.licences.get(package, ())) for package in packages]
    values: dict[str, Any] = {
        "rows": Jsonb(given),
        "hash": found.licence_hash,
        "packages": packages,
        "licences": licences,
    }
    with connection.cursor() as cursor:
        cursor.execute(LICENCES, values)
        cursor.execute(SET, values)
        return int(cursor.fetchone()[0])


def _key(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True)
class Told:
    """What one scanner says of one package."""

    text: str
    names: tuple[str, ...]
    scanner: str


@dataclass(frozen=True, slots=True)
class Count:
    """A licence, and of how many packages it is told."""

    name: str
    kind: Kind
    packages: int

    @property
    def words(self) -> str:
        """Its kind for people."""
        return KIND_WORDS[self.kind]

    @property
    def is_binding(self) -> bool:
        """Whoever passes it on, or serves it, has to look at what it asks for."""
        return self.kind in (Kind.NETWORK, Kind.COPYLEFT, Kind.RESTRICTED)


@dataclass(frozen=True, slots=True)
class Licences:
    """What is told of an image's packages (`packages` of them): by package, for as many as anything is told of."""

    packages: int = 0
    told: Mapping[int, Told] = field(default_factory=dict)

    @property
    def untold(self) -> int:
        """Packages of which nothing is told."""
        return self.packages - len(self.told)

    @property
    def counts(self) -> list[Count]:
        """Licences, those that bind most first, then those of most packages. One of several names counts at each."""
        numbers = Counter(name for one in self.told.values() for name in one.names)
        found = [Count(name, kind_of(name), number) for name, number in numbers.items()]
        order = list(Kind)
        return sorted(found, key=lambda one: (order.index(one.kind), -one.packages, one.name))

    @property
    def kinds(self) -> list[tuple[Kind, str, int]]:
        """(kind, its words, packages of which a licence of that kind is told), the strictest first."""
        numbers = Counter(kind for one in self.told.values() for kind in {kind_of(name) for name in one.names})
        return [(kind, KIND_WORDS[kind], numbers[kind]) for kind in Kind if numbers[kind]]

    @property
    def scanners(self) -> list[str]:
        """Who tells it."""
        return sorted({one.scanner for one in self.told.values()})

    def of(self, name: str, packages: Iterable[int]) -> list[int]:
        """Of these packages those of which that licence is told; for `UNTOLD` those of which none is."""
        if name == UNTOLD:
            return [package for package in packages if package not in self.told]
        return [package for package in packages if package in self.told and name in self.told[package].names]


# Of each scan that tells licences, its packages with them; of several the one of the list that is shown goes first,
# then the newest. Other scanners know the same package in another row (`Package`): they meet by name and version.
TOLD = """
WITH source AS MATERIALIZED (
    SELECT DISTINCT ON (scan.package_set_id, scan.licence_set_id)
        scan.package_set_id, scan.licence_set_id, scan.scanner, scan.scanned_at
    FROM findings_scan scan WHERE scan.image_id = %(image)s AND scan.is_current AND scan.licence_set_id IS NOT NULL
    ORDER BY 1, 2, scan.scanned_at DESC, scan.id DESC
), told AS MATERIALIZED (
    SELECT each.package, each.licence, source.scanner, source.scanned_at,
           source.package_set_id = %(shown)s AS is_shown
    FROM source JOIN findings_packageset listed ON listed.id = source.package_set_id
    JOIN findings_licenceset said ON said.id = source.licence_set_id
    CROSS JOIN LATERAL unnest(listed.packages, said.licences) AS each(package, licence)
    WHERE each.licence > 0
), known AS MATERIALIZED (
    SELECT told.*, package.type, package.namespace, package.name, package.version
    FROM told JOIN findings_package package ON package.id = told.package
), shown AS MATERIALIZED (
    SELECT package.id, package.type, package.namespace, package.name, package.version
    FROM findings_package package
    WHERE package.id = ANY((SELECT packages FROM findings_packageset WHERE id = %(shown)s)::int[])
), chosen AS (
    SELECT DISTINCT ON (shown.id) shown.id, known.licence, known.scanner
    FROM shown JOIN known USING (type, namespace, name, version)
    ORDER BY shown.id, known.is_shown DESC, known.scanned_at DESC, known.package = shown.id DESC, known.package
)
SELECT shown.id, licence.text, licence.names, chosen.scanner
FROM shown LEFT JOIN chosen USING (id) LEFT JOIN findings_licence licence ON licence.id = chosen.licence
"""


def licences_of(image: int, package_set: int | None) -> Licences:
    """What an image's current scans tell of the packages of the set that it shows, in one statement."""
    if package_set is None:
        return Licences()
    with connection.cursor() as cursor:
        cursor.execute(TOLD, {"image": image, "shown": package_set})
        rows = cursor.fetchall()
    told = {package: Told(text, tuple(names), scanner) for package, text, names, scanner in rows if text}
    return Licences(len(rows), told)
