"""Licences of an image's packages: stored as each scan tells them, and put together for people."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Collection, Iterable, Mapping
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
    keys = {names: _key(text, *parts) for names, (text, parts) in said.items() if text}
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


def _key(*texts: str) -> bytes:
    return hashlib.blake2b("\x1f".join(texts).encode(), digest_size=16).digest()


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


# The list that is shown; then what each current scan tells, with the packages it is of: of that list first, then by the
# newest.
SOURCES = """
SELECT 0 AS place, packages, NULL::int[], NULL::json, '' FROM findings_packageset WHERE id = %(shown)s
UNION ALL
SELECT row_number() OVER (ORDER BY source.package_set_id = %(shown)s DESC, source.scanned_at DESC, source.id DESC),
       listed.packages, said.licences, (
           SELECT json_agg(json_build_array(id, text, names)) FROM findings_licence WHERE id = ANY(said.licences)),
       source.scanner
FROM (
    SELECT DISTINCT ON (scan.package_set_id, scan.licence_set_id)
        scan.package_set_id, scan.licence_set_id, scan.scanner, scan.scanned_at, scan.id
    FROM findings_scan scan WHERE scan.image_id = %(image)s AND scan.is_current AND scan.licence_set_id IS NOT NULL
    ORDER BY 1, 2, scan.scanned_at DESC, scan.id DESC
) source
JOIN findings_packageset listed ON listed.id = source.package_set_id
JOIN findings_licenceset said ON said.id = source.licence_set_id
ORDER BY place
"""


def licences_of(image: int, package_set: int | None) -> Licences:
    """What an image's current scans tell of the packages of the set that it shows, in one statement, or two.

    Put together here and not in SQL: PostgreSQL takes an array for ten rows and compares thousands one by one.
    """
    if package_set is None:
        return Licences()
    with connection.cursor() as cursor:
        cursor.execute(SOURCES, {"image": image, "shown": package_set})
        (_, shown, *_), *sources = cursor.fetchall()
    said: dict[int, Told] = {}
    for _, packages, licences, texts, scanner in sources:
        words = {pk: Told(text, tuple(names), scanner) for pk, text, names in texts or ()}
        for package, licence in zip(packages, licences, strict=True):
            if licence in words:
                said.setdefault(package, words[licence])
    chosen = {package: said[package] for package in shown if package in said}
    if len(chosen) < min(len(shown), len(said)):
        chosen |= _by_name(set(shown) - chosen.keys(), {one: word for one, word in said.items() if one not in chosen})
    return Licences(len(shown), chosen)


# Rows of one package in one version: scanners that know its source package, and those that do not, have their own.
SAME = """
SELECT array_agg(id) FROM findings_package WHERE id = ANY(%s)
GROUP BY type, namespace, name, version HAVING count(*) > 1
"""


def _by_name(packages: Collection[int], said: Mapping[int, Told]) -> dict[int, Told]:
    """Of packages in other rows than those that anything is said of; `said` in the order of whose word goes first."""
    order = {pk: place for place, pk in enumerate(said)}
    found: dict[int, Told] = {}
    with connection.cursor() as cursor:
        cursor.execute(SAME, [[*packages, *said]])
        for (rows,) in cursor.fetchall():
            first = min((pk for pk in rows if pk in said), key=order.__getitem__, default=None)
            if first is not None:
                found |= {pk: said[first] for pk in rows if pk in packages}
    return found
