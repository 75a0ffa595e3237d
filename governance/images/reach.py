"""How much is built on each image, at any depth, by repository: counted in the worker, shown in lists.

A base of a hundred thousand images is counted in a second, not in a page, and not for each of a thousand arrivals: what
has many descendants waits a little for more of them (`QUEUE`).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from django.db import connection, transaction

from governance.images.models import Image

SLICE = 50
# Number of the advisory lock of whoever counts.
LOCK = 0x70775F7265616368
# Below 1,000 descendants at once, beyond that a second for every thousand. Whoever asks meanwhile is counted, so that
# a row is only done with if nobody asked since it was read.
QUEUE = """
INSERT INTO images_reachwork (image_id, due, asked)
SELECT image.id, clock_timestamp() + make_interval(secs => greatest(image.descendants - 1000, 0) / 1000.0), 1
FROM images_image image WHERE image.id IN ({images}) ORDER BY image.id
ON CONFLICT (image_id) DO UPDATE SET asked = images_reachwork.asked + 1
"""
DUE = "SELECT id, image_id, asked FROM images_reachwork WHERE due <= clock_timestamp()"
# Whatever is built on an image is built on its bases, too. UNION ends circles.
CLIMB = """
WITH RECURSIVE up AS (
    SELECT unnest(%s::bigint[]) AS id
  UNION
    SELECT image.base_id FROM up JOIN images_image image ON image.id = up.id WHERE image.base_id IS NOT NULL
)
SELECT id FROM images_image WHERE id IN (SELECT id FROM up) ORDER BY id FOR NO KEY UPDATE
"""
COUNT = """
WITH RECURSIVE down AS (
    SELECT id AS base, id FROM unnest(%(bases)s::bigint[]) AS id
  UNION
    SELECT down.base, image.id FROM down JOIN images_image image ON image.base_id = down.id
    WHERE image.merged_into_id IS NULL
), fact AS (
    SELECT down.base, image.repository_id AS repository, count(*) AS images,
           count(*) FILTER (WHERE EXISTS (
               SELECT FROM images_tag tag WHERE tag.image_id = image.id AND tag.until IS NULL)) AS current
    FROM down JOIN images_image image ON image.id = down.id WHERE down.id <> down.base GROUP BY 1, 2
), gone AS (
    DELETE FROM images_basereach reach WHERE reach.base_id = ANY(%(bases)s) AND NOT EXISTS (
        SELECT FROM fact WHERE fact.base = reach.base_id AND fact.repository IS NOT DISTINCT FROM reach.repository_id)
), stored AS (
    INSERT INTO images_basereach (base_id, repository_id, images, current) SELECT * FROM fact
    ON CONFLICT (base_id, repository_id) DO UPDATE SET images = excluded.images, current = excluded.current
    WHERE (images_basereach.images, images_basereach.current) IS DISTINCT FROM (excluded.images, excluded.current)
)
UPDATE images_image image SET descendants = total.images, descendants_current = total.current
FROM (
    SELECT base, coalesce(sum(fact.images), 0) AS images, coalesce(sum(fact.current), 0) AS current
    FROM unnest(%(bases)s::bigint[]) AS base LEFT JOIN fact USING (base) GROUP BY 1
) total
WHERE image.id = total.base
  AND (image.descendants, image.descendants_current) IS DISTINCT FROM (total.images, total.current)
"""


def queue(images: Iterable[int]) -> None:
    """Put images in line: what is built on them changed."""
    with connection.cursor() as cursor:
        cursor.execute(QUEUE.format(images="SELECT unnest(%s::bigint[])"), [list(images)])


# Whether a base is up to date is part of the verdict on what is built on it.
JUDGE_CHILDREN = """
INSERT INTO images_verdictwork (image)
SELECT id FROM images_image WHERE base_id = ANY(%(images)s)
UNION SELECT child.id FROM images_tag tag JOIN images_repository repository ON repository.id = tag.repository_id
JOIN images_registry registry ON registry.id = repository.registry_id
JOIN images_image child ON child.base_name = registry.host || '/' || repository.name || ':' || tag.name
    AND child.base_name <> '' WHERE tag.image_id = ANY(%(images)s)
UNION SELECT unnest(%(images)s::bigint[])
"""


def queue_bases_of(images: Iterable[int]) -> None:
    """Tags of these images moved: what they are built on is counted anew, and what is built on them judged."""
    with connection.cursor() as cursor:
        bases = "SELECT base_id FROM images_image WHERE id = ANY(%s)"
        cursor.execute(QUEUE.format(images=bases), [list(images)])
        cursor.execute(JUDGE_CHILDREN, {"images": list(images)})


def queue_all() -> None:
    """Put every image that something is built on in line, and those of which it is only thought."""
    bases = "SELECT base_id FROM images_image UNION SELECT id FROM images_image WHERE descendants > 0"
    with connection.cursor() as cursor:
        cursor.execute(QUEUE.format(images=bases))


def count_reach(bases: Sequence[int]) -> None:
    """Count what is built on these images and on what they are built on."""
    with connection.cursor() as cursor:
        cursor.execute(CLIMB, [list(bases)])
        cursor.execute(COUNT, {"bases": [pk for (pk,) in cursor.fetchall()]})


def settle_reach(most: int = 20 * SLICE) -> int:
    """Count for the images in line, by slices, each in a transaction of its own; returns how many.

    Images are locked before anything is taken from the line, as everywhere else. Another worker at it is left alone.
    """
    done = 0
    while done < most:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
            if cursor.fetchone() != (True,):
                break
            cursor.execute(f"{DUE} ORDER BY due, id LIMIT %s", [SLICE])
            rows = cursor.fetchall()
            if rows:
                count_reach([image for _, image, _ in rows])
                cursor.execute(DONE, [[pk for pk, _, _ in rows], [asked for _, _, asked in rows]])
        done += len(rows)
        if len(rows) < SLICE:
            break
    return done


DONE = """
DELETE FROM images_reachwork work USING unnest(%s::bigint[], %s::int[]) AS seen(id, asked)
WHERE work.id = seen.id AND work.asked = seen.asked
"""
TOTALS = """
SELECT reach.base_id, count(repository.id), count(DISTINCT repository.owner_id)
FROM images_basereach reach LEFT JOIN images_repository repository ON repository.id = reach.repository_id
WHERE reach.base_id = ANY(%s) GROUP BY 1
"""


def spread_of(bases: Iterable[Image]) -> dict[int, tuple[int, int]]:
    """{base: (repositories, teams) that build on it}."""
    with connection.cursor() as cursor:
        cursor.execute(TOTALS, [[base.pk for base in bases]])
        return {base: (repositories, teams) for base, repositories, teams in cursor.fetchall()}
