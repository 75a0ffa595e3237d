"""What a crawl writes beside the inventory: marks of tags, and attached documents as deliveries."""

from __future__ import annotations

import io
from collections.abc import Sequence
from datetime import datetime

from django.db import connection

from governance.images.tags import SEEN_HOURLY
from scanning.attached import Statement
from scanning.body import receive
from scanning.crawl_read import Found
from scanning.deliveries import Envelope, KeyReused, accept
from scanning.models import RepositoryCrawl, TagMark

# Marks whose tag does not point, in the history, to exactly what the registry said: a report of another image came in
# between (a build that was scanned and never pushed).
ASTRAY = """
SELECT mark.name FROM scanning_tagmark mark
WHERE mark.crawl_id = %(crawl)s AND mark.kind IN ('image', 'index') AND (
    NOT EXISTS (
        SELECT FROM images_tag tag
        WHERE tag.repository_id = %(repository)s AND tag.name = mark.name AND tag.until IS NULL)
    OR EXISTS (
        SELECT FROM images_tag tag
        WHERE tag.repository_id = %(repository)s AND tag.name = mark.name AND tag.until IS NULL AND NOT EXISTS (
            SELECT FROM images_manifest manifest
            WHERE manifest.image_id = tag.image_id AND manifest.digest = mark.digest)))
"""


def astray(row: RepositoryCrawl) -> list[str]:
    """Tags to be read again although they name what they named."""
    if row.repository_id is None:
        return []
    with connection.cursor() as cursor:
        cursor.execute(ASTRAY, {"crawl": row.pk, "repository": row.repository_id})
        return [name for (name,) in cursor.fetchall()]


def mark(row: RepositoryCrawl, found: Sequence[Found], at: datetime) -> None:
    """Remember what the tags named; one that could not be read is read again at the next pass, whatever its digest."""
    if unchanged := [one.tag for one in found if one.is_unchanged]:
        TagMark.objects.filter(crawl=row, name__in=unchanged).update(seen_at=at, attached_at=at)
    fresh = [
        TagMark(
            crawl=row,
            name=one.tag,
            digest=one.digest or None,
            kind=one.kind,
            seen_at=at,
            attached_at=at,
            error=one.error,
        )
        for one in found
        if not one.is_unchanged and not one.missing
    ]
    TagMark.objects.bulk_create(
        fresh,
        update_conflicts=True,
        unique_fields=["crawl", "name"],
        update_fields=["digest", "kind", "seen_at", "attached_at", "error"],
    )


TOUCH = f"""
WITH seen AS (
    UPDATE images_tag SET {SEEN_HOURLY}
    WHERE repository_id = %(repository)s AND name = ANY(%(names)s::text[]) AND until IS NULL RETURNING image_id
)
UPDATE images_placement SET last_seen = greatest(last_seen, %(at)s), gone_at = NULL
WHERE repository_id = %(repository)s AND image_id IN (SELECT image_id FROM seen)
"""


def touch(row: RepositoryCrawl, names: Sequence[str], at: datetime) -> None:
    """Tags that name what they named were seen again."""
    if not names:
        return
    TagMark.objects.filter(crawl=row, name__in=names).update(seen_at=at)
    if row.repository_id:
        with connection.cursor() as cursor:
            cursor.execute(TOUCH, {"repository": row.repository_id, "names": list(names), "at": at})


def deliver(row: RepositoryCrawl, statement: Statement) -> bool:
    """Accept an attached document as a report of the image it is attached to, once; True if it is new.

    Raises `Refused` where it is larger than reports may be, or an archive.
    """
    if statement.body is None:
        return False
    envelope = Envelope(
        image=f"{row.connection.registry.host}/{row.name}@{statement.subject}",
        stage="registry",
        idempotency_key=f"{statement.subject}:{statement.digest}",
        origin=f"registry:{row.connection_id}",
    )
    try:
        return not accept(receive(io.BytesIO(statement.body)), envelope, ring=False)[1]
    except KeyReused:
        # The same image in another repository of this registry, and the same document attached there.
        return False
