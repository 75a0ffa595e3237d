"""Several scanners on one image: one line per vulnerability and package, who says what of it, and whose word is shown.

A line is an alias group and a package. Scanners write the same package differently, so packages are compared by name
and version, and by type, namespace or Maven group only where both give one. A scanner that knows no more than a source
package (Debian's `openssl` for the binary `libssl3`) speaks for the lines of the binaries built from it.
"""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from django.conf import settings
from django.db import connection

from governance.findings.sets import save_set

# Types whose namespace is a distribution; scanners do not agree on its name.
OS_TYPES = frozenset({"deb", "rpm", "apk", "alpm"})
# What scanners may differ in. `status`: one counts it, another sets it aside.
DISPUTES = ("severity", "fix", "status", "alone")


class Testimony(NamedTuple):
    """A current scan that looked at packages, and the set of findings it saw."""

    scanner: str
    stage: str
    at: datetime
    finding_set: int


class Statement(NamedTuple):
    """One finding of one testimony. `rank` is the testimony's place in the order of preference, 0 the first."""

    rank: int
    scanner: str
    counted: bool
    id: int
    key: bytes
    vulnerability: int
    severity: int
    fixed_version: str
    package: int
    type: str
    name: str
    version: str
    source_name: str
    source_version: str


@dataclass(slots=True)
class MergedLine:
    """A vulnerability in a package: what each scanner says of it, and who speaks for it from a source package."""

    vulnerability: int
    said: dict[str, list[Statement]] = field(default_factory=dict)
    heard: dict[str, Statement] = field(default_factory=dict)

    @property
    def witnesses(self) -> dict[str, list[Statement]]:
        """Every scanner's statements, those of the preferred scan first."""
        return self.said | {scanner: [one] for scanner, one in self.heard.items()}

    @property
    def chosen(self) -> list[Statement]:
        """The statements shown: of the first scan in the order of preference, on one package.

        What only one scanner sets aside counts, so those who count it come first.
        """
        own = [one for rows in self.said.values() for one in rows]
        if len(own) == 1 and (own[0].counted or not self.heard):
            return own
        choice = _counted(own) or _counted(self.heard.values()) or own
        first = min(choice, key=_preference)
        return [one for one in choice if (one.rank, one.package) == (first.rank, first.package)]

    def disputes(self, scanners: int) -> list[str]:
        """In what its witnesses differ, of so many scanners that looked."""
        witnesses = list(self.witnesses.values())
        if len(witnesses) == 1:
            return ["alone"] if scanners > 1 else []
        if len({(one.counted, one.severity, one.fixed_version) for rows in witnesses for one in rows}) == 1:
            # As most lines are: everybody says the same.
            return []
        counting = [_counted(rows) for rows in witnesses]
        counts = [rows for rows in counting if rows]
        severities = {max(one.severity for one in rows) for rows in counts} - {0}
        fixes = [{word for one in rows for word in _versions(one.fixed_version)} for rows in counts]
        found = {
            "severity": len(severities) > 1,
            "fix": any((fix or fixes[0]) and not fix & fixes[0] for fix in fixes[1:]),
            "status": 0 < len(counts) < len(counting),
        }
        return [name for name in DISPUTES if found.get(name)]


def _counted(rows: Iterable[Statement]) -> list[Statement]:
    return [one for one in rows if one.counted]


def _preference(one: Statement) -> tuple[int, bytes]:
    return one.rank, one.key


def plain_version(version: str) -> str:
    """Without the epoch, which not every scanner writes, and without the v of a Go module."""
    head, colon, rest = version.partition(":")
    return (rest if colon and head.isdecimal() else version).removeprefix("v").lower()


def _versions(text: str) -> list[str]:
    """Fixed versions as scanners write them: one, or several with commas."""
    return [plain_version(word) for word in text.replace(",", " ").split()]


class _Name(NamedTuple):
    """A package's name as far as scanners agree on it."""

    last: str
    version: str
    type: str
    prefix: str

    @property
    def is_loose(self) -> bool:
        """The scanner said less than others may."""
        return not (self.type and (self.prefix or self.type in OS_TYPES))

    def fits(self, other: _Name) -> bool:
        """They do not contradict each other; last name and version are known to be the same."""
        return (not self.type or not other.type or self.type == other.type) and (
            not self.prefix or not other.prefix or self.prefix == other.prefix
        )


def _name_of(one: Statement) -> _Name:
    prefix, _, last = one.name.lower().replace(":", "/").rpartition("/")
    return _Name(last, plain_version(one.version), one.type, "" if one.type in OS_TYPES else prefix)


def merge(statements: Iterable[Statement]) -> list[MergedLine]:
    """The lines that the statements come to, the same whatever their order; time grows with their number alone."""
    groups: dict[int, _Desk] = defaultdict(_Desk)
    for one in sorted(statements, key=_preference):
        groups[one.vulnerability].place(one)
    return [line for desk in groups.values() for line in desk.settle()]


class _Desk:
    """Where the statements on one vulnerability are sorted into lines, each by looking up, never by comparing all."""

    def __init__(self) -> None:
        self.lines: list[MergedLine] = []
        self.exact: dict[_Name, MergedLine] = {}
        self.rough: dict[tuple[str, str], tuple[_Name, MergedLine]] = {}
        self.loose: dict[tuple[str, str], tuple[_Name, MergedLine]] = {}

    def place(self, one: Statement) -> None:
        """Put a statement on the line of its package, or begin one. To be called in the order of preference."""
        name = _name_of(one)
        line = self.exact.get(name) or self._alike(name, one.scanner)
        if line is None:
            line = MergedLine(one.vulnerability)
            self.lines.append(line)
        self.exact.setdefault(name, line)
        self.rough.setdefault(name[:2], (name, line))
        if name.is_loose:
            self.loose.setdefault(name[:2], (name, line))
        line.said.setdefault(one.scanner, []).append(one)

    def _alike(self, name: _Name, scanner: str) -> MergedLine | None:
        """Another scanner's line that does not contradict: a scanner itself knows what it tells apart."""
        near = self.rough.get(name[:2]) if name.is_loose else self.loose.get(name[:2])
        if near and near[0].fits(name) and scanner not in near[1].said:
            return near[1]
        return None

    def settle(self) -> list[MergedLine]:
        """Let those who know less speak for the lines of those who know more; what only they stand on is no line."""
        if len(self.lines) == 1:
            return self.lines
        speakers = _Speakers(self.lines)
        spoke: dict[int, set[str]] = defaultdict(set)
        for line in self.lines:
            for other, one in speakers.of(line):
                line.heard[one.scanner] = one
                spoke[id(other)].add(one.scanner)
        return [line for line in self.lines if not line.said.keys() <= spoke[id(line)]]


class _Speakers:
    """Statements that name no source package: they may mean the source themselves, or leave out the version."""

    def __init__(self, lines: Sequence[MergedLine]) -> None:
        self.scanners = {scanner for line in lines for scanner in line.said}
        self.exactly: dict[tuple[str, str, str], tuple[MergedLine, Statement]] = {}
        self.anyhow: dict[tuple[str, str], tuple[MergedLine, Statement]] = {}
        for line in lines:
            for scanner, rows in line.said.items():
                if not any(one.source_name for one in rows):
                    name, version = rows[0].name.lower(), plain_version(rows[0].version)
                    self.exactly.setdefault((scanner, name, version), (line, rows[0]))
                    self.anyhow.setdefault((scanner, name), (line, rows[0]))

    def of(self, line: MergedLine) -> Iterator[tuple[MergedLine, Statement]]:
        """(the line they stand on, what they say) of scanners that do not name the line's package themselves."""
        own = [one for rows in line.said.values() for one in rows]
        sources = {(one.source_name.lower(), plain_version(one.source_version)) for one in own if one.source_name}
        names = {one.name.lower() for one in own if one.version}
        for scanner in sorted(self.scanners - line.said.keys()):
            found = [self._at(scanner, *source) for source in sorted(sources)]
            found += [self.exactly.get((scanner, name, "")) for name in sorted(names)]
            if first := next((speaker for speaker in found if speaker), None):
                yield first

    def _at(self, scanner: str, name: str, version: str) -> tuple[MergedLine, Statement] | None:
        if not version:
            return self.anyhow.get((scanner, name))
        return self.exactly.get((scanner, name, version)) or self.exactly.get((scanner, name, ""))


STATEMENTS = """
SELECT s.id, held.counted, finding.id, finding.key, advisory.vulnerability_id, finding.severity,
       finding.fixed_version, package.id, package.type, package.name, package.version, package.source_name,
       package.source_version
FROM findings_findingset s
CROSS JOIN LATERAL (SELECT unnest(s.findings) AS id, true AS counted UNION ALL SELECT unnest(s.suppressed), false) held
JOIN findings_finding finding ON finding.id = held.id
JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
JOIN findings_package package ON package.id = finding.package_id
WHERE s.id = ANY(%(sets)s) AND (%(groups)s::bigint[] IS NULL OR advisory.vulnerability_id = ANY(%(groups)s))
"""


def statements(testimonies: Iterable[Testimony], groups: Sequence[int] | None = None) -> list[Statement]:
    """All that the testimonies say, or what they say of these vulnerabilities."""
    speakers: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for rank, one in enumerate(sorted(testimonies, key=preference)):
        speakers[one.finding_set].append((rank, one.scanner))
    with connection.cursor() as cursor:
        cursor.execute(STATEMENTS, {"sets": list(speakers), "groups": None if groups is None else list(groups)})
        return [
            Statement(rank, scanner, counted, pk, bytes(key), *rest)
            for held, counted, pk, key, *rest in cursor.fetchall()
            for rank, scanner in speakers[held]
        ]


def preference(one: Testimony) -> tuple[int, str, float, str]:
    """Whose word is shown: the scanners in `SCANNER_ORDER`, then the others by name; of one scanner its newest scan."""
    order: list[str] = settings.SCANNER_ORDER
    place = order.index(one.scanner) if one.scanner in order else len(order)
    return place, one.scanner, -one.at.timestamp(), one.stage


def union_set(testimonies: Sequence[Testimony]) -> int | None:
    """The set that an image is counted by: one scan's own, or what several come to."""
    sets = {one.finding_set for one in testimonies}
    if len(sets) < 2:
        return next(iter(sets), None)
    scanners = len({one.scanner for one in testimonies})
    counted: dict[int, bytes] = {}
    aside: dict[int, bytes] = {}
    disputes: dict[str, dict[int, bytes]] = {name: {} for name in DISPUTES}
    for line in merge(statements(testimonies)):
        first, *others = line.chosen
        chosen = {one.id: one.key for one in (first, *others)}
        (counted if first.counted else aside).update(chosen)
        for name in line.disputes(scanners):
            disputes[name].update(chosen)
    found = {name: rows for name, rows in disputes.items() if rows}
    named = hashlib.blake2b(b"".join((*sorted(counted.values()), b"|", *sorted(aside.values()))), digest_size=16)
    for name, rows in found.items():
        named.update(b"|" + name.encode() + b"".join(sorted(rows.values())))
    return save_set(named.digest(), list(counted), list(aside), {name: sorted(rows) for name, rows in found.items()})
