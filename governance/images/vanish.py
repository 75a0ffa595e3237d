"""What disappears from a registry is marked, never deleted: tags that are not listed, images that are not there."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

from django.db import connection

from governance.images.models import Event
from governance.images.names import rename
from governance.images.reach import queue_bases_of
from governance.web.fields import unpack_digest

# A tag that a scan named but no crawl ever saw may be on its way: it is missed after this long.
PATIENCE = timedelta(days=1)

CLOSE = """
WITH gone AS (
    UPDATE images_tag SET until = %(at)s
    WHERE repository_id = %(repository)s AND until IS NULL AND last_seen < %(at)s AND NOT name = ANY(%(listed)s::text[])
      AND (name = ANY(%(known)s::text[]) OR last_seen < %(long_ago)s)
    RETURNING image_id, name
), told AS (
    INSERT INTO images_event (image_id, at, kind, text)
    SELECT DISTINCT gone.image_id, %(at)s, %(kind)s,
           left('The tag ' || registry.host || '/' || repository.name || ':' || gone.name || ' is no longer there', 500)
    FROM gone JOIN images_repository repository ON repository.id = %(repository)s
    JOIN images_registry registry ON registry.id = repository.registry_id
)
SELECT DISTINCT image_id FROM gone
"""


def close_tags(repository: int, listed: Sequence[str], known: Sequence[str], at: datetime) -> int:
    """End the history of tags that a whole list of the repository's, begun at `at`, does not name; how many images.

    `known` are the tags that were seen there before.
    """
    arguments: dict[str, Any] = {"repository": repository, "listed": list(listed), "known": list(known), "at": at}
    with connection.cursor() as cursor:
        cursor.execute(CLOSE, {**arguments, "long_ago": at - PATIENCE, "kind": Event.Kind.VANISHED})
        images = sorted(row[0] for row in cursor.fetchall())
    for image in images:
        rename(image)
    queue_bases_of(images)
    return len(images)


UNTAGGED = """
SELECT placement.id, placement.image_id, array_agg(manifest.digest ORDER BY manifest.id)
FROM images_placement placement
JOIN images_manifest manifest ON manifest.image_id = placement.image_id AND manifest.kind <> 'index'
WHERE placement.repository_id = %(repository)s AND placement.gone_at IS NULL AND NOT EXISTS (
    SELECT FROM images_tag tag WHERE tag.image_id = placement.image_id
       AND tag.repository_id = placement.repository_id AND tag.until IS NULL)
GROUP BY placement.id, placement.image_id
ORDER BY placement.last_seen NULLS FIRST, placement.id LIMIT %(most)s
"""


def untagged(repository: int, most: int) -> list[tuple[int, int, list[str]]]:
    """(placement, image, digests) of what lies there without a tag, first what was not looked for longest."""
    with connection.cursor() as cursor:
        cursor.execute(UNTAGGED, {"repository": repository, "most": most})
        return [(pk, image, [unpack_digest(one) for one in digests]) for pk, image, digests in cursor.fetchall()]


def mark_placements(here: Sequence[int], gone: Sequence[int], at: datetime) -> None:
    """Write down which placements were found and which not."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE images_placement SET last_seen = greatest(last_seen, %s) WHERE id = ANY(%s)", [at, list(here)]
        )
        cursor.execute(
            "UPDATE images_placement placement SET gone_at = %s"
            " FROM images_repository repository, images_registry registry"
            " WHERE placement.id = ANY(%s) AND gone_at IS NULL"
            " AND repository.id = placement.repository_id AND registry.id = repository.registry_id"
            " RETURNING placement.image_id, registry.host || '/' || repository.name",
            [at, list(gone)],
        )
        rows = cursor.fetchall()
    for image, name in rows:
        note([image], Event.Kind.GONE, f"No longer in {name}", at)
    rename(*{image for image, _ in rows})


def note(images: Iterable[int], kind: Event.Kind, text: str, at: datetime) -> None:
    """An entry on the timeline of each."""
    Event.objects.bulk_create(Event(image_id=image, at=at, kind=kind, text=text[:500]) for image in sorted(images))
