"""An image's names over time: repositories, tags and who owns them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from django.db import connection
from django.db.models import F

from governance.images.models import Image, Placement, Registry, Repository, Tag
from governance.images.reference import Reference, familiar_name, parse_reference


class NotYours(PermissionError):
    """The sender's team may not speak for this repository; the text names it."""


def repositories(references: Sequence[Reference], team: int | None, is_demo: bool) -> dict[str, Repository]:
    """The repositories of these references by full name; a new one is created and belongs to the sender's team.

    Raises `NotYours` where another team owns one: a team's token cannot write into other teams' repositories.
    """
    found: dict[str, Repository] = {}
    for ref in references:
        if ref.name in found:
            continue
        repository = Repository.objects.filter(registry__host=ref.host, name=ref.repository).first()
        if repository is None:
            registry, _ = Registry.objects.get_or_create(host=ref.host)
            repository, _ = Repository.objects.get_or_create(
                registry=registry, name=ref.repository, defaults={"owner_id": team, "is_demo": is_demo}
            )
        if team is not None and repository.owner_id not in (None, team):
            raise NotYours(f"repository {ref.name} belongs to another team than this token's")
        found[ref.name] = repository
    return found


def place(image: int, found: dict[str, Repository], at: datetime) -> None:
    """Note that the image lies in these repositories."""
    Placement.objects.bulk_create(
        [Placement(image_id=image, repository=repository, first_seen=at) for repository in found.values()],
        ignore_conflicts=True,
    )


def observe_tag(repository: int, name: str, platform: str, image: int, at: datetime) -> None:
    """Write into the history that the tag pointed to `image` at `at`, in whatever order observations arrive."""
    history = list(Tag.objects.filter(repository=repository, name=name, platform=platform).order_by("since", "pk"))
    around = next((row for row in reversed(history) if row.since <= at), None)
    after = next((row for row in history if row.since > at), None)
    if around and around.image_id == image:
        Tag.objects.filter(pk=around.pk, last_seen__lt=at).update(last_seen=at)
    elif after and after.image_id == image and not (around and around.last_seen > at):
        Tag.objects.filter(pk=after.pk).update(since=at)
        if around:
            Tag.objects.filter(pk=around.pk).update(until=at)
    else:
        _insert(repository, name, platform, image, at, around, after)


def _insert(
    repository: int, name: str, platform: str, image: int, at: datetime, around: Tag | None, after: Tag | None
) -> None:
    """A stretch of its own; one that it falls into is cut in two."""
    until = after.since if after else None
    if around and around.last_seen > at:
        Tag.objects.create(
            repository_id=repository,
            name=name,
            platform=platform,
            image_id=around.image_id,
            since=around.last_seen,
            last_seen=around.last_seen,
            until=around.until,
        )
        until = around.last_seen
    if around:
        Tag.objects.filter(pk=around.pk).update(until=at, last_seen=min(around.last_seen, at))
    Tag.objects.create(
        repository_id=repository, name=name, platform=platform, image_id=image, since=at, last_seen=at, until=until
    )


def rename(image: int) -> None:
    """Recompute what lists show: the reference (newest tag that still holds), its repository, the owning teams."""
    tag = (
        Tag.objects.filter(image=image)
        .select_related("repository__registry")
        .order_by(F("until").desc(nulls_first=True), "-last_seen", "repository_id", "name")
        .first()
    )
    placements = Placement.objects.filter(image=image).select_related("repository__registry").order_by("pk")
    owners = sorted({row.repository.owner_id for row in placements if row.repository.owner_id is not None})
    changes: dict[str, object] = {"owners": owners}
    name_only = Image.objects.values_list("placeholder", flat=True).get(pk=image)
    if tag:
        repository = tag.repository
        name = familiar_name(repository.registry.host, repository.name)
        changes |= {"reference": f"{name}:{tag.name}", "repository_id": repository.pk}
    elif placements:
        repository = placements[0].repository
        changes |= {
            "reference": familiar_name(repository.registry.host, repository.name),
            "repository_id": repository.pk,
        }
    if name_only and (written := parse_reference(name_only)):
        changes["reference"] = written.familiar
    Image.objects.filter(pk=image).update(**changes)


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
