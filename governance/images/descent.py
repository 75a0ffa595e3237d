"""Along base edges: what an image stands on, and what stands on it.

Nothing keeps edges of statements from making a circle over time, so every walk counts its steps and goes nowhere twice.
How many images stand on one is counted in the worker (`reach.py`); walks here stop at a bound.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import Q, QuerySet
from django.db.models.expressions import RawSQL

from governance.images.clean import clean_digest
from governance.images.models import BaseEdge, Image, Manifest, Placement, Tag
from governance.images.reference import parse_reference

DEEPEST = 20
# Up to this many descendants are handed over as a list; beyond, each image is asked whether it stands on the base.
SHORT = 2_000
WALKED = 10_000
# A tag that moved for years, or a repository without a tag, means no more images than this.
MOST_NAMED = 1_000


@dataclass(frozen=True, slots=True)
class Step:
    """One image of a chain; `distance` from where it began."""

    image: int
    distance: int


CHAIN = """
WITH RECURSIVE up AS (
    SELECT id, base_id, 0 AS distance, ARRAY[id] AS path FROM images_image WHERE id = %s
  UNION ALL
    SELECT image.id, image.base_id, up.distance + 1, up.path || image.id
    FROM up JOIN images_image image ON image.id = up.base_id
    WHERE up.distance < %s AND image.id <> ALL(up.path)
)
SELECT id, distance FROM up WHERE distance > 0 ORDER BY distance
"""


def chain_of(image: int) -> list[Step]:
    """What the image stands on, nearest first, at most 20 deep."""
    with connection.cursor() as cursor:
        cursor.execute(CHAIN, [image, DEEPEST])
        return [Step(*row) for row in cursor.fetchall()]


# UNION forgets what it has seen already, which ends circles.
BELOW = """
WITH RECURSIVE down AS (
    SELECT unnest(%(bases)s::bigint[]) AS id
  UNION
    SELECT image.id FROM down JOIN images_image image ON image.base_id = down.id WHERE image.merged_into_id IS NULL
)
SELECT id FROM down WHERE id <> ALL(%(bases)s) LIMIT %(most)s
"""


def descendants_of(bases: Sequence[int], most: int = WALKED) -> tuple[list[int], bool]:
    """Ids of images built on any of these at any depth, the nearest first, and whether those are all."""
    with connection.cursor() as cursor:
        cursor.execute(BELOW, {"bases": list(bases), "most": most + 1})
        found = [pk for (pk,) in cursor.fetchall()]
    return found[:most], len(found) <= most


# One image's way up (as deep as DEEPEST), asked of each row of a list: a handful of look-ups.
STANDS_ON = """
EXISTS (WITH RECURSIVE up AS (
    SELECT images_image.base_id AS id, 1 AS distance
  UNION ALL
    SELECT above.base_id, up.distance + 1 FROM up JOIN images_image above ON above.id = up.id
    WHERE up.distance < 20 AND up.id <> ALL(%s)
) SELECT FROM up WHERE up.id = ANY(%s))
"""


def built_on(images: QuerySet[Image], bases: Sequence[int]) -> QuerySet[Image]:
    """Those of `images` that stand on any of the bases, at any depth."""
    some, are_all = descendants_of(bases, SHORT)
    if are_all:
        return images.filter(pk__in=some)
    stands = RawSQL(STANDS_ON, [list(bases), list(bases)])  # noqa: S611 (no value in it)
    return images.exclude(pk__in=bases).alias(stands=stands).filter(stands=True)


def named_bases(value: str) -> tuple[list[int], str]:
    """(images that the words mean, the name as statements have it): a number, a digest, or a reference.

    A name without a tag means every image of the repository.
    """
    if value.isdecimal() and len(value) < 19:
        return [int(value)], ""
    reference = parse_reference(value)
    if digest := clean_digest(reference.digest if reference and reference.digest else value):
        named = Q(config_digest=digest) | Q(pk__in=Manifest.objects.filter(digest=digest).values("image"))
        return list(Image.objects.present().filter(named).values_list("pk", flat=True)[:MOST_NAMED]), ""
    if reference is None:
        return [], ""
    tag = f":{reference.tag}" if reference.tag else ""
    where = {"repository__registry__host": reference.host, "repository__name": reference.repository}
    tagged = Tag.objects.filter(name=reference.tag, **where).order_by("-since").values_list("image", flat=True)
    placed = Placement.objects.filter(**where).order_by("-pk").values_list("image", flat=True)
    ids = list(tagged[:MOST_NAMED]) if tag else list(placed[:MOST_NAMED])
    return list(dict.fromkeys(ids)), f"{reference.name}{tag}"


TIES = """
SELECT id FROM images_image WHERE top_layer_id = (SELECT top_layer_id FROM images_image WHERE id = %s)
   AND id <> %s AND merged_into_id IS NULL ORDER BY coalesce(built_at, first_seen), id LIMIT %s
"""


def ties_of(image: int, most: int = 20) -> list[int]:
    """Other images of the very same layers, oldest first: by content each could be the base just as well."""
    with connection.cursor() as cursor:
        cursor.execute(TIES, [image, image, most])
        return [pk for (pk,) in cursor.fetchall()]


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that speaks for a base. `says` is as written; `base` the known image that it means, if one."""

    rung: str
    says: str
    source: str
    at: datetime | None
    agreement: str
    reason: str = ""
    base: Image | None = None
    is_revoked: bool = False


def evidence_for(image: Image) -> list[Evidence]:
    """Every statement of the image's base, the best rung first, and what the layers say; revoked ones last."""
    edges = BaseEdge.objects.filter(image=image).select_related("base")
    rows = list(edges.order_by("-rung", "-stated_at", "-pk")[:100])
    found = [_statement(row) for row in rows]
    agreed = image.base_rung == BaseEdge.Rung.LAYERS or any(
        row.agreement == BaseEdge.Agreement.CONFIRMED and row.base_id == image.base_id for row in rows
    )
    if image.base and agreed:
        words = f"Its first layers are all of {image.base}"
        label = str(BaseEdge.Rung.LAYERS.label)
        found.append(Evidence(label, words, "layers", None, BaseEdge.Agreement.CONFIRMED, base=image.base))
    return sorted(found, key=lambda one: one.is_revoked)


def _statement(row: BaseEdge) -> Evidence:
    digest = f"@{row.digest}" if row.digest and row.name else row.digest or ""
    return Evidence(
        rung=row.get_rung_display(),
        says=f"{row.name}{digest}" or "built on nothing",
        source=row.source,
        at=row.stated_at,
        agreement=row.agreement,
        reason=row.reason,
        base=row.base,
        is_revoked=row.revoked_at is not None,
    )


SHARED = """
WITH RECURSIVE mine AS (
    SELECT node.* FROM images_layernode node JOIN images_image image ON image.top_layer_id = node.id
    WHERE image.id = %(one)s
  UNION ALL SELECT node.* FROM mine JOIN images_layernode node ON node.id = mine.parent_id
), theirs AS (
    SELECT node.* FROM images_layernode node JOIN images_image image ON image.top_layer_id = node.id
    WHERE image.id = %(other)s
  UNION ALL SELECT node.* FROM theirs JOIN images_layernode node ON node.id = theirs.parent_id
)
SELECT coalesce(max(depth), 0) FROM mine WHERE id IN (SELECT id FROM theirs)
"""


def shared_layers(one: int, other: int) -> int:
    """How many first layers two images have in common."""
    with connection.cursor() as cursor:
        cursor.execute(SHARED, {"one": one, "other": other})
        return int(cursor.fetchone()[0])


def nobody_knows() -> Q:
    """Images whose base nobody knows; one that is known to be built on nothing is not among them."""
    return Q(base=None, base_rung=0, merged_into=None)


def to_build_on(images: Sequence[int]) -> set[int]:
    """Those of the images that something is built on."""
    return set(Image.objects.filter(pk__in=images, children__isnull=False).values_list("pk", flat=True))
