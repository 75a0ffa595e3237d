"""Which entries of the approved list mean an image, or what it is built on: their life is part of its own."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.db import connection

from governance.approvals.models import ApprovedBase
from governance.approvals.patterns import Pattern, read_pattern
from governance.images.models import Image
from governance.images.reference import parse_reference
from governance.web.fields import unpack_digest

# Entries of the repositories that hold the image or its base (or of which they hold a kept copy), with the tags that
# ever named it there and its digests.
ENTRIES = """
WITH one AS (
    SELECT id, true AS is_own FROM images_image WHERE id = %(image)s
    UNION ALL SELECT id, false FROM images_image WHERE id = %(base)s
), held AS (
    SELECT one.id, one.is_own, repository.id AS repository, registry.host || '/' || repository.name AS name
    FROM one JOIN images_placement place ON place.image_id = one.id
    JOIN images_repository repository ON repository.id = place.repository_id
    JOIN images_registry registry ON registry.id = repository.registry_id
), meant AS (
    SELECT * FROM held
    UNION ALL SELECT held.id, held.is_own, held.repository, copy.name FROM held
    JOIN approvals_keptcopy copy ON copy.state = 'kept'
    JOIN images_registry registry ON registry.id = copy.registry_id AND registry.host || '/' || copy.place = held.name
)
SELECT entry.id, entry.pattern, meant.is_own,
       (SELECT coalesce(array_agg(DISTINCT tag.name), '{}') FROM images_tag tag
        WHERE tag.image_id = meant.id AND tag.repository_id = meant.repository),
       (SELECT coalesce(array_agg(digest), '{}') FROM (
            SELECT digest FROM images_manifest WHERE image_id = meant.id
            UNION SELECT config_digest FROM images_image WHERE id = meant.id AND config_digest IS NOT NULL) named)
FROM meant JOIN approvals_approvedbase entry ON entry.name = meant.name AND entry.state = ANY(%(states)s)
UNION ALL
SELECT id, pattern, false, ARRAY[%(tag)s]::varchar[], '{}' FROM approvals_approvedbase
WHERE name = %(name)s AND state = ANY(%(states)s)
"""
STATES = [*ApprovedBase.LISTED]


@dataclass(slots=True)
class About:
    """Ids of entries: those that mean the image itself, and those that mean what it is built on."""

    own: list[int] = field(default_factory=list)
    base: list[int] = field(default_factory=list)


def entries_about(image: Image) -> About:
    """Every listed entry whose pattern fits a tag that the image or its direct base ever had, or its digest."""
    named = parse_reference(image.base_name) if image.base_name else None
    values: dict[str, Any] = {
        "image": image.pk,
        "base": None if image.base_name else image.base_id,
        "name": named.name if named else "",
        "tag": (named.tag or "") if named else "",
        "states": STATES,
    }
    with connection.cursor() as cursor:
        cursor.execute(ENTRIES, values)
        rows = cursor.fetchall()
    digest = named.digest if named else None
    found = About()
    for pk, text, is_own, tags, digests in rows:
        known = {unpack_digest(one) for one in digests} | ({digest} if digest and not is_own else set())
        if _means(read_pattern(text), tags, known):
            ids = found.own if is_own else found.base
            if pk not in ids:
                ids.append(pk)
    found.base = [pk for pk in found.base if pk not in found.own]
    return found


def _means(pattern: Pattern, tags: list[str], digests: set[str]) -> bool:
    return pattern.text in digests if not pattern.expression else any(pattern.fits(tag) for tag in tags)
