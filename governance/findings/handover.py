"""A repository changes hands: what teams state of its images by VEX holds for others now."""

from __future__ import annotations

from django.db import connection, transaction

from governance.accounts.models import Team
from governance.accounts.scope import Viewer
from governance.images.models import Repository
from governance.images.ownership import give_repository

# Statements that a team's token sent hold in that team's images alone.
RECOUNT = """
INSERT INTO findings_remerge (image_id)
SELECT image_id FROM images_placement WHERE repository_id = %s
   AND EXISTS (SELECT FROM findings_vexstatement WHERE is_current AND team IS NOT NULL)
ORDER BY image_id ON CONFLICT DO NOTHING
"""


@transaction.atomic
def hand_over(viewer: Viewer | None, repository: Repository, team: Team | None, reason: str = "") -> int | None:
    """Give it to a team, or to nobody; returns how many images that moved, None where it was so already."""
    moved = give_repository(viewer, repository, team, reason)
    if moved:
        with connection.cursor() as cursor:
            cursor.execute(RECOUNT, [repository.pk])
    return moved
