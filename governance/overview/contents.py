"""What is in one image: its findings line by line, its packages, its layers."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from django.db import connection
from django.db.models import Model, Q, QuerySet
from django.utils import timezone

from governance.findings.licence_sets import UNTOLD, Licences
from governance.findings.models import Advisory, Finding, FindingSet, Package, PackageSet, Vulnerability
from governance.findings.report import severity_of
from governance.findings.sets import places_of
from governance.findings.vex_apply import Word, words_of
from governance.findings.witnesses import Testimony
from governance.images.models import Image
from governance.overview.said import Said, said_of
from governance.policy.exempting import exemptions_of
from governance.policy.models_exemption import Exemption
from governance.web.fields import unpack_digest

SIZE = 50
MOST_LICENCES = 200
NEGLIGIBLE = 1


@dataclass(slots=True)
class Line:
    """One vulnerability in one package: what the counters count, in the words of the scanner whose word is shown."""

    group: Vulnerability
    severity: int
    package: Package
    findings: list[Finding]
    said: list[Said] = field(default_factory=list)
    # What VEX statements say of it in this image, the deciding one first.
    vex: list[Word] = field(default_factory=list)
    # Decisions that set it aside in this image today.
    exemptions: list[Exemption] = field(default_factory=list)

    @property
    def vulnerability(self) -> str:
        """Its name."""
        return self.group.name

    @property
    def title(self) -> str:
        """What it is about."""
        return self.group.title

    @property
    def scanners(self) -> list[str]:
        """Who says so."""
        return [one.scanner for one in self.said]

    @property
    def is_disputed(self) -> bool:
        """The scanners differ in severity or fix, or one of them sets it aside."""
        return any(one.differs for one in self.said)

    @property
    def advisories(self) -> list[str]:
        """Other names under which scanners report it."""
        return sorted({finding.advisory.name for finding in self.findings} - {self.vulnerability})

    @property
    def words(self) -> list[str]:
        """The scanners' own severity words, where they say something else than the severity shown."""
        said = {finding.severity_word for finding in self.findings if finding.severity_word}
        return sorted(word for word in said if int(severity_of(word)) != self.severity)

    @property
    def fixed(self) -> list[str]:
        """Versions that fix it."""
        return sorted({finding.fixed_version for finding in self.findings if finding.fixed_version})

    @property
    def statuses(self) -> list[str]:
        """The vendor's words, where they say more than that it is affected."""
        said = {finding.status for finding in self.findings} - {"", "affected", "fixed"}
        return sorted(word.replace("_", " ") for word in said)


def finding_ids(
    image: Image, sets: Sequence[FindingSet], wanted: Wanted, vex: Mapping[int, list[Word]] | None = None
) -> list[int]:
    """Which findings of these sets: those that count or those set aside, in dispute if asked.

    They are the image's own set, or those of one scanner with `vex`, what statements say of them in this image.
    """
    if image.finding_set is None:
        return []
    counted = {pk for one in sets for pk in one.findings}
    # A scan's own set holds what statements set aside in the image.
    by_vex = set(image.finding_set.by_vex) if vex is None else {pk for pk in counted if pk in vex and _aside(vex[pk])}
    aside = {pk for one in sets for pk in one.suppressed} - by_vex
    shown = {"": counted - by_vex, "vex": by_vex, "scanner": aside}
    if wanted.suppressed == "exempted":
        shown["exempted"] = set(exemptions_of(image.pk, counted - by_vex, timezone.now().date()))
    ids = shown.get(wanted.suppressed, aside | by_vex)
    if image.split and not wanted.scanner and wanted.origin in ("own", "inherited"):
        ids = ids.intersection(image.split.own) if wanted.origin == "own" else ids.difference(image.split.own)
    if wanted.dispute:
        ids &= set((image.finding_set.disputes or {}).get(wanted.dispute, []))
    return sorted(ids)


def _aside(words: Sequence[Word]) -> bool:
    return words[0].sets_aside


def _columns(model: type[Model], table: str) -> str:
    """Every column of a model, for `Model.from_db`."""
    return ", ".join(f'{table}."{part.column}"' for part in model._meta.concrete_fields)


# Of one scanner's findings those are own that say what one of the image's own says, in whatever words. Each line with
# its findings and what they are about.
PARTS: tuple[tuple[type[Model], str], ...] = (
    *((Finding, "finding"), (Advisory, "advisory"), (Vulnerability, "vulnerability"), (Package, "package")),
)
LINES = f"""
WITH line AS (
SELECT max(finding.severity) AS severity, array_agg(finding.id) AS findings, count(*) OVER () AS total,
       row_number() OVER (
           ORDER BY max(finding.severity) DESC, bool_or(finding.fixed_version <> '') DESC,
                    advisory.vulnerability_id DESC, finding.package_id) AS place
FROM findings_finding finding
JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
JOIN findings_package package ON package.id = finding.package_id
JOIN findings_vulnerability vulnerability ON vulnerability.id = advisory.vulnerability_id
WHERE finding.id = ANY(%(ids)s) AND (%(package)s = '' OR package.name = %(package)s)
  AND (%(exploit)s <> 'known' OR vulnerability.kev_added IS NOT NULL)
  AND (%(exploit)s <> 'likely' OR vulnerability.epss >= 0.1)
  AND (%(own)s::int[] IS NULL OR %(is_own)s = ((advisory.vulnerability_id, package.name, package.version) IN (
      SELECT a.vulnerability_id, p.name, p.version FROM findings_finding f
      JOIN findings_advisory a ON a.id = f.advisory_id JOIN findings_package p ON p.id = f.package_id
      WHERE f.id = ANY(%(own)s::int[]))))
GROUP BY advisory.vulnerability_id, finding.package_id
HAVING (%(low)s::int IS NULL OR max(finding.severity) BETWEEN %(low)s AND %(high)s)
   AND (%(fixable)s::bool IS NULL OR bool_or(finding.fixed_version <> '') = %(fixable)s)
ORDER BY place LIMIT %(size)s OFFSET %(offset)s
)
SELECT line.place, line.severity, line.total, {", ".join(_columns(model, table) for model, table in PARTS)}
FROM line CROSS JOIN LATERAL unnest(line.findings) AS held(id)
JOIN findings_finding finding ON finding.id = held.id
JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
JOIN findings_vulnerability vulnerability ON vulnerability.id = advisory.vulnerability_id
JOIN findings_package package ON package.id = finding.package_id
ORDER BY line.place, finding.id
"""  # noqa: S608 (names of columns)
LEVELS = {"critical": (5, 5), "high": (4, 4), "medium": (3, 3), "low": (2, 2), "unknown": (0, NEGLIGIBLE)}


@dataclass(frozen=True, slots=True)
class Wanted:
    """The filters of the findings tab."""

    severity: str = ""
    package: str = ""
    fixable: bool | None = None
    scanner: str = ""
    dispute: str = ""
    suppressed: str = ""  # what counts, or what was set aside: by "vex", by a "scanner", by anybody; or "exempted"
    exploit: str = ""
    origin: str = ""  # "own" or "inherited"; all where the image has no base to compare with
    page: int = 1


def lines(
    image: Image, wanted: Wanted, seen: Sequence[Testimony], sets: Sequence[FindingSet]
) -> tuple[list[Line], int]:
    """One page of lines of these sets, worst first, each with what every scanner says, and how many there are."""
    low, high = LEVELS.get(wanted.severity, (None, None))
    vex: Mapping[int, list[Word]] | None = None
    if wanted.scanner and image.finding_set and image.finding_set.by_vex:
        vex = words_of(image.pk, ids=sorted({pk for one in sets for pk in (*one.findings, *one.suppressed)}))
    compared = wanted.scanner and image.split and wanted.origin in ("own", "inherited")
    arguments: dict[str, Any] = {
        "ids": finding_ids(image, sets, wanted, vex),
        "own": image.split.own if compared and image.split else None,
        "is_own": wanted.origin == "own",
        "package": wanted.package,
        "exploit": wanted.exploit,
        "low": low,
        "high": high,
        "fixable": wanted.fixable,
        "size": SIZE,
        "offset": (wanted.page - 1) * SIZE,
    }
    with connection.cursor() as cursor:
        cursor.execute(LINES, arguments)
        rows = cursor.fetchall()
    held: dict[int, tuple[int, list[Finding]]] = {}
    for place, severity, _, *values in rows:
        held.setdefault(place, (severity, []))[1].append(_finding(values))
    page = [_line(findings, severity) for severity, findings in held.values()]
    shown = [finding.pk for line in page for finding in line.findings]
    said = said_of([finding for line in page for finding in line.findings], image, seen)
    if vex is None:
        vex = words_of(image.pk, ids=shown) if shown else {}
    exempted = exemptions_of(image.pk, shown, timezone.now().date()) if shown else {}
    for line in page:
        line.said = said.get(line.findings[0].pk, [])
        line.vex = vex.get(line.findings[0].pk, [])
        line.exemptions = exempted.get(line.findings[0].pk, [])
    return page, rows[0][2] if rows else 0


def _finding(values: list[Any]) -> Finding:
    """A finding with what it is about, of the columns of `PARTS`."""
    made: list[Any] = []
    for model, _ in PARTS:
        names = [part.attname for part in model._meta.concrete_fields]
        made.append(model.from_db("default", names, values[: len(names)]))
        values = values[len(names) :]
    finding, advisory, vulnerability, package = made
    advisory.vulnerability, finding.advisory, finding.package = vulnerability, advisory, package
    return cast("Finding", finding)


def _line(findings: list[Finding], severity: int) -> Line:
    group = findings[0].advisory.vulnerability
    return Line(group, severity, findings[0].package, findings)


PER_PACKAGE = """
SELECT package_id, severity, count(*) FROM (
    SELECT finding.package_id, max(finding.severity) AS severity
    FROM findings_finding finding JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
    WHERE finding.id = ANY(%s) GROUP BY advisory.vulnerability_id, finding.package_id
) line GROUP BY 1, 2
"""


@dataclass(slots=True)
class Counts:
    """Five counters, named as on an image."""

    critical: int = 0
    high: int = 0
    medium: int = 0
    low: int = 0
    unknown: int = 0

    def add(self, severity: int, number: int) -> None:
        """Count at a normalised severity."""
        name = ("unknown", "unknown", "low", "medium", "high", "critical")[severity]
        setattr(self, name, getattr(self, name) + number)


def counts_per_package(ids: Sequence[int]) -> dict[int, Counts]:
    """Lines per package by severity."""
    found: dict[int, Counts] = defaultdict(Counts)
    with connection.cursor() as cursor:
        cursor.execute(PER_PACKAGE, [list(ids)])
        for package, severity, number in cursor.fetchall():
            found[package].add(severity, number)
    return found


def packages_in(packages: PackageSet, told: Licences, text: str, kind: str, licence: str) -> QuerySet[Package]:
    """The packages of a set that fit: part of a name, type, a licence by its name or `UNTOLD`."""
    rows = Package.objects.filter(pk__in=told.of(licence, packages.packages) if licence else packages.packages)
    if text:
        rows = rows.filter(Q(name__icontains=text) | Q(source_name__icontains=text))
    return rows.filter(type=kind) if kind else rows


def packages_page(
    packages: PackageSet, told: Licences, page: int, text: str = "", kind: str = "", licence: str = ""
) -> tuple[list[Package], int]:
    """Packages by name, a hundred to a page, and how many fit."""
    rows = packages_in(packages, told, text, kind, licence)
    start = (page - 1) * SIZE * 2
    found = list(rows.order_by("name", "version", "pk")[start : start + SIZE * 2])
    if text or kind:
        return found, rows.count()
    return found, len(told.of(licence, packages.packages) if licence else packages.packages)


def licence_choices(told: Licences, picked: str) -> list[tuple[str, str]]:
    """Licences with their numbers, those that bind most first, and what is not told."""
    found = [(one.name, f"{one.name} ({one.packages})") for one in told.counts[:MOST_LICENCES]]
    found += [(UNTOLD, f"{UNTOLD} ({told.untold})")] if told.untold else []
    return found if not picked or any(picked == name for name, _ in found) else [*found, (picked, picked)]


def kinds_of(packages: PackageSet) -> list[tuple[str, int]]:
    """Package types (deb, npm, ...) with their numbers, most first."""
    types = Package.objects.filter(pk__in=packages.packages).values_list("type", flat=True)
    return Counter(types).most_common(12)


def places_by_package(packages: PackageSet) -> dict[int, list[tuple[int, str]]]:
    """{package: [(layer, path)]}."""
    found: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for package, layer, path in places_of(packages):
        found[package].append((layer, path))
    return found


@dataclass(slots=True)
class Layer:
    """One layer of an image, and what came with it."""

    number: int
    diff_id: str
    created_by: str
    packages: int = 0
    counts: Counts = field(default_factory=Counts)


CHAIN = """
WITH RECURSIVE chain AS (
    SELECT parent_id, diff_id, depth, created_by FROM images_layernode WHERE id = %s
    UNION ALL
    SELECT node.parent_id, node.diff_id, node.depth, node.created_by
    FROM images_layernode node JOIN chain ON node.id = chain.parent_id
)
SELECT depth, diff_id, created_by FROM chain ORDER BY depth
"""


def layers_of(image: Image, with_contents: bool = True) -> list[Layer]:
    """Bottom first; number 0 (only if needed) is what no layer is known of."""
    with connection.cursor() as cursor:
        cursor.execute(CHAIN, [image.top_layer_id])
        layers = {depth: Layer(depth, unpack_digest(diff_id), by) for depth, diff_id, by in cursor.fetchall()}
    if image.package_set is None or not with_contents:
        return list(layers.values())
    counts = counts_per_package(image.finding_set.findings if image.finding_set else [])
    for package, numbers in _layers_by_package(image.package_set, layers).items():
        for number in numbers:
            layer = layers.setdefault(number, Layer(0, "", ""))
            layer.packages += 1
            for word in ("critical", "high", "medium", "low", "unknown"):
                more = getattr(counts[package], word) if package in counts else 0
                setattr(layer.counts, word, getattr(layer.counts, word) + more)
    return sorted(layers.values(), key=lambda layer: layer.number)


def _layers_by_package(packages: PackageSet, layers: dict[int, Layer]) -> dict[int, set[int]]:
    """A package found in two files of one layer counts once there."""
    found: dict[int, set[int]] = defaultdict(set)
    for package, layer, _ in places_of(packages):
        found[package].add(layer if layer in layers else 0)
    return found
