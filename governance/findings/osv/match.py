"""Which advisories a package list is affected by: each distinct package is judged once, not once per image."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from django.db import connection

from governance.findings.catalogue import CVE
from governance.findings.osv.advice import Statement
from governance.findings.osv.ecosystems import ECOSYSTEMS, UNKNOWN_PLACE, Target
from governance.findings.osv.models import OsvEcosystem
from governance.findings.osv.ranges import affected
from governance.findings.report import Match, PackageAt, Severity
from governance.findings.sets import Contents, contents
from governance.findings.state import Unions

STATEMENT = msgspec.json.Decoder(Statement)
# Judgements and records kept while a worker goes through many lists; some 100 MB at most.
KEPT = 50_000


class Judgement(NamedTuple):
    """A record that affects a package."""

    record: int
    severity: int
    severity_word: str
    fixed_version: str


class Advice(NamedTuple):
    """What findings show of a record."""

    name: str
    aliases: tuple[str, ...]
    cvss: float
    summary: str
    details: str
    url: str
    published: str


class Wanted(NamedTuple):
    """Advisories on this name are asked for, to judge this version of this package."""

    package: int
    ecosystem: int
    release: str
    name: str
    version: str
    scheme: str


class Matcher:
    """Judges packages by the advisories of one generation, and remembers what it found."""

    def __init__(self) -> None:
        self.generation = 0
        self.ecosystems: dict[str, OsvEcosystem] = {}
        self.judgements: dict[tuple[int, str, str], list[Judgement]] = {}
        self.advice: dict[int, Advice] = {}
        self.unions = Unions()

    def look(self) -> int:
        """Return the generation of the advisories loaded now, 0 if there are none."""
        self.ecosystems = {row.name: row for row in OsvEcosystem.objects.filter(generation__gt=0)}
        newest = max((row.generation for row in self.ecosystems.values()), default=0)
        if newest != self.generation or len(self.judgements) + len(self.advice) > KEPT:
            self.generation, self.judgements, self.advice = newest, {}, {}
        return newest

    def contents(self, packages: Iterable[Target], release: str) -> Contents | None:
        """What the advisories say of the packages in an image of that release (`ecosystems.release_of`).

        None where they say nothing: of none of its packages the advisories are loaded, or not of all and those that
        are loaded find nothing. That would look clean, and nobody knows.
        """
        places, blind = self._places(packages, release)
        if not places:
            return None
        self._judge(places)
        found = {target: self.judgements[target.id, *place] for target, place in places.items()}
        if blind and not any(found.values()):
            return None
        self._read({one.record for rows in found.values() for one in rows})
        return contents([match for target, rows in found.items() for match in self._matches(target, rows)], (), (), ())

    def _places(self, packages: Iterable[Target], release: str) -> tuple[dict[Target, tuple[str, str]], bool]:
        """Where advisories on the packages are found, and whether they are not loaded for some."""
        places: dict[Target, tuple[str, str]] = {}
        blind = False
        for target in packages:
            place = target.place(release)
            if place is None:
                continue
            if place == UNKNOWN_PLACE or not self._is_loaded(*place):
                blind = True
            else:
                places[target] = place
        return places, blind

    def _is_loaded(self, ecosystem: str, release: str) -> bool:
        held = self.ecosystems.get(ecosystem)
        return held is not None and (not ECOSYSTEMS[ecosystem].release or release in held.releases)

    def _judge(self, places: dict[Target, tuple[str, str]]) -> None:
        """Judge those that are not judged yet."""
        wanted: list[Wanted] = []
        for target, (ecosystem, release) in places.items():
            if (target.id, ecosystem, release) in self.judgements:
                continue
            self.judgements[target.id, ecosystem, release] = []
            scheme, number = ECOSYSTEMS[ecosystem].scheme, self.ecosystems[ecosystem].pk
            wanted += [
                Wanted(target.id, number, release, name, version, scheme) for name, version in target.names(ecosystem)
            ]
        names = {row.pk: row.name for row in self.ecosystems.values()}
        judged: dict[tuple[int, str, str], dict[int, Judgement]] = defaultdict(dict)
        for number, record, severity, word, statement in _advisories(wanted):
            asked = wanted[number - 1]
            fixed = affected(STATEMENT.decode(statement), asked.scheme, asked.version)
            if fixed is not None:
                place = asked.package, names[asked.ecosystem], asked.release
                judged[place].setdefault(record, Judgement(record, severity, word, fixed))
        for place, rows in judged.items():
            self.judgements[place] = list(rows.values())

    def _read(self, records: Collection[int]) -> None:
        missing = [pk for pk in records if pk not in self.advice]
        if missing:
            with connection.cursor() as cursor:
                cursor.execute(READ, [missing])
                self.advice |= {
                    pk: Advice(name, tuple(aliases), *rest) for pk, name, aliases, *rest in cursor.fetchall()
                }

    def _matches(self, target: Target, judgements: Sequence[Judgement]) -> list[Match]:
        rows = [(one, advice) for one in judgements if (advice := self.advice.get(one.record))]
        alone = {next(iter(cves)) for _, advice in rows if len(cves := cves_of(advice)) == 1}
        # A notice on several vulnerabilities that stand here themselves would count them again.
        kept = [(one, advice) for one, advice in rows if len(cves := cves_of(advice)) < 2 or not cves <= alone]
        package = PackageAt(
            name=target.name,
            version=target.version,
            type=target.type,
            namespace=target.namespace,
            source_name=target.source_name,
            source_version=target.source_version,
        )
        return [
            Match(
                advisory=advice.name,
                package=package,
                severity=Severity(one.severity),
                severity_word=one.severity_word,
                fixed_version=one.fixed_version,
                status="fixed" if one.fixed_version else "affected",
                aliases=advice.aliases,
                title=advice.summary,
                description=advice.details,
                url=advice.url,
                cvss=advice.cvss,
                published=advice.published,
            )
            for one, advice in kept
        ]


def cves_of(advice: Advice) -> frozenset[str]:
    """The vulnerabilities a record is about."""
    if CVE.fullmatch(advice.name):
        return frozenset((advice.name,))
    return frozenset(alias for alias in advice.aliases if CVE.fullmatch(alias))


ADVISORIES = """
SELECT asked.number, affected.record_id, affected.severity, affected.severity_word, affected.statement
FROM unnest(%s::bigint[], %s::text[], %s::text[]) WITH ORDINALITY AS asked(ecosystem, release, name, number)
JOIN findings_osvaffected affected ON affected.package = asked.name AND affected.ecosystem_id = asked.ecosystem
    AND affected.release = asked.release
ORDER BY affected.record_id, asked.number
"""
# The text is needed where the vulnerability is new alone.
READ = """
SELECT record.id, record.name, record.aliases, record.cvss, record.summary,
       CASE WHEN EXISTS (SELECT FROM findings_advisory WHERE name = record.name) THEN '' ELSE record.details END,
       record.url, coalesce(record.published::text, '')
FROM findings_osvrecord record WHERE record.id = ANY(%s)
"""


def _advisories(wanted: Sequence[Wanted]) -> list[tuple[Any, ...]]:
    if not wanted:
        return []
    with connection.cursor() as cursor:
        cursor.execute(
            ADVISORIES,
            [[one.ecosystem for one in wanted], [one.release for one in wanted], [one.name for one in wanted]],
        )
        return list(cursor.fetchall())
