"""Inherited and own findings: `own = image - base`, by line (vulnerability, package at its version).

What a base has, its owner mends once; an image's own list holds the rest. Both sides are the merged findings of all
their scanners; where a scanner looked at the image and never at the base, what it alone says counts as own, and the
split says so. Where the base was never assessed, the layer of each package decides, as far as the report gives it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

from django.db import connection, transaction

from governance.findings.models import FindingSplit, PackageSet
from governance.findings.sets import COUNT, places_of
from governance.findings.weigh import weigh
from governance.images.identity import lock_images

SLICE = 1000
How = FindingSplit.How


class Pair(NamedTuple):
    """What is compared: two finding sets, or a finding set with the layers below `depth` in its package set."""

    finding_set: int
    base_set: int | None
    package_set: int | None
    depth: int
    how: str


PAIRS = """
SELECT image.id, image.finding_set_id, base.finding_set_id, image.package_set_id, node.depth, scanners.are_same
FROM images_image image JOIN images_image base ON base.id = image.base_id
LEFT JOIN images_layernode node ON node.id = base.top_layer_id
CROSS JOIN LATERAL (
    SELECT NOT EXISTS (
        SELECT scanner FROM findings_scan WHERE image_id = image.id AND is_current AND outcome = 'assessed'
        EXCEPT
        SELECT scanner FROM findings_scan WHERE image_id = base.id AND is_current AND outcome = 'assessed'
    ) AS are_same
) scanners
WHERE image.id = ANY(%s) AND image.finding_set_id IS NOT NULL
"""


def pairs_of(images: Sequence[int]) -> dict[int, Pair]:
    """What each image is compared with; images without base or without anything to compare are left out."""
    found: dict[int, Pair] = {}
    with connection.cursor() as cursor:
        cursor.execute(PAIRS, [list(images)])
        for image, own, base, packages, depth, are_same in cursor.fetchall():
            if base is not None:
                found[image] = Pair(own, base, None, 0, How.SETS if are_same else How.MIXED)
            elif packages is not None and depth:
                found[image] = Pair(own, None, packages, depth, How.LAYERS)
    return found


# The ids of a set that are not in the base's, and of them those whose line is not there either. What was set aside in
# the base lies there all the same.
OWN = """
SELECT coalesce(array_agg(finding.id ORDER BY finding.id), '{}') AS ids
FROM (SELECT unnest(mine.findings) EXCEPT SELECT unnest(theirs.findings || theirs.suppressed)) rest(id)
JOIN findings_finding finding ON finding.id = rest.id
JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
JOIN findings_package package ON package.id = finding.package_id
WHERE (advisory.vulnerability_id, package.name, package.version) NOT IN (
    SELECT a.vulnerability_id, p.name, p.version FROM findings_finding f
    JOIN findings_advisory a ON a.id = f.advisory_id JOIN findings_package p ON p.id = f.package_id
    WHERE f.id = ANY(theirs.findings || theirs.suppressed))
"""
# No value ever becomes part of these texts.
COLUMNS = "finding_set_id, base_set_id, package_set_id, depth, how, own, critical, high, medium, low, unknown, fixable"
STORE = (
    " ON CONFLICT (finding_set_id, base_set_id, package_set_id, depth, how) DO UPDATE SET own = excluded.own,"
    " critical = excluded.critical, high = excluded.high, medium = excluded.medium, low = excluded.low,"
    " unknown = excluded.unknown, fixable = excluded.fixable"
    " RETURNING finding_set_id, base_set_id, package_set_id, depth, how, id"
)
BY_SETS = (
    f"INSERT INTO findings_findingsplit ({COLUMNS})"  # noqa: S608
    " SELECT pair.mine, pair.theirs, NULL, 0, pair.how, own.ids, counts.*"
    " FROM unnest(%(mine)s::bigint[], %(theirs)s::bigint[], %(how)s::text[]) AS pair(mine, theirs, how)"
    " JOIN findings_findingset mine ON mine.id = pair.mine JOIN findings_findingset theirs ON theirs.id = pair.theirs"
    f" CROSS JOIN LATERAL ({OWN}) own CROSS JOIN LATERAL ({COUNT.format(ids='own.ids')}) counts" + STORE
)
BY_LAYERS = (
    f"INSERT INTO findings_findingsplit ({COLUMNS})"  # noqa: S608
    " SELECT %(mine)s, NULL, %(packages)s, %(depth)s, %(how)s, own.ids, counts.* FROM ("
    "   SELECT coalesce(array_agg(finding.id ORDER BY finding.id), '{}') AS ids"
    "   FROM findings_findingset mine JOIN findings_finding finding ON finding.id = ANY(mine.findings)"
    "   WHERE mine.id = %(mine)s AND finding.package_id <> ALL(%(below)s::bigint[])) own"
    f" CROSS JOIN LATERAL ({COUNT.format(ids='own.ids')}) counts" + STORE
)


def store_splits(pairs: Iterable[Pair]) -> dict[Pair, int]:
    """Compute and store each pair's split; returns their ids."""
    found: dict[Pair, int] = {}
    wanted = sorted(set(pairs), key=lambda pair: (pair.finding_set, pair.base_set or 0, pair.package_set or 0))
    by_sets = [pair for pair in wanted if pair.base_set]
    with connection.cursor() as cursor:
        if by_sets:
            values: dict[str, Any] = {
                "mine": [pair.finding_set for pair in by_sets],
                "theirs": [pair.base_set for pair in by_sets],
                "how": [str(pair.how) for pair in by_sets],
            }
            cursor.execute(BY_SETS, values)
            found |= {Pair(*row[:5]): row[5] for row in cursor.fetchall()}
        for pair in wanted:
            if pair.package_set and (below := packages_below(pair.package_set, pair.depth)):
                values = {"mine": pair.finding_set, "packages": pair.package_set, "depth": pair.depth}
                cursor.execute(BY_LAYERS, values | {"how": str(pair.how), "below": below})
                row = cursor.fetchone()
                found[Pair(*row[:5])] = row[5]
    return found


def packages_below(package_set: int, depth: int) -> list[int]:
    """Packages that lie in the base's layers and nowhere above them; [] where the report does not give layers."""
    layers: dict[int, set[int]] = defaultdict(set)
    for package, layer, _ in places_of(PackageSet.objects.get(pk=package_set)):
        layers[package].add(layer)
    return [package for package, found in layers.items() if 0 not in found and max(found) <= depth]


TAKE = """
DELETE FROM images_splitwork WHERE id IN (SELECT id FROM images_splitwork ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING image_id
"""
APPLY = """
WITH fact AS (
    SELECT image.id, fact.split FROM unnest(%(images)s::bigint[], %(splits)s::bigint[]) AS fact(image, split)
    JOIN images_image image ON image.id = fact.image
    WHERE image.split_id IS DISTINCT FROM fact.split ORDER BY image.id FOR NO KEY UPDATE OF image
)
UPDATE images_image image SET split_id = fact.split FROM fact WHERE image.id = fact.id
"""


def split(images: Sequence[int]) -> None:
    """Split these images' findings anew."""
    pairs = pairs_of(images)
    ids = store_splits(pairs.values())
    splits = [ids.get(pairs[image]) if image in pairs else None for image in images]
    with connection.cursor() as cursor:
        cursor.execute(APPLY, {"images": list(images), "splits": splits})
    lock_images(images)
    weigh(images)


def settle_splits(most: int = 10 * SLICE) -> int:
    """Split the findings of the images in line, by slices, each in a transaction of its own; returns how many."""
    done = 0
    while done < most:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(TAKE, [SLICE])
            images = sorted(image for (image,) in cursor.fetchall())
            if not images:
                break
            split(images)
        done += len(images)
    return done
