"""What each image was built on, from the layer trie and from what is said of it.

A person's correction outranks all. Then come statements that the layers confirm, by rung; then statements that cannot
be confirmed, as far as they name one base; then the layers alone: the nearest known image whose layers the image
stands on. Only a person or the layers make an answer sure. A label is inherited by children, so it never outranks
deeper layers. An image in the same repository is an earlier build with a layer less rather than a base.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from django.db import connection, transaction

from governance.images.claims import Judged, judge, meant_by_claims
from governance.images.models import BaseEdge, LineageWork
from governance.images.reach import QUEUE

SLICE = 500
Agreement, Rung = BaseEdge.Agreement, BaseEdge.Rung


@dataclass(frozen=True, slots=True)
class Ancestor:
    """The nearest known image below; `elsewhere` says that it (also) lies in a repository where the image does not."""

    image: int
    depth: int
    elsewhere: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """An image's base. `name` is set where the direct base is no known image; `base` is then an ancestor, if any."""

    base: int | None = None
    rung: int = 0
    is_sure: bool = False
    name: str = ""


NOBODY_KNOWS = Answer()


def choose(claims: Sequence[Judged], below: Ancestor | None) -> Answer:
    """The best answer of all that is known of an image; a pure function of it, so that no order of arrival matters."""
    corrections = [claim for claim in claims if claim.rung == Rung.CORRECTION]
    if corrections:
        # One at a time is in force: an earlier one is revoked by the next.
        return _stated(max(corrections, key=lambda claim: claim.id), None, is_sure=True)
    said = [claim for claim in claims if claim.rung > Rung.LABEL and claim.agreement != Agreement.CONTRADICTED]
    confirmed = [claim for claim in said if claim.agreement == Agreement.CONFIRMED]
    if confirmed:
        best = max(confirmed, key=lambda claim: (claim.rung, claim.depth, -(claim.base or 0)))
        return Answer(best.base, best.rung, is_sure=True)
    for rung in sorted({claim.rung for claim in said}, reverse=True):
        named = [claim for claim in said if claim.rung == rung]
        if len({(claim.name, claim.base) for claim in named}) == 1:
            return _stated(named[0], below, is_sure=False)
    labels = [claim for claim in claims if claim.rung <= Rung.LABEL]
    if below:
        agreed = any(claim.base == below.image and claim.agreement == Agreement.CONFIRMED for claim in labels)
        return Answer(below.image, Rung.LABEL if agreed else Rung.LAYERS, is_sure=below.elsewhere or agreed)
    open_labels = [claim for claim in labels if claim.agreement == Agreement.OPEN and not claim.is_nothing]
    return _stated(open_labels[0], None, is_sure=False) if len(open_labels) == 1 else Answer()


def _stated(claim: Judged, below: Ancestor | None, is_sure: bool) -> Answer:
    """The answer that a claim gives; where it names no known image, layers still show an ancestor.

    An image that layers alone would have shown is not less sure because a name that moves points to it as well.
    """
    if claim.base or claim.is_nothing:
        shown = below is not None and below.elsewhere and below.image == claim.base
        return Answer(claim.base, claim.rung, is_sure or shown)
    return Answer(below.image if below else None, claim.rung, is_sure, claim.name or "an image known by digest only")


# Of every ancestor's layers, lowest first, the image that has just these; of several the one whose history is the
# beginning of the image's own (builders copy it into the child), then the oldest; and any before those that lie only
# where the image itself lies. With the very same layers only such a history makes a base: a child that changed nothing
# but its configuration. Layers of another platform's image may be the same bytes; they are not what it was built on.
NEAREST = """
WITH RECURSIVE climb AS (
    SELECT image.id AS image, image.architecture, image.top_layer_id AS node, true AS is_top
    FROM images_image image WHERE image.id = ANY(%(images)s) AND image.top_layer_id IS NOT NULL
  UNION ALL
    SELECT climb.image, climb.architecture, node.parent_id, false
    FROM climb JOIN images_layernode node ON node.id = climb.node WHERE node.parent_id IS NOT NULL
)
SELECT DISTINCT ON (climb.image) climb.image, known.id, node.depth, place.elsewhere
FROM climb JOIN images_layernode node ON node.id = climb.node
JOIN images_image known ON known.top_layer_id = climb.node AND known.merged_into_id IS NULL AND known.id <> climb.image
 AND (known.architecture = climb.architecture OR '' IN (known.architecture, climb.architecture))
LEFT JOIN images_imageconfig mine ON mine.image_id = climb.image
LEFT JOIN images_imageconfig theirs ON theirs.image_id = known.id
CROSS JOIN LATERAL (
    SELECT NOT EXISTS (SELECT FROM images_placement WHERE image_id = known.id) OR EXISTS (
        SELECT FROM images_placement one WHERE one.image_id = known.id AND NOT EXISTS (
            SELECT FROM images_placement other
            WHERE other.image_id = climb.image AND other.repository_id = one.repository_id)) AS elsewhere,
        CASE WHEN length(theirs.steps) BETWEEN 1 AND length(mine.steps) - 1
              AND substr(mine.steps, 1, length(theirs.steps)) = theirs.steps
             THEN length(theirs.steps) ELSE 0 END AS history
) place
WHERE NOT climb.is_top OR place.history > 0
ORDER BY climb.image, place.elsewhere DESC, node.depth DESC, place.history DESC,
         coalesce(known.built_at, known.first_seen), known.first_seen, known.config_digest, known.id
"""


def nearest(images: Sequence[int]) -> dict[int, Ancestor]:
    """The known image that each image stands on, by layers alone."""
    with connection.cursor() as cursor:
        cursor.execute(NEAREST, {"images": list(images)})
        return {image: Ancestor(known, depth, elsewhere) for image, known, depth, elsewhere in cursor.fetchall()}


CLAIMS = """
SELECT edge.image_id, edge.id, edge.rung, edge.name, edge.digest IS NOT NULL, coalesce(node.depth, 0)
FROM images_baseedge edge JOIN images_image image ON image.id = edge.image_id
LEFT JOIN images_layernode node ON node.id = image.top_layer_id
WHERE edge.image_id = ANY(%(images)s) AND edge.revoked_at IS NULL ORDER BY edge.id
"""
NOTE = """
UPDATE images_baseedge edge SET base_id = fact.base, agreement = fact.agreement
FROM unnest(%(ids)s::bigint[], %(bases)s::bigint[], %(agreements)s::text[]) AS fact(id, base, agreement)
WHERE edge.id = fact.id AND (edge.base_id, edge.agreement) IS DISTINCT FROM (fact.base, fact.agreement)
"""


def judged_claims(images: Sequence[int]) -> dict[int, list[Judged]]:
    """Every claim on the images, held against what is known now, and that written beside it."""
    found: dict[int, list[Judged]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(CLAIMS, {"images": list(images)})
        rows = cursor.fetchall()
        if not rows:
            return found
        meant = meant_by_claims(images)
        for image, pk, rung, name, has_digest, layers in rows:
            found[image].append(judge(Judged(pk, rung, name, has_digest), layers, meant.get(pk, [])))
        claims = [claim for several in found.values() for claim in several]
        values: dict[str, Any] = {
            "ids": [claim.id for claim in claims],
            "bases": [claim.base for claim in claims],
            "agreements": [str(claim.agreement) for claim in claims],
        }
        cursor.execute(NOTE, values)
    return found


# Both what they left and what they went to.
MOVED = "SELECT unnest(ARRAY[before, base]) FROM changed WHERE before IS DISTINCT FROM base"
CHANGE = f"""
WITH fact AS (
    SELECT * FROM unnest(%(images)s::bigint[], %(bases)s::bigint[], %(rungs)s::smallint[], %(sure)s::bool[],
                         %(names)s::text[]) AS fact(image, base, rung, sure, name)
), held AS (
    SELECT image.id, image.base_id AS before, fact.*
    FROM images_image image JOIN fact ON fact.image = image.id
    WHERE (image.base_id, image.base_rung, image.base_is_sure, image.base_name)
          IS DISTINCT FROM (fact.base, fact.rung, fact.sure, fact.name)
    ORDER BY image.id FOR NO KEY UPDATE OF image
), changed AS (
    UPDATE images_image image SET base_id = held.base, base_rung = held.rung, base_is_sure = held.sure,
           base_name = held.name
    FROM held WHERE image.id = held.id RETURNING image.id, held.before, held.base
), counted AS (
    {QUEUE.format(images=MOVED)}
), judged AS (INSERT INTO images_verdictwork (image) SELECT id FROM changed)
INSERT INTO images_splitwork (image_id) SELECT id FROM changed WHERE before IS DISTINCT FROM base
ON CONFLICT DO NOTHING
"""


def relate(images: Sequence[int], claimed: Collection[int], baseless: Collection[int] = ()) -> bool:
    """Find the base of each of these images anew, of which `claimed` are those that anything was ever said of.

    Those whose base changed are put in line for the split; whether there are any. Of `baseless` none was known so far.
    """
    below, claims = nearest(images), judged_claims(sorted(claimed)) if claimed else {}
    found = {image: choose(claims.get(image, []), below.get(image)) for image in images}
    images = [image for image, answer in found.items() if answer != NOBODY_KNOWS or image not in baseless]
    if not images:
        return False
    answers = [found[image] for image in images]
    values: dict[str, Any] = {
        "images": list(images),
        "bases": [answer.base for answer in answers],
        "rungs": [int(answer.rung) for answer in answers],
        "sure": [answer.is_sure for answer in answers],
        "names": [answer.name for answer in answers],
    }
    with connection.cursor() as cursor:
        cursor.execute(CHANGE, values)
        return bool(cursor.rowcount)


# What follows in the transaction is planned once and not for each image's own values, which takes longer than doing it.
# Its commit is not waited for: what is lost with a server is the whole of it, and the images are in line again.
TAKE = """
DELETE FROM images_lineagework WHERE id IN
    (SELECT id FROM images_lineagework ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING image_id, spread,
    EXISTS (SELECT FROM images_baseedge edge WHERE edge.image_id = images_lineagework.image_id),
    EXISTS (SELECT FROM images_image image WHERE image.id = images_lineagework.image_id AND image.base_id IS NULL
            AND image.base_rung = 0 AND NOT image.base_is_sure AND image.base_name = ''),
    set_config('plan_cache_mode', 'force_generic_plan', true), set_config('synchronous_commit', 'off', true)
"""
# Everything on the layers of an image, and whatever is said to be built on it.
ABOVE = """
WITH RECURSIVE above AS (
    SELECT image.top_layer_id AS id FROM images_image image
    WHERE image.id = ANY(%(layers)s) AND image.top_layer_id IS NOT NULL
  UNION ALL
    SELECT node.id FROM above JOIN images_layernode node ON node.parent_id = above.id
)
INSERT INTO images_lineagework (image_id, spread)
SELECT image.id, 0 FROM above JOIN images_image image ON image.top_layer_id = above.id
WHERE image.merged_into_id IS NULL AND image.id <> ALL(%(layers)s)
UNION
SELECT edge.image_id, 0 FROM images_image image
JOIN images_baseedge edge ON edge.digest = image.config_digest WHERE image.id = ANY(%(claims)s)
UNION
SELECT edge.image_id, 0 FROM images_manifest manifest
JOIN images_baseedge edge ON edge.digest = manifest.digest WHERE manifest.image_id = ANY(%(claims)s)
UNION
SELECT edge.image_id, 0 FROM images_placement placement
JOIN images_repository repository ON repository.id = placement.repository_id
JOIN images_registry registry ON registry.id = repository.registry_id
JOIN images_baseedge edge ON edge.name = registry.host || '/' || repository.name
WHERE placement.image_id = ANY(%(claims)s)
UNION
SELECT edge.image_id, 0 FROM images_tag tag JOIN images_repository repository ON repository.id = tag.repository_id
JOIN images_registry registry ON registry.id = repository.registry_id
JOIN images_baseedge edge ON edge.name = registry.host || '/' || repository.name || ':' || tag.name
WHERE tag.image_id = ANY(%(claims)s)
ON CONFLICT (image_id) DO NOTHING
"""


def settle_lineage(most: int = 20 * SLICE) -> tuple[int, bool]:
    """Find the bases of the images in line, by slices, each in a transaction of its own.

    Returns how many, and whether the base of any of them changed.
    """
    done, waiting, changed = 0, True, False
    while waiting and done < most:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(TAKE, [SLICE])
            rows = cursor.fetchall()
            if rows:
                claimed, baseless = ({row[0] for row in rows if row[column]} for column in (2, 3))
                changed |= relate(sorted(row[0] for row in rows), claimed, baseless)
            # Whoever is put in line just now comes next.
            waiting = spread(row[:2] for row in rows) > 0 or len(rows) == SLICE
        done += len(rows)
    return done, changed


def spread(rows: Iterable[tuple[int, int]]) -> int:
    """Put in line whom the arrival of these images concerns; returns how many that are."""
    concerning = [(image, far) for image, far in rows if far != LineageWork.Spread.NOBODY]
    if not concerning:
        return 0
    layers = [image for image, far in concerning if far == LineageWork.Spread.LAYERS]
    with connection.cursor() as cursor:
        cursor.execute(ABOVE, {"layers": layers, "claims": [image for image, _ in concerning]})
        return int(cursor.rowcount)


def relate_all() -> None:
    """Put every image in line, as after a change of the rules."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO images_lineagework (image_id, spread) SELECT id, 0 FROM images_image"
            " WHERE merged_into_id IS NULL ON CONFLICT DO NOTHING"
        )
