"""An image's names: repositories and who owns them; what lists show of all its names."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import connection

from governance.images.matching import repository_matcher
from governance.images.models import Registry, Repository
from governance.images.reference import Reference, parse_reference


class NotYours(PermissionError):
    """The sender's team may not speak for this repository; the text names it."""


def covers(repository: str, reference: str) -> bool:
    """Whether `reference` is of that repository, or of one that the pattern fits; what is no reference is not."""
    asked = parse_reference(reference)
    return asked is not None and repository_matcher(repository).match(asked.name) is not None


@dataclass(frozen=True, slots=True)
class Known:
    """A repository's row, as far as names need it."""

    id: int
    owner: int | None


REPOSITORIES = """
SELECT registry.host || '/' || repository.name, repository.id, repository.owner_id
FROM images_repository repository JOIN images_registry registry ON registry.id = repository.registry_id
WHERE (registry.host, repository.name) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
"""


def find_repositories(references: Sequence[Reference]) -> dict[str, Known]:
    """Those of these references that are known, by full name."""
    with connection.cursor() as cursor:
        cursor.execute(REPOSITORIES, [[ref.host for ref in references], [ref.repository for ref in references]])
        return {name: Known(pk, owner) for name, pk, owner in cursor.fetchall()}


def repositories(references: Sequence[Reference], team: int | None, is_demo: bool) -> dict[str, int]:
    """Ids of the repositories of these references by full name; a new one is created and belongs to the sender's team.

    Raises `NotYours` where another team owns one: a team's token cannot write into other teams' repositories.
    """
    found = find_repositories(references)
    for ref in references:
        if ref.name not in found:
            found[ref.name] = _create(ref, team, is_demo)
        if team is not None and found[ref.name].owner not in (None, team):
            raise NotYours(f"repository {ref.name} belongs to another team than this token's")
    return {name: known.id for name, known in found.items()}


def _create(ref: Reference, team: int | None, is_demo: bool) -> Known:
    registry, _ = Registry.objects.get_or_create(host=ref.host)
    repository, _ = Repository.objects.get_or_create(
        registry=registry, name=ref.repository, defaults={"owner_id": team, "is_demo": is_demo}
    )
    return Known(repository.pk, repository.owner_id)


def place(image: int, repositories: Iterable[int], at: datetime, is_sure: bool) -> None:
    """Note that the image lies in these repositories; `is_sure` is as in `Placement`."""
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH placed AS (INSERT INTO images_placement (image_id, repository_id, first_seen, is_sure)"
            " SELECT %s, repository, %s, %s FROM unnest(%s::bigint[]) AS repository"
            " ON CONFLICT (image_id, repository_id) DO UPDATE SET"
            "  first_seen = least(images_placement.first_seen, excluded.first_seen),"
            "  is_sure = images_placement.is_sure OR excluded.is_sure"
            " WHERE excluded.first_seen < images_placement.first_seen OR excluded.is_sure > images_placement.is_sure"
            " RETURNING image_id) INSERT INTO images_verdictwork (image) SELECT DISTINCT image_id FROM placed",
            [image, at, is_sure, list(repositories)],
        )


# The pattern does what reference.familiar_name does: `docker.io/library/alpine` is shown as `alpine`.
RENAME = r"""
WITH fact AS (
    SELECT image.id, coalesce(place.owners, array[]::bigint[]) AS owners,
           coalesce(tag.repository, place.repository, image.repository_id) AS repository,
           coalesce(
               regexp_replace(coalesce(image.placeholder, tag.written, place.written), '^docker\.io/(library/)?', ''),
               image.reference) AS reference,
           CASE WHEN tag.repository IS NULL THEN coalesce(place.away, false) ELSE tag.until IS NOT NULL END
           AS superseded,
           place.seen OR EXISTS (SELECT FROM images_manifest WHERE image_id = image.id) AS pushed,
           coalesce(place.away, false) OR (tag.until IS NOT NULL AND NOT EXISTS (
               SELECT FROM images_tag held JOIN images_tag other ON other.repository_id = held.repository_id
                  AND other.name = held.name AND other.since = held.until AND other.image_id <> held.image_id
               WHERE held.image_id = image.id)) AS gone
    FROM images_image image CROSS JOIN LATERAL (
        SELECT array_agg(DISTINCT repository.owner_id) FILTER (WHERE repository.owner_id IS NOT NULL) AS owners,
               (array_agg(repository.id ORDER BY registry.host || '/' || repository.name))[1] AS repository,
               min(registry.host || '/' || repository.name) AS written,
               coalesce(bool_or(placement.last_seen IS NOT NULL), false) AS seen,
               bool_and(placement.gone_at IS NOT NULL) AS away
        FROM images_placement placement JOIN images_repository repository ON repository.id = placement.repository_id
        JOIN images_registry registry ON registry.id = repository.registry_id
        WHERE placement.image_id = image.id
    ) place LEFT JOIN LATERAL (
        SELECT repository.id AS repository, tag.until,
               registry.host || '/' || repository.name || ':' || tag.name AS written
        FROM images_tag tag JOIN images_repository repository ON repository.id = tag.repository_id
        JOIN images_registry registry ON registry.id = repository.registry_id
        WHERE tag.image_id = image.id
        ORDER BY tag.until DESC NULLS FIRST, tag.last_seen DESC, registry.host, repository.name, tag.name LIMIT 1
    ) tag ON true
    WHERE image.id = ANY(%(images)s)
), changed AS (
    UPDATE images_image image SET owners = fact.owners, repository_id = fact.repository, reference = fact.reference,
           superseded = fact.superseded, pushed = fact.pushed, gone = fact.gone
    FROM fact WHERE image.id = fact.id
      AND (image.owners, image.repository_id, image.reference, image.superseded, image.pushed, image.gone)
        IS DISTINCT FROM (fact.owners, fact.repository, fact.reference, fact.superseded, fact.pushed, fact.gone)
    RETURNING image.id
)
INSERT INTO images_verdictwork (image) SELECT id FROM changed
"""


def rename(*images: int) -> None:
    """Recompute what lists show: the reference (newest tag that still holds), its repository, the owning teams.

    Superseded is an image whose tags have all moved on, or that had none and lies nowhere any more.
    """
    if images:
        with connection.cursor() as cursor:
            cursor.execute(RENAME, {"images": sorted(images)})


def set_owner(repository: Repository, team: int | None) -> int:
    """Give the repository to a team (or to nobody) and carry it over to its images; returns how many."""
    Repository.objects.filter(pk=repository.pk).update(owner_id=team)
    with connection.cursor() as cursor:
        cursor.execute(
            "WITH changed AS ("
            " UPDATE images_image image SET owners = fact.owners FROM ("
            "  SELECT p.image_id, coalesce(array_agg(DISTINCT r.owner_id) FILTER (WHERE r.owner_id IS NOT NULL),"
            "                              array[]::bigint[]) AS owners"
            "  FROM images_placement p JOIN images_repository r ON r.id = p.repository_id"
            "  WHERE p.image_id IN (SELECT image_id FROM images_placement WHERE repository_id = %s) GROUP BY 1"
            " ) fact WHERE image.id = fact.image_id RETURNING image.id)"
            " INSERT INTO images_verdictwork (image) SELECT id FROM changed",
            [repository.pk],
        )
        return int(cursor.rowcount)
