"""From a vulnerability to the images that have it, and back: always through sets of findings, never row by row."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import Count, QuerySet

from governance.findings.models import Finding, FindingSet, PackageSet, Scan, Vulnerability
from governance.findings.search import having
from governance.findings.sets import places_of
from governance.images.models import Image

# A narrowed list looks at this many images, worst first.
LOOKED_AT = 200
# Images are counted up to this in a list: enough to see what is common, and a page must not wait for more.
COUNTED = 100
GROUPED = 10_000


def images_with(images: QuerySet[Image], findings: Sequence[int]) -> QuerySet[Image]:
    """Images that hold any of these findings."""
    return images.filter(having(list(findings)))


def all_with(images: QuerySet[Image], findings: Sequence[int]) -> QuerySet[Image]:
    """The same images in no order, for counting: from the sets to their images, however common the findings are."""
    return images.filter(finding_set__findings__overlap=list(findings)).order_by()


def vulnerabilities_of(images: QuerySet[Image]) -> tuple[dict[int, int], bool]:
    """{vulnerability: how many images have it} among the 200 worst of these images, and whether that is all of them."""
    worst = images.order_by("-rank", "-pk").values_list("pk", "finding_set")[: LOOKED_AT + 1]
    sets = Counter(finding_set for _, finding_set in list(worst)[:LOOKED_AT] if finding_set)
    complete = len(worst) <= LOOKED_AT
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT vulnerability, sum(amount)::int FROM ("
            " SELECT DISTINCT advisory.vulnerability_id AS vulnerability, held.id, held.amount FROM ("
            "  SELECT s.id, given.amount, unnest(s.findings) AS finding FROM findings_findingset s"
            "  JOIN unnest(%s::bigint[], %s::int[]) AS given(id, amount) ON given.id = s.id) held"
            " JOIN findings_finding finding ON finding.id = held.finding"
            " JOIN findings_advisory advisory ON advisory.id = finding.advisory_id) line GROUP BY 1",
            [list(sets), list(sets.values())],
        )
        return dict(cursor.fetchall()), complete


def count_images(images: QuerySet[Image], rows: Iterable[Vulnerability]) -> dict[int, int]:
    """How many of `images` have each vulnerability, counted up to 100, in two queries.

    One subquery for each, with its ids written out: so the planner sees which are rare (index) and which common (the
    first rows are enough).
    """
    ids: dict[int, list[int]] = defaultdict(list)
    found = Finding.objects.filter(advisory__vulnerability__in=[row.pk for row in rows])
    for group, pk in found.values_list("advisory__vulnerability", "pk"):
        ids[group].append(pk)
    parts, parameters = [], []
    for group, findings in ids.items():
        query = images.filter(finding_set__findings__overlap=findings).order_by().values("pk")[: COUNTED + 1]
        sql, values = query.query.sql_with_params()
        parts.append(f"SELECT %s::bigint, (SELECT count(*) FROM ({sql}) held)")  # noqa: S608 (Django's own SQL)
        parameters += [group, *values]
    if not parts:
        return {}
    with connection.cursor() as cursor:
        cursor.execute(" UNION ALL ".join(parts), parameters)
        return dict(cursor.fetchall())


@dataclass(slots=True)
class Held:
    """How one image has the vulnerability: its findings, who says so, and where the packages lie."""

    findings: list[Finding] = field(default_factory=list)
    scanners: set[str] = field(default_factory=set)
    places: list[tuple[str, int, str]] = field(default_factory=list)  # package, layer (0 = unknown), path

    @property
    def packages(self) -> list[str]:
        """The packages it is in, each once."""
        return sorted({str(finding.package) for finding in self.findings})

    @property
    def names(self) -> str:
        """Who says so."""
        return ", ".join(sorted(self.scanners))


def held_by(images: Sequence[Image], findings: dict[int, Finding]) -> tuple[dict[int, Held], dict[int, set[str]]]:
    """For each image of a page which of `findings` it has by its current scans; and who says each finding."""
    shown = {image.pk: Held() for image in images}
    said: dict[int, set[str]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT scan.image_id, scan.scanner, ARRAY(SELECT unnest(s.findings) INTERSECT SELECT unnest(%s::int[]))"
            " FROM findings_scan scan JOIN findings_findingset s ON s.id = scan.finding_set_id"
            " WHERE scan.image_id = ANY(%s) AND scan.is_current AND scan.outcome = 'assessed'",
            [list(findings), list(shown)],
        )
        for image, scanner, ids in cursor.fetchall():
            held = shown[image]
            if ids:
                held.scanners.add(scanner)
            for pk in ids:
                said[pk].add(scanner)
            held.findings += [findings[pk] for pk in ids if findings[pk] not in held.findings]
    _add_places(images, shown)
    return shown, said


def _add_places(images: Sequence[Image], shown: dict[int, Held]) -> None:
    """Where the packages lie, from the package set of each image; sets are read once."""
    sets = PackageSet.objects.in_bulk({image.package_set_id for image in images if image.package_set_id})
    places = {pk: places_of(row) for pk, row in sets.items()}
    for image in images:
        packages = {finding.package_id: str(finding.package) for finding in shown[image.pk].findings}
        shown[image.pk].places = [
            (packages[package], layer, path)
            for package, layer, path in places.get(image.package_set_id or 0, [])
            if package in packages
        ]


def by_repository(images: QuerySet[Image]) -> tuple[list[dict[str, Any]], int, bool]:
    """[{repository, host, name, images}], most images first; how many images that are, and whether those are all.

    `images` in no order (`all_with`).
    """
    some = images.values("pk")[:GROUPED]
    rows = Image.objects.filter(pk__in=some).values("repository", "repository__registry__host", "repository__name")
    groups: list[Any] = list(rows.annotate(images=Count("pk")).order_by("-images", "repository__name"))
    total = sum(int(group["images"]) for group in groups)
    return groups, total, total < GROUPED


def seen_findings(images: QuerySet[Image], ids: Sequence[int]) -> set[int]:
    """Those of the findings that any of these images (the 500 worst) has."""
    worst = images.order_by("-rank", "-pk").values("finding_set")[:500]
    found: set[int] = set()
    for (held,) in FindingSet.objects.filter(pk__in=worst).values_list("findings"):
        found.update(held)
    return found & set(ids)


def current_scanners(images: Iterable[Image]) -> dict[int, dict[str, str]]:
    """{image: {stage: "grype, trivy"}} of a page's images, in one query."""
    found: dict[int, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    looks = Scan.objects.looks().filter(image__in=[image.pk for image in images], is_current=True)
    scans = looks.order_by("scanner")
    for image, stage, scanner in scans.values_list("image", "stage", "scanner"):
        found[image][stage].append(scanner)
    return {image: {stage: ", ".join(names) for stage, names in stages.items()} for image, stages in found.items()}
