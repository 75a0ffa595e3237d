"""Did the tag move on that an image had? From the tag history alone, of the same platform.

Only a tag that ever pointed to another image says so: `3.12-slim` moves, `build-57` never does. Where such a tag still
points to the image, the image is the newest of its line, whatever `latest` does.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db import connection
from django.db.models import TextChoices


class State(TextChoices):
    """How an image stands to its tags."""

    NEWEST = "newest", "Newest of its tag"
    MOVED = "moved", "Tag moved on"
    GONE = "gone", "No tag any more"
    UNKNOWN = "unknown", "No tag known"


@dataclass(frozen=True, slots=True)
class Freshness:
    """`tag` is `host/repository:name`; where it moved on, `newest` is where it points now, `since` when it left."""

    state: State = State.UNKNOWN
    tag: str = ""
    newest: int | None = None
    since: datetime | None = None

    @property
    def is_behind(self) -> bool:
        """A rebuild on the newest would bring another base."""
        return self.state == State.MOVED


# Of each tag that an image had (the 30 newest): where it pointed last among images of the platform, whether it points
# anywhere now, since when that is another image, and whether it ever was one. Registries that name one tag for all
# platforms make it point to each in turn, hence the comparison of platforms.
HISTORY = """
WITH held AS (
    SELECT image.id, image.os, image.architecture, image.variant, tag.repository_id, tag.name
    FROM images_image image CROSS JOIN LATERAL (
        SELECT repository_id, name FROM images_tag WHERE image_id = image.id
        GROUP BY 1, 2 ORDER BY max(last_seen) DESC, 1, 2 LIMIT 30) tag
    WHERE image.id = ANY(%s)
), stretch AS (
    SELECT held.id, held.repository_id, held.name, tag.image_id, tag.since, tag.until,
           other.id = held.id OR (other.os, other.architecture, other.variant) =
               (held.os, held.architecture, held.variant) OR '' IN (other.architecture, held.architecture) AS fits,
           max(tag.since) FILTER (WHERE tag.image_id = held.id)
               OVER (PARTITION BY held.id, held.repository_id, held.name) AS mine
    FROM held CROSS JOIN LATERAL (
        SELECT * FROM images_tag WHERE repository_id = held.repository_id AND name = held.name
        ORDER BY since DESC LIMIT 500) tag
    JOIN images_image other ON other.id = tag.image_id
), pointer AS (
    SELECT id, repository_id, name,
           (array_agg(image_id ORDER BY since DESC, image_id DESC) FILTER (WHERE fits))[1] AS image,
           bool_or(until IS NULL) AS holds,
           min(since) FILTER (WHERE fits AND image_id <> id AND since > mine) AS left_at,
           coalesce(bool_or(image_id <> id) FILTER (WHERE fits), false) AS moves
    FROM stretch GROUP BY 1, 2, 3
)
SELECT pointer.id, registry.host || '/' || repository.name || ':' || pointer.name, image, holds, left_at, moves
FROM pointer JOIN images_repository repository ON repository.id = pointer.repository_id
JOIN images_registry registry ON registry.id = repository.registry_id
WHERE image IS NOT NULL ORDER BY pointer.id, left_at DESC NULLS LAST, 2
"""


@dataclass(frozen=True, slots=True)
class Pointer:
    """One tag of an image, and where it points now."""

    tag: str
    image: int
    holds: bool
    left_at: datetime | None
    moves: bool


def freshness_of(images: Iterable[int], named: str = "") -> dict[int, Freshness]:
    """How each image stands to its tags; `named` is the tag that its child was told to be built on, if known."""
    ids = list(images)
    found: dict[int, list[Pointer]] = defaultdict(list)
    with connection.cursor() as cursor:
        cursor.execute(HISTORY, [ids])
        for image, *row in cursor.fetchall():
            found[image].append(Pointer(*row))
    return {image: judge(image, found.get(image, []), named) for image in ids}


def judge(image: int, tags: list[Pointer], named: str = "") -> Freshness:
    """The tag that was named decides; else a moving tag that still points here; else the one that left last."""
    if asked := [tag for tag in tags if tag.tag == named]:
        tags = asked
    if not tags:
        return Freshness()
    staying = [tag for tag in tags if tag.image == image and tag.holds]
    leaving = [tag for tag in tags if tag.image != image and tag.holds]
    if moving := [tag for tag in staying if tag.moves]:
        return Freshness(State.NEWEST, moving[0].tag)
    if leaving:
        last = leaving[0]
        return Freshness(State.MOVED, last.tag, last.image, last.left_at)
    return Freshness(State.NEWEST, staying[0].tag) if staying else Freshness(State.GONE, tags[0].tag)


BEHIND = "SELECT id FROM images_image WHERE descendants > 0 ORDER BY descendants DESC, id DESC LIMIT %s"
MOST_BASES = 2_000


def bases_in(state: str) -> list[int]:
    """Of the images that something is built on (the 2,000 with the most) those in this state."""
    with connection.cursor() as cursor:
        cursor.execute(BEHIND, [MOST_BASES])
        bases = [pk for (pk,) in cursor.fetchall()]
    return [image for image, fresh in freshness_of(bases).items() if fresh.state == state]


# Other bases that one could switch to: current tags of the same repository, then what else the fleet builds on of the
# same distribution or of the same last word in its name (`python`, `node`), most used first.
FAMILY = """
WITH old AS (
    SELECT image.id, image.os, image.architecture, image.variant, image.distro, image.repository_id,
           regexp_replace(repository.name, '.*/', '') AS word
    FROM images_image image LEFT JOIN images_repository repository ON repository.id = image.repository_id
    WHERE image.id = %(base)s
), known AS (
    SELECT tag.image_id AS id, 0 AS place, max(tag.since) AS since
    FROM old JOIN images_tag tag ON tag.repository_id = old.repository_id AND tag.until IS NULL GROUP BY 1
  UNION ALL
    (SELECT image.id, 1, NULL FROM old JOIN images_image image
        ON image.descendants > 0 AND (image.distro = old.distro AND old.distro <> '' OR EXISTS (
            SELECT FROM images_repository repository WHERE repository.id = image.repository_id
               AND regexp_replace(repository.name, '.*/', '') = old.word))
     WHERE image.repository_id IS DISTINCT FROM old.repository_id
       AND EXISTS (SELECT FROM images_tag tag WHERE tag.image_id = image.id AND tag.until IS NULL)
     ORDER BY image.descendants DESC, image.id DESC LIMIT 50)
)
SELECT image.id FROM known JOIN images_image image ON image.id = known.id CROSS JOIN old
WHERE image.id <> ALL(%(not)s) AND image.merged_into_id IS NULL
  AND ((image.os, image.architecture, image.variant) = (old.os, old.architecture, old.variant)
       OR image.architecture = '' OR old.architecture = '')
ORDER BY known.place, known.since DESC NULLS LAST, image.descendants DESC, image.id DESC LIMIT %(most)s
"""


def family_of(base: int, without: Iterable[int] = (), most: int = 10) -> list[int]:
    """Other images that what is built on `base` could be built on, the nearest relatives first."""
    with connection.cursor() as cursor:
        cursor.execute(FAMILY, {"base": base, "not": [base, *without], "most": most})
        return [pk for (pk,) in cursor.fetchall()]
