"""Inherited and own findings: `own = image - base`, by line (vulnerability, package at its version).

What a base has, its owner mends once; an image's own list holds the rest. Both sides are the merged findings of all
their scanners; where a scanner looked at the image and never at the base, what it alone says counts as own, and the
split says so. Where the base was never assessed, the layer of each package decides, as far as the report gives it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from django.db import connection, transaction
from psycopg.types.json import Jsonb

from governance.findings.models import FindingSet, FindingSplit, PackageSet
from governance.findings.sets import places_of
from governance.findings.vex_apply import REBASED
from governance.findings.weigh import weigh

SLICE = 1000
How = FindingSplit.How


class Pair(NamedTuple):
    """What is compared: two finding sets, or a finding set with the layers below `depth` in its package set."""

    finding_set: int
    base_set: int | None
    package_set: int | None
    depth: int
    how: str


# Takes images out of the line and says what each is compared with; other columns than the first are null where there is
# nothing.
TAKE = """
WITH taken AS (
    DELETE FROM images_splitwork
    WHERE id IN (SELECT id FROM images_splitwork ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING image_id
)
SELECT image.id, image.finding_set_id, base.finding_set_id, image.package_set_id, node.depth, scanners.are_same
FROM taken JOIN images_image image ON image.id = taken.image_id
LEFT JOIN images_image base ON base.id = image.base_id AND image.finding_set_id IS NOT NULL
LEFT JOIN images_layernode node ON node.id = base.top_layer_id
CROSS JOIN LATERAL (
    SELECT NOT EXISTS (
        SELECT scanner FROM findings_scan WHERE image_id = image.id AND is_current AND outcome = 'assessed'
        EXCEPT
        SELECT scanner FROM findings_scan WHERE image_id = base.id AND is_current AND outcome = 'assessed'
    ) AS are_same
) scanners
ORDER BY image.id
"""


def take(most: int) -> dict[int, Pair | None]:
    """Take images out of the line: what each is compared with, None where there is no base or nothing to compare."""
    found: dict[int, Pair | None] = {}
    with connection.cursor() as cursor:
        cursor.execute(TAKE, [most])
        for image, own, base, packages, depth, are_same in cursor.fetchall():
            found[image] = None
            if base is not None:
                found[image] = Pair(own, base, None, 0, How.SETS if are_same else How.MIXED)
            elif packages is not None and depth:
                found[image] = Pair(own, None, packages, depth, How.LAYERS)
    return found


class Fact(NamedTuple):
    """What a finding is in a comparison: its line as both sides may know it, and what it counts as."""

    line: tuple[int, str, str]  # vulnerability, the package's name and version
    counted: tuple[int, int]  # vulnerability, package: a line of the counters
    severity: int
    fixable: bool


FACTS = """
SELECT finding.id, advisory.vulnerability_id, package.name, package.version, package.id, finding.severity,
       finding.fixed_version <> ''
FROM findings_finding finding JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
JOIN findings_package package ON package.id = finding.package_id WHERE finding.id = ANY(%s)
"""


def splits_of(pairs: Iterable[Pair]) -> Iterator[dict[str, Any]]:
    """Yield the row of each pair that can be compared.

    The algebra is done here and not in SQL: of 1,000 pairs the sets are read once and each base's lines made once,
    which is about ten times faster than a join for each pair.
    """
    wanted = set(pairs)
    numbers = {number for pair in wanted for number in pair[:2] if number}
    rows = FindingSet.objects.filter(pk__in=numbers).values_list("pk", "findings", "suppressed")
    sets = {pk: (counted, [*counted, *aside]) for pk, counted, aside in rows}
    with connection.cursor() as cursor:
        cursor.execute(FACTS, [list({pk for _, members in sets.values() for pk in members})])
        facts = {row[0]: Fact(row[1:4], (row[1], row[4]), row[5], row[6]) for row in cursor.fetchall()}
    # What was set aside in the base lies there all the same.
    lines = {pair.base_set: {facts[pk].line for pk in sets[pair.base_set][1]} for pair in wanted if pair.base_set}
    for pair in wanted:
        if pair.base_set:
            own = [pk for pk in sets[pair.finding_set][0] if facts[pk].line not in lines[pair.base_set]]
        elif pair.package_set and (below := packages_below(pair.package_set, pair.depth)):
            own = [pk for pk in sets[pair.finding_set][0] if facts[pk].counted[1] not in below]
        else:
            continue
        yield {**pair._asdict(), "own": own, **count(facts[pk] for pk in own)}


def count(facts: Iterable[Fact]) -> dict[str, int]:
    """The counters of findings: lines at their worst severity, and how many have a fix (as `sets.COUNT` counts)."""
    worst: dict[tuple[int, int], int] = {}
    fixable = set()
    for fact in facts:
        worst[fact.counted] = max(fact.severity, worst.get(fact.counted, 0))
        if fact.fixable:
            fixable.add(fact.counted)
    found = Counter(worst.values())
    steps = {"critical": (5,), "high": (4,), "medium": (3,), "low": (2,), "unknown": (1, 0)}
    return {name: sum(found[step] for step in levels) for name, levels in steps.items()} | {"fixable": len(fixable)}


def packages_below(package_set: int, depth: int) -> set[int]:
    """Packages that lie in the base's layers and nowhere above them; empty where the report does not give layers."""
    layers: dict[int, set[int]] = defaultdict(set)
    for package, layer, _ in places_of(PackageSet.objects.get(pk=package_set)):
        layers[package].add(layer)
    return {package for package, found in layers.items() if 0 not in found and max(found) <= depth}


# The rows of both sides sorted, so that nobody waits in a circle. All the images stay locked, for `weigh`.
STORE = f"""
WITH stored AS (
    INSERT INTO findings_findingsplit (finding_set_id, base_set_id, package_set_id, depth, how, own, critical, high,
        medium, low, unknown, fixable)
    SELECT * FROM jsonb_to_recordset(%(rows)s) AS split(finding_set bigint, base_set bigint, package_set bigint,
        depth int, how text, own int[], critical int, high int, medium int, low int, unknown int, fixable int)
    ORDER BY finding_set, base_set, package_set, depth, how
    ON CONFLICT (finding_set_id, base_set_id, package_set_id, depth, how) DO UPDATE SET own = excluded.own,
        critical = excluded.critical, high = excluded.high, medium = excluded.medium, low = excluded.low,
        unknown = excluded.unknown, fixable = excluded.fixable
    RETURNING *
), fact AS (
    SELECT image.id, stored.id AS split
    FROM jsonb_to_recordset(%(images)s) AS pair(image bigint, finding_set bigint, base_set bigint, package_set bigint,
        depth int, how text)
    JOIN images_image image ON image.id = pair.image
    LEFT JOIN stored ON stored.finding_set_id = pair.finding_set AND stored.how = pair.how
        AND stored.depth = pair.depth AND stored.base_set_id IS NOT DISTINCT FROM pair.base_set
        AND stored.package_set_id IS NOT DISTINCT FROM pair.package_set
    ORDER BY image.id FOR NO KEY UPDATE OF image
), rebased AS ({REBASED})
UPDATE images_image image SET split_id = fact.split FROM fact
WHERE image.id = fact.id AND image.split_id IS DISTINCT FROM fact.split
"""  # noqa: S608 (our own text)


def split(images: Mapping[int, Pair | None]) -> None:
    """Split these images' findings anew."""
    rows = list(splits_of(pair for pair in images.values() if pair))
    pairs = [{"image": image, **(pair._asdict() if pair else {})} for image, pair in images.items()]
    values: dict[str, Any] = {"rows": Jsonb(rows), "images": Jsonb(pairs)}
    with connection.cursor() as cursor:
        cursor.execute(STORE, values)
    weigh(list(images))


def settle_splits(most: int = 10 * SLICE) -> int:
    """Split the findings of the images in line, by slices, each in a transaction of its own; returns how many."""
    done, taken = 0, SLICE
    while taken == SLICE and done < most:
        with transaction.atomic():
            if images := take(SLICE):
                split(images)
        taken = len(images)
        done += taken
    return done


def prune_splits() -> int:
    """Delete the splits that no image shows any more; returns how many."""
    with connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM findings_findingsplit split"
            " WHERE NOT EXISTS (SELECT FROM images_image WHERE split_id = split.id)"
        )
        return int(cursor.rowcount)
