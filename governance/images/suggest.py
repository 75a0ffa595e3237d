"""What an image of unknown base may be built on: whose layers it shares, what was said of it, how its system looks.

None of it is proof, or the base would be known; a person decides (`correction.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

from django.db import connection

from governance.images.models import BaseEdge, Image


@dataclass(frozen=True, slots=True)
class Suggestion:
    """`base` is what a person would state; `image` the known image that it means, if one."""

    words: str
    base: str
    image: int | None = None


# Of each image the highest layer on which another branch of layers stands, and an image on that branch; or an image of
# the very same layers; always of the same platform. Each step is a look-up by index, whatever the size of the fleet.
SHARED = """
WITH RECURSIVE climb AS (
    SELECT image.id AS image, node.id AS child, node.parent_id AS node
    FROM images_image image JOIN images_layernode node ON node.id = image.top_layer_id WHERE image.id = ANY(%s)
  UNION ALL
    SELECT climb.image, node.id, node.parent_id FROM climb JOIN images_layernode node ON node.id = climb.node
), fork AS (
    SELECT DISTINCT ON (climb.image) climb.image, node.depth, branch.id AS branch
    FROM climb JOIN images_layernode node ON node.id = climb.node
    CROSS JOIN LATERAL (
        SELECT id FROM images_layernode WHERE parent_id = climb.node AND id <> climb.child ORDER BY id LIMIT 1) branch
    ORDER BY climb.image, node.depth DESC
)
SELECT fork.image, fork.depth, found.id FROM fork JOIN images_image mine ON mine.id = fork.image CROSS JOIN LATERAL (
    WITH RECURSIVE walk AS (
        SELECT fork.branch AS node, 1 AS steps
      UNION ALL
        SELECT (SELECT min(id) FROM images_layernode WHERE parent_id = walk.node), walk.steps + 1
        FROM walk WHERE walk.node IS NOT NULL AND walk.steps < 512
           AND NOT EXISTS (SELECT FROM images_image WHERE top_layer_id = walk.node AND merged_into_id IS NULL)
    ) SELECT image.id FROM walk JOIN images_image image ON image.top_layer_id = walk.node
      WHERE image.merged_into_id IS NULL AND (image.architecture = mine.architecture
         OR '' IN (image.architecture, mine.architecture)) ORDER BY image.id LIMIT 1
) found
UNION ALL
SELECT image.id, node.depth, twin.id FROM images_image image JOIN images_layernode node ON node.id = image.top_layer_id
CROSS JOIN LATERAL (
    SELECT other.id FROM images_image other
    WHERE other.top_layer_id = image.top_layer_id AND other.id <> image.id AND other.merged_into_id IS NULL
      AND (other.architecture = image.architecture OR '' IN (other.architecture, image.architecture))
    ORDER BY coalesce(other.built_at, other.first_seen), other.id LIMIT 1) twin
WHERE image.id = ANY(%s)
"""


def suggestions_for(images: Iterable[Image]) -> dict[int, list[Suggestion]]:
    """For each image, the most telling first."""
    rows = {image.pk: image for image in images}
    found: dict[int, list[Suggestion]] = defaultdict(list)
    for edge in BaseEdge.objects.filter(image__in=rows, revoked_at=None).order_by("-rung", "pk")[:500]:
        agreement = ", contradicted by its layers" if edge.agreement == BaseEdge.Agreement.CONTRADICTED else ""
        named = edge.name or edge.digest or ""
        found[edge.image_id].append(Suggestion(f"{edge.get_rung_display()}{agreement}", named, edge.base_id))
    for image, depth, other in shared(list(rows)):
        layers = f"{depth} layer{'' if depth == 1 else 's'}"
        found[image].append(Suggestion(f"Shares its first {layers} with", str(other), other))
    for row in rows.values():
        if guess := guess_of(row):
            found[row.pk].append(Suggestion("Its system looks like", guess))
    return found


def shared(images: list[int]) -> list[tuple[int, int, int]]:
    """[(image, number of layers, the image that has the same)]."""
    with connection.cursor() as cursor:
        cursor.execute(SHARED, [images, images])
        return [(image, depth, other) for image, depth, other in cursor.fetchall()]


def guess_of(image: Image) -> str:
    """`distro:version`, as official images of most distributions are called; "" where no system is known."""
    version = image.distro_version.partition(" ")[0]
    if image.distro == "debian":
        version = version.partition(".")[0]
    return f"{image.distro}:{version}" if image.distro.isalnum() and version else ""
