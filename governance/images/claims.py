"""What is said of an image's base: recorded once, held against the known images and their layers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection

from governance.images.clean import clean_digest, clean_text
from governance.images.models import BaseEdge, LineageWork
from governance.images.reference import parse_reference
from governance.web.fields import pack_digest

MOST_CLAIMS = 50


@dataclass(frozen=True, slots=True)
class Claim:
    """Somebody's statement of an image's base, as written: a reference, a digest of whatever kind, or both.

    Both empty: built on nothing (`FROM scratch`). Of build provenance, which does not mark the base among the images
    that took part, each image is a claim.
    """

    rung: BaseEdge.Rung
    name: str = ""
    digest: str = ""
    source: str = ""


RECORD = """
INSERT INTO images_baseedge (image_id, rung, name, digest, source, stated_at, reason, agreement)
SELECT %(image)s, rung, name, digest, source, %(at)s, '', 'open'
FROM unnest(%(rungs)s::smallint[], %(names)s::text[], %(digests)s::bytea[], %(sources)s::text[])
     AS claim(rung, name, digest, source)
ON CONFLICT (image_id, rung, name, digest) DO NOTHING
"""


def record_claims(image: int, claims: Iterable[Claim], at: datetime) -> None:
    """Write down what is said of the image's base, and put the image in line. The same again changes nothing."""
    rows = {}
    for claim in list(claims)[:MOST_CLAIMS]:
        reference = parse_reference(clean_text(claim.name, 400)) if claim.name else None
        digest = clean_digest(claim.digest) or (reference.digest if reference else "")
        if claim.name and reference is None and not digest:
            continue
        tag = f":{reference.tag}" if reference and reference.tag else ""
        name = clean_text(f"{reference.name}{tag}", 400) if reference else ""
        rows[int(claim.rung), name, digest] = clean_text(claim.source, 200)
    if not rows:
        return
    values: dict[str, Any] = {
        "image": image,
        "at": at,
        "rungs": [rung for rung, _, _ in rows],
        "names": [name for _, name, _ in rows],
        "digests": [pack_digest(digest) if digest else None for _, _, digest in rows],
        "sources": list(rows.values()),
    }
    with connection.cursor() as cursor:
        cursor.execute(RECORD, values)
        if cursor.rowcount:
            queue([image])


def queue(images: Iterable[int], spread: LineageWork.Spread = LineageWork.Spread.NOBODY) -> None:
    """Put images in line for `lineage.settle`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO images_lineagework (image_id, spread) SELECT image, %s FROM unnest(%s::bigint[]) AS image"
            " ON CONFLICT (image_id) DO UPDATE SET spread = greatest(images_lineagework.spread, excluded.spread)",
            [int(spread), list(images)],
        )


@dataclass(frozen=True, slots=True)
class Known:
    """A known image that a claim may mean, and how it lies to the image it is said to be the base of."""

    by: str  # digest; tag: pointed to it at some time; repository: it lies there
    image: int
    depth: int  # number of layers, 0 = unknown
    is_below: bool  # its layers are the first of the image's, or all of them and it is the older one


# Every image a claim may mean. `below`: its top layer is one that the claiming image stands on. Of two images of the
# same content only the older can be the base, or both might be each other's.
MEANT = """
WITH RECURSIVE climb AS (
    SELECT image.id AS image, image.top_layer_id AS node FROM images_image image WHERE image.id = ANY(%(images)s)
  UNION ALL
    SELECT climb.image, node.parent_id FROM climb JOIN images_layernode node ON node.id = climb.node
), meant AS (
    SELECT edge.id AS edge, edge.image_id AS image, known.id AS base, 'digest' AS by
    FROM images_baseedge edge JOIN images_image known ON known.config_digest = edge.digest
    WHERE edge.image_id = ANY(%(images)s) AND edge.revoked_at IS NULL
  UNION
    SELECT edge.id, edge.image_id, manifest.image_id, 'digest'
    FROM images_baseedge edge JOIN images_manifest manifest ON manifest.digest = edge.digest
    WHERE edge.image_id = ANY(%(images)s) AND edge.revoked_at IS NULL
  UNION
    SELECT edge.id, edge.image_id, known.image_id, known.by
    FROM images_baseedge edge
    JOIN images_registry registry ON registry.host = split_part(edge.name, '/', 1)
    JOIN images_repository repository ON repository.registry_id = registry.id
     AND repository.name = split_part(substr(edge.name, strpos(edge.name, '/') + 1), ':', 1)
    JOIN LATERAL (
        SELECT image_id, 'tag' AS by FROM images_tag tag WHERE tag.repository_id = repository.id
           AND tag.name = split_part(substr(edge.name, strpos(edge.name, '/') + 1), ':', 2)
      UNION
        SELECT placement.image_id, 'repository' FROM images_placement placement
        JOIN images_image placed ON placed.id = placement.image_id JOIN climb ON climb.node = placed.top_layer_id
        WHERE placement.repository_id = repository.id AND climb.image = edge.image_id
    ) known ON true
    WHERE edge.image_id = ANY(%(images)s) AND edge.revoked_at IS NULL AND edge.name <> ''
)
SELECT meant.edge, meant.by, base.id, coalesce(top.depth, 0),
       climb.node IS NOT NULL AND (base.top_layer_id <> image.top_layer_id
           OR (coalesce(base.built_at, base.first_seen), base.first_seen, base.id)
            < (coalesce(image.built_at, image.first_seen), image.first_seen, image.id))
FROM meant JOIN images_image image ON image.id = meant.image
JOIN images_image base ON base.id = meant.base AND base.merged_into_id IS NULL AND base.id <> image.id
 AND (base.architecture = image.architecture OR base.architecture = '' OR image.architecture = '')
LEFT JOIN images_layernode top ON top.id = base.top_layer_id
LEFT JOIN climb ON climb.image = meant.image AND climb.node = base.top_layer_id
ORDER BY meant.edge, base.id
"""


def meant_by_claims(images: Sequence[int]) -> dict[int, list[Known]]:
    """The known images that the images' claims may mean, by the claim's id."""
    found: dict[int, list[Known]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(MEANT, {"images": list(images)})
        for edge, *known in cursor.fetchall():
            found[edge].append(Known(*known))
    return found


@dataclass(frozen=True, slots=True)
class Judged:
    """A claim held against what is known: the image it means, if one, and whether the layers agree."""

    id: int
    rung: int
    name: str
    has_digest: bool
    base: int | None = None
    depth: int = 0
    agreement: str = BaseEdge.Agreement.OPEN

    @property
    def is_nothing(self) -> bool:
        """It says that the image is built on nothing."""
        return not self.name and not self.has_digest


def judge(claim: Judged, layers: int, meant: Sequence[Known]) -> Judged:
    """Hold a claim on an image of so many layers against the images that it may mean.

    A digest says exactly which image, a name only whose: the tag may have pointed elsewhere when the image was built.
    A single layer may be a whole flattened base, so it contradicts nobody.
    """
    exact = [one for one in meant if one.by == "digest"]
    tagged = [one for one in meant if one.by == "tag"]
    proof = exact or ([] if claim.has_digest else tagged)
    if below := deepest(proof):
        return replace(claim, base=below.image, depth=below.depth, agreement=BaseEdge.Agreement.CONFIRMED)
    if exact:
        comparable = layers > 1 and all(one.depth for one in exact)
        agreement = BaseEdge.Agreement.CONTRADICTED if comparable else BaseEdge.Agreement.OPEN
        only = exact[0] if len(exact) == 1 else None
        return replace(claim, base=only.image if only else None, agreement=agreement)
    below = deepest(meant)
    return replace(claim, base=below.image if below else None, depth=below.depth if below else 0)


def deepest(meant: Iterable[Known]) -> Known | None:
    """Of those on whose layers the image stands the one with the most."""
    return max((one for one in meant if one.is_below), key=lambda one: one.depth, default=None)
