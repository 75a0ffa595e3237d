"""Which images a text names: a digest of whatever kind, or a reference as people and machines write it."""

from __future__ import annotations

from typing import Any

from django.db import connection

from governance.images.clean import clean_digest
from governance.images.reference import parse_reference
from governance.web.fields import pack_digest

# Each arm of a union has its index; an OR of them would read every image.
BY_DIGEST = """
SELECT image.id, image.owners FROM images_image image JOIN (
    SELECT id FROM images_image WHERE config_digest = %(digest)s
    UNION SELECT image_id FROM images_manifest WHERE digest = %(digest)s
) named ON named.id = image.id
WHERE image.merged_into_id IS NULL ORDER BY image.id LIMIT 50
"""
# What the tag points to now, one image for each platform; or the record of which only this name is known.
BY_TAG = """
SELECT image.id, image.owners FROM images_image image JOIN (
    SELECT id FROM images_image WHERE placeholder = %(placeholder)s
    UNION SELECT tag.image_id FROM images_tag tag JOIN images_repository repository ON repository.id = tag.repository_id
        JOIN images_registry registry ON registry.id = repository.registry_id
        WHERE registry.host = %(host)s AND repository.name = %(repository)s AND tag.name = %(tag)s
          AND tag.until IS NULL
) named ON named.id = image.id
WHERE image.merged_into_id IS NULL ORDER BY image.id LIMIT 50
"""


def images_named(text: str) -> list[tuple[int, list[int]]]:
    """(id, owners' ids) of the images that a digest or reference names now: one for each platform, none if unknown.

    A digest goes before the tag beside it; without either the tag is `latest`, as engines have it.
    """
    reference = None if clean_digest(text) else parse_reference(text)
    digest = clean_digest(text) or (reference.digest if reference else "")
    if digest:
        return _rows(BY_DIGEST, {"digest": pack_digest(digest)})
    if reference is None:
        return []
    tag = reference.tag or "latest"
    named = {"host": reference.host, "repository": reference.repository, "tag": tag}
    return _rows(BY_TAG, {**named, "placeholder": f"{reference.name}:{tag}"})


def _rows(statement: str, values: dict[str, Any]) -> list[tuple[int, list[int]]]:
    with connection.cursor() as cursor:
        cursor.execute(statement, values)
        return [(pk, owners) for pk, owners in cursor.fetchall()]
