"""Whose a repository is, and with it every image in it."""

from __future__ import annotations

from django.core.exceptions import PermissionDenied
from django.db import connection, transaction

from governance.accounts.audit import audit
from governance.accounts.models import Team
from governance.accounts.scope import Viewer, administers
from governance.images.models import Event, Repository
from governance.images.names import set_owner

NOTE = (
    "INSERT INTO images_event (image_id, kind, text)"
    " SELECT image_id, %s, %s FROM images_placement WHERE repository_id = %s"
)


@transaction.atomic
def give_repository(viewer: Viewer | None, repository: Repository, team: Team | None, reason: str = "") -> int | None:
    """Give it to a team, or to nobody; returns how many images that moved, None where it was so already.

    The images' timelines say it too: people ask there first why something is no longer theirs.
    """
    if not administers(viewer):
        raise PermissionDenied("only administrators say whose a repository is")
    rows = Repository.objects.select_for_update(of=("self",)).select_related("registry", "owner")
    repository = rows.get(pk=repository.pk)
    before, after = repository.owner, team
    if (before and before.pk) == (after and after.pk):
        return None
    moved = set_owner(repository, after.pk if after else None)
    # Also what was given to nobody: rules leave it alone from now on.
    Repository.objects.filter(pk=repository.pk).update(given_by=Repository.GivenBy.PERSON, owner_rule=None)
    text = f"{repository}: from {before or 'nobody'} to {after or 'nobody'}"
    with connection.cursor() as cursor:
        cursor.execute(NOTE, [Event.Kind.OWNED, text[:500], repository.pk])
    audit(
        viewer,
        "repository.owner",
        f"repository {repository.pk} {repository}",
        team=after.pk if after else before.pk if before else None,
        before={"owner": before.name if before else None},
        after={"owner": after.name if after else None, "images": moved},
        reason=reason,
    )
    return moved
