"""An image's names over time: repositories, tags and who owns them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from django.db import connection

from governance.images.models import Registry, Repository, Tag
from governance.images.reach import queue_bases_of
from governance.images.reference import Reference


class NotYours(PermissionError):
    """The sender's team may not speak for this repository; the text names it."""


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


def repositories(references: Sequence[Reference], team: int | None, is_demo: bool) -> dict[str, int]:
    """Ids of the repositories of these references by full name; a new one is created and belongs to the sender's team.

    Raises `NotYours` where another team owns one: a team's token cannot write into other teams' repositories.
    """
    with connection.cursor() as cursor:
        cursor.execute(REPOSITORIES, [[ref.host for ref in references], [ref.repository for ref in references]])
        found = {name: Known(pk, owner) for name, pk, owner in cursor.fetchall()}
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


def place(image: int, repositories: Iterable[int], at: datetime) -> None:
    """Note that the image lies in these repositories."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO images_placement (image_id, repository_id, first_seen)"
            " SELECT %s, repository, %s FROM unnest(%s::bigint[]) AS repository ON CONFLICT DO NOTHING",
            [image, at, list(repositories)],
        )


@dataclass(frozen=True, slots=True)
class Stretch:
    """One row of a tag's history."""

    id: int
    image: int
    since: datetime
    last_seen: datetime
    until: datetime | None


# The stretch that holds at a moment (or held last before it), and the one after it.
AROUND = """
(SELECT id, image_id, since, last_seen, until FROM images_tag
  WHERE repository_id = %(repository)s AND name = %(name)s AND platform = %(platform)s AND since <= %(at)s
  ORDER BY since DESC, id DESC LIMIT 1)
UNION ALL
(SELECT id, image_id, since, last_seen, until FROM images_tag
  WHERE repository_id = %(repository)s AND name = %(name)s AND platform = %(platform)s AND since > %(at)s
  ORDER BY since, id LIMIT 1)
"""


@dataclass(frozen=True, slots=True)
class Sighting:
    """A tag (of one platform, where the tag names an index) was seen pointing to an image at a time."""

    repository: int
    name: str
    platform: str
    image: int
    at: datetime


def observe_tag(seen: Sighting) -> int | None:
    """Write into the history that the tag pointed to the image then, in whatever order observations arrive.

    Returns the image to which the tag does not point any more; the caller names it anew (`rename`).
    """
    with connection.cursor() as cursor:
        cursor.execute(AROUND, asdict(seen))
        rows = [Stretch(*row) for row in cursor.fetchall()]
    around = next((row for row in rows if row.since <= seen.at), None)
    after = next((row for row in rows if row.since > seen.at), None)
    # Where the tag had moved on or vanished before, what held last says nothing of this moment.
    ended = around is not None and around.until is not None and around.until <= seen.at
    if around and around.image == seen.image and not ended:
        Tag.objects.filter(pk=around.id, last_seen__lt=seen.at).update(last_seen=seen.at)
    elif after and after.image == seen.image and not (around and around.last_seen > seen.at):
        Tag.objects.filter(pk=after.id).update(since=seen.at)
        if around and not ended:
            Tag.objects.filter(pk=around.id).update(until=seen.at)
            queue_bases_of([around.image])
    else:
        _insert(seen, None if ended else around, after)
        queue_bases_of([seen.image, *([around.image] if around else [])])
        if around and around.until is None and around.last_seen <= seen.at:
            return around.image
    return None


INSERT = """
INSERT INTO images_tag (repository_id, name, platform, image_id, since, last_seen, until)
VALUES (%(repository)s, %(name)s, %(platform)s, %(image)s, %(at)s, %(at)s, %(until)s)
"""


def _insert(seen: Sighting, around: Stretch | None, after: Stretch | None) -> None:
    """A stretch of its own; one that it falls into is cut in two."""
    until = after.since if after else None
    with connection.cursor() as cursor:
        if around and around.last_seen > seen.at:
            rest = {"image": around.image, "at": around.last_seen, "until": around.until}
            cursor.execute(INSERT, asdict(seen) | rest)
            until = around.last_seen
        if around:
            Tag.objects.filter(pk=around.id).update(until=seen.at, last_seen=min(around.last_seen, seen.at))
        cursor.execute(INSERT, asdict(seen) | {"until": until})


# The pattern does what reference.familiar_name does: `docker.io/library/alpine` is shown as `alpine`.
RENAME = r"""
UPDATE images_image image SET
    owners = coalesce(place.owners, array[]::bigint[]),
    repository_id = coalesce(tag.repository, place.repository, image.repository_id),
    reference = coalesce(
        regexp_replace(coalesce(image.placeholder, tag.written, place.written), '^docker\.io/(library/)?', ''),
        image.reference),
    superseded = tag.until IS NOT NULL
FROM (
    SELECT array_agg(DISTINCT repository.owner_id) FILTER (WHERE repository.owner_id IS NOT NULL) AS owners,
           (array_agg(repository.id ORDER BY placement.id))[1] AS repository,
           (array_agg(registry.host || '/' || repository.name ORDER BY placement.id))[1] AS written
    FROM images_placement placement JOIN images_repository repository ON repository.id = placement.repository_id
    JOIN images_registry registry ON registry.id = repository.registry_id
    WHERE placement.image_id = %(image)s
) place LEFT JOIN (
    SELECT repository.id AS repository, tag.until,
           registry.host || '/' || repository.name || ':' || tag.name AS written
    FROM images_tag tag JOIN images_repository repository ON repository.id = tag.repository_id
    JOIN images_registry registry ON registry.id = repository.registry_id
    WHERE tag.image_id = %(image)s
    ORDER BY tag.until DESC NULLS FIRST, tag.last_seen DESC, tag.repository_id, tag.name LIMIT 1
) tag ON true
WHERE image.id = %(image)s
"""


def rename(image: int) -> None:
    """Recompute what lists show: the reference (newest tag that still holds), its repository, the owning teams.

    Superseded is an image whose tags have all moved on.
    """
    with connection.cursor() as cursor:
        cursor.execute(RENAME, {"image": image})


def set_owner(repository: Repository, team: int | None) -> int:
    """Give the repository to a team (or to nobody) and carry it over to its images; returns how many."""
    Repository.objects.filter(pk=repository.pk).update(owner_id=team)
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE images_image image SET owners = fact.owners FROM ("
            "  SELECT p.image_id, coalesce(array_agg(DISTINCT r.owner_id) FILTER (WHERE r.owner_id IS NOT NULL),"
            "                              array[]::bigint[]) AS owners"
            "  FROM images_placement p JOIN images_repository r ON r.id = p.repository_id"
            "  WHERE p.image_id IN (SELECT image_id FROM images_placement WHERE repository_id = %s) GROUP BY 1"
            ") fact WHERE image.id = fact.image_id",
            [repository.pk],
        )
        return int(cursor.rowcount)
