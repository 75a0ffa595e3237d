"""What is known of images, gathered in a few statements for as many as are asked about; `kernel.py` judges it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime
from typing import Any, NamedTuple

from django.db import connection

from governance.accounts.models import Team
from governance.approvals.facts import Base, judge_bases, listed
from governance.approvals.judgement import Judgement
from governance.policy.document import DenyPackage, DenyVulnerability
from governance.policy.exempting import exempted_in
from governance.policy.kernel import Version
from governance.policy.known import BaseFacts, Exempted, Facts, Line, Seen
from governance.policy.rules import denied

# Lines of findings that are kept for the next images; beyond that all are forgotten.
MOST_LINES = 300_000

IMAGES = """
SELECT image.id, image.reference, image.os, image.architecture, image.distro, image.distro_version, image.size,
       image.built_at, image.finding_set_id, image.split_id, image.package_set_id, image.ci_at, image.registry_at,
       image.runtime_at, image.failed_stages, image.end_of_life, image.end_of_life_on, image.traits, image.owners,
       config.image_id IS NOT NULL, coalesce(config.labels, '{}')::json, image.base_id, image.base_name,
       image.base_rung, base.reference, base.built_at, image.running > 0
FROM images_image image LEFT JOIN images_imageconfig config ON config.image_id = image.id
LEFT JOIN images_image base ON base.id = image.base_id
WHERE image.id = ANY(%s) ORDER BY image.id
"""
REPOSITORIES = """
SELECT placement.image_id, registry.host || '/' || repository.name
FROM images_placement placement JOIN images_repository repository ON repository.id = placement.repository_id
JOIN images_registry registry ON registry.id = repository.registry_id WHERE placement.image_id = ANY(%s)
"""
SETS = "SELECT id, findings FROM findings_findingset WHERE id = ANY(%s)"
SPLITS = "SELECT id, own FROM findings_findingsplit WHERE id = ANY(%s)"
LINES = """
SELECT finding.id, vulnerability.id, vulnerability.name, package.name, package.type, package.version,
       finding.severity, finding.fixed_version, vulnerability.kev_added IS NOT NULL, vulnerability.epss,
       (finding.fix_since AT TIME ZONE 'UTC')::date
FROM findings_finding finding JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
JOIN findings_vulnerability vulnerability ON vulnerability.id = advisory.vulnerability_id
JOIN findings_package package ON package.id = finding.package_id WHERE finding.id = ANY(%s)
"""
ALIASES = "SELECT vulnerability_id, name FROM findings_advisory WHERE name = ANY(%s)"
PACKAGES = """
SELECT held.id, package.type, package.name, package.version
FROM findings_packageset held JOIN findings_package package ON package.id = ANY(held.packages)
WHERE held.id = ANY(%(sets)s) AND package.id IN (SELECT id FROM findings_package WHERE name = ANY(%(names)s))
"""
INVENTORIES = """
SELECT DISTINCT scan.image_id FROM findings_scan scan JOIN images_image image ON image.id = scan.image_id
WHERE scan.image_id = ANY(%s) AND scan.inventory AND scan.package_set_id = image.package_set_id
"""

type Exempting = Callable[[Collection[int], date], Mapping[int, frozenset[Exempted]]]


class Row(NamedTuple):
    """An image's row with its configuration and base."""

    id: int
    reference: str
    os: str
    architecture: str
    distro: str
    distro_version: str
    size: int | None
    built_at: datetime | None
    finding_set: int | None
    split: int | None
    package_set: int | None
    ci_at: datetime | None
    registry_at: datetime | None
    runtime_at: datetime | None
    failed: list[str]
    end_of_life: bool | None
    end_of_life_on: date | None
    traits: list[str]
    owners: list[int]
    configured: bool
    labels: dict[str, str]
    base: int | None
    base_name: str
    base_rung: int
    base_reference: str | None
    base_built: datetime | None
    running: bool | None

    @property
    def ground(self) -> Base | None:
        """What it is built on, as the approved list is asked about it."""
        return Base(self.base or 0, self.base_name) if self.base or self.base_name else None


class Gatherer:
    """Gathers what the policies ask for on a day. What images share is looked up once, so it is made anew each turn.

    `exempting` says which findings are exempted in which images.
    """

    def __init__(self, policies: Iterable[Version], day: date, exempting: Exempting | None = None) -> None:
        self.day, self.exempting = day, exempting or exempted_in
        rules = [rule for one in policies for rule in one.document.rules]
        asked = {name for rule in rules if isinstance(rule, DenyVulnerability) for name in rule.names}
        denying = [text for rule in rules if isinstance(rule, DenyPackage) for text in rule.packages]
        self.denied = sorted({denied(text)[1] for text in denying})
        self.aliases: dict[int, frozenset[str]] = {}
        if asked:
            grouped: dict[int, set[str]] = defaultdict(set)
            for group, name in self._rows(ALIASES, [sorted(asked)]):
                grouped[group].add(name)
            self.aliases = {group: frozenset(names) for group, names in grouped.items()}
        self.teams = dict(Team.objects.values_list("pk", "name"))
        self.listed = {one.name for one in listed()}
        self.bases: dict[Base, Judgement] = {}
        self.lines: dict[int, Line] = {}

    def of(self, images: Collection[int]) -> list[Facts]:
        """Of each image that exists what is known of it, by id."""
        ids = sorted(set(images))
        rows = [Row(*row) for row in self._rows(IMAGES, [ids])]
        places: dict[int, set[str]] = defaultdict(set)
        for image, name in self._rows(REPOSITORIES, [ids]):
            places[image].add(name)
        self._judge_bases(rows, places)
        seen, packages = self._findings(rows), self._packages(rows)
        exempted = self.exempting(ids, self.day)
        return [
            replace(
                self._facts(row, frozenset(places[row.id])),
                findings=seen.get(row.id),
                packages=packages.get(row.id),
                exempted=exempted.get(row.id, frozenset()),
            )
            for row in rows
        ]

    def _facts(self, row: Row, places: frozenset[str]) -> Facts:
        times = (("ci", row.ci_at), ("registry", row.registry_at), ("runtime", row.runtime_at))
        root = bool({"root", "root-implicit"} & set(row.traits)) if row.configured else None
        return Facts(
            image=row.id,
            reference=row.reference,
            repositories=places,
            teams=frozenset(self.teams[pk] for pk in row.owners if pk in self.teams),
            platform=(row.os, row.architecture),
            distro=(row.distro, row.distro_version),
            size=row.size,
            built=row.built_at.date() if row.built_at else None,
            base=self._base(row),
            scans=tuple((stage, at.date()) for stage, at in times if at),
            failed=frozenset(row.failed),
            end_of_life=row.end_of_life,
            end_of_life_on=row.end_of_life_on,
            root=root,
            traits=tuple(row.traits),
            labels=tuple(sorted((str(name), str(text)) for name, text in row.labels.items())),
            running=row.running,
        )

    def _base(self, row: Row) -> BaseFacts | None:
        if ground := row.ground:
            said = self.bases[ground]
            built = row.base_built.date() if row.base_built and not row.base_name else None
            return BaseFacts(row.base_name or row.base_reference or "", str(said.verdict), said.reasons, built)
        if row.base_rung:
            return BaseFacts("scratch", "allow", ("Built on nothing.",))
        itself = self.bases.get(Base(row.id))
        if itself and itself.entry is not None:
            # An image that the list names is a base itself.
            built = row.built_at.date() if row.built_at else None
            return BaseFacts(row.reference, str(itself.verdict), itself.reasons, built)
        return None

    def _judge_bases(self, rows: Sequence[Row], places: Mapping[int, set[str]]) -> None:
        wanted = {row.ground or Base(row.id) for row in rows if row.ground or self.listed & places[row.id]}
        if new := wanted - self.bases.keys():
            self.bases |= judge_bases(new, self.day)

    def _findings(self, rows: Sequence[Row]) -> dict[int, Seen]:
        sets = dict(self._rows(SETS, [sorted({row.finding_set for row in rows if row.finding_set})]))
        splits = dict(self._rows(SPLITS, [sorted({row.split for row in rows if row.split})]))
        if len(self.lines) > MOST_LINES:
            self.lines = {}
        if new := {pk for members in sets.values() for pk in members} - self.lines.keys():
            for pk, group, name, package, kind, version, *rest in self._rows(LINES, [sorted(new)]):
                self.lines[pk] = Line(group, name, self.aliases.get(group, frozenset()), package, kind, version, *rest)
        members_of = {number: tuple(members) for number, members in sets.items()}
        own_of = {number: frozenset(own) for number, own in splits.items()}
        return {
            row.id: Seen(
                members_of[row.finding_set],
                own_of.get(row.split or 0),
                self.lines,
                (row.finding_set, row.split or 0),
            )
            for row in rows
            if row.finding_set is not None and row.finding_set in members_of
        }

    def _packages(self, rows: Sequence[Row]) -> dict[int, frozenset[tuple[str, str, str]]]:
        """Denied packages of images whose whole package list is known, or at least one denied one of it."""
        if not self.denied:
            return {}
        whole = {image for (image,) in self._rows(INVENTORIES, [[row.id for row in rows]])}
        held: dict[int, set[tuple[str, str, str]]] = defaultdict(set)
        sets = sorted({row.package_set for row in rows if row.package_set})
        for number, *package in self._rows(PACKAGES, {"sets": sets, "names": self.denied}):
            held[number].add(tuple(package))
        return {
            row.id: frozenset(held[row.package_set])
            for row in rows
            if row.package_set and (row.id in whole or row.package_set in held)
        }

    @staticmethod
    def _rows(statement: str, values: Any) -> list[tuple[Any, ...]]:
        with connection.cursor() as cursor:
            cursor.execute(statement, values)
            rows: list[tuple[Any, ...]] = cursor.fetchall()
        return rows


def key_of(facts: Facts) -> bytes:
    """16 bytes that tell apart what was known; what the ids of findings stand for is no part of it."""
    known = [getattr(facts, name) for name in Facts.__slots__ if name != "findings"]
    known.append(facts.findings and facts.findings.key)
    text = repr([sorted(one) if isinstance(one, frozenset) else one for one in known])
    return hashlib.blake2b(text.encode(errors="backslashreplace"), digest_size=16).digest()
