"""All names of an image, and where it lies: what the block above the fold shows, in one statement."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import datetime

from django.db import connection

from governance.images.models import Image, Manifest
from governance.web.fields import digest_text, unpack_digest


@dataclass(frozen=True, slots=True)
class Named:
    """A digest and who told it, a tag in a repository, or a repository; `word` is the kind, the tag, the owner."""

    digest: str
    word: str
    source: str
    since: datetime
    until: datetime | None
    repository_id: int
    repository: str

    @property
    def kind(self) -> str:
        """What the digest is the digest of, in words."""
        return str(Manifest.Kind(self.word).label)


@dataclass(slots=True)
class Names:
    """`places` are the repositories that none of the tags names; `copies` is a copy of our own, under `word`."""

    manifests: list[Named] = field(default_factory=list)
    tags: list[Named] = field(default_factory=list)
    places: list[Named] = field(default_factory=list)
    copies: list[Named] = field(default_factory=list)


MANIFESTS, TAGS, PLACES = 50, 30, 30
NAMES = f"""
(SELECT 'manifests', digest, kind, source, first_seen, NULL::timestamptz, 0::bigint, ''
 FROM images_manifest WHERE image_id = %(image)s ORDER BY kind, first_seen, id LIMIT %(manifests)s)
UNION ALL
(SELECT 'tags', NULL, tag.name, '', tag.since, tag.until, repository.id, registry.host || '/' || repository.name
 FROM images_tag tag JOIN images_repository repository ON repository.id = tag.repository_id
 JOIN images_registry registry ON registry.id = repository.registry_id
 WHERE tag.image_id = %(image)s ORDER BY tag.until DESC NULLS FIRST, tag.last_seen DESC, tag.id DESC LIMIT %(tags)s)
UNION ALL
(SELECT 'places', NULL, coalesce(team.name, ''), '', place.first_seen, NULL, repository.id,
        registry.host || '/' || repository.name
 FROM images_placement place JOIN images_repository repository ON repository.id = place.repository_id
 JOIN images_registry registry ON registry.id = repository.registry_id
 LEFT JOIN accounts_team team ON team.id = repository.owner_id
 WHERE place.image_id = %(image)s ORDER BY place.id LIMIT %(places)s)
UNION ALL
(SELECT 'copies', NULL, concat(registry.host, '/', copy.place, ':' || nullif(copy.tag, ''), '@', copy.digest), '',
        copy.created_at, NULL, copy.id, ''
 FROM approvals_keptcopy copy JOIN images_registry registry ON registry.id = copy.registry_id
 WHERE copy.state = 'kept' AND EXISTS (
    SELECT FROM images_manifest WHERE image_id = %(image)s
       AND {digest_text("digest")} = ANY(copy.digests || copy.digest))
 ORDER BY copy.id DESC LIMIT 1)
"""  # noqa: S608 (texts of ours)


def names_of(image: Image) -> Names:
    """Digests by kind, tags that hold before those that held, where else it lies, and our newest whole copy."""
    found = Names()
    rows: dict[str, list[Named]] = defaultdict(list)
    limits = {"manifests": MANIFESTS, "tags": TAGS, "places": PLACES + TAGS}
    with connection.cursor() as cursor:
        cursor.execute(NAMES, {"image": image.pk, **limits})
        for what, digest, *rest in cursor.fetchall():
            rows[what].append(Named(unpack_digest(digest) if digest else "", *rest))
    found.manifests, found.tags, found.copies = rows["manifests"], rows["tags"], rows["copies"]
    named = {tag.repository_id for tag in found.tags}
    found.places = [place for place in rows["places"] if place.repository_id not in named][:PLACES]
    return found
