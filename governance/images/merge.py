"""Two records proved to be one image: everything moves to the one that stays, the other keeps only the way there."""

from __future__ import annotations

from django.db import connection

from governance.images.models import Event, Image, VerdictWork
from governance.images.reach import queue
from governance.images.tags import hand_over

# Rows that a unique key would refuse are already known of the one that stays.
MOVES = (
    """UPDATE images_manifest SET image_id = %(into)s WHERE image_id = %(gone)s AND digest NOT IN
       (SELECT digest FROM images_manifest WHERE image_id = %(into)s)""",
    """UPDATE images_placement SET image_id = %(into)s WHERE image_id = %(gone)s AND repository_id NOT IN
       (SELECT repository_id FROM images_placement WHERE image_id = %(into)s)""",
    "UPDATE images_event SET image_id = %(into)s WHERE image_id = %(gone)s",
    """UPDATE images_baseedge moved SET image_id = %(into)s WHERE image_id = %(gone)s AND NOT EXISTS (
       SELECT FROM images_baseedge kept WHERE kept.image_id = %(into)s AND kept.rung = moved.rung
          AND kept.name = moved.name AND kept.digest IS NOT DISTINCT FROM moved.digest)""",
    "UPDATE images_baseedge SET base_id = %(into)s WHERE base_id = %(gone)s",
    "UPDATE images_image SET base_id = NULLIF(%(into)s, id) WHERE base_id = %(gone)s",
    "UPDATE images_image SET merged_into_id = %(into)s WHERE merged_into_id = %(gone)s",
    "DELETE FROM images_baseedge WHERE image_id = %(gone)s",
    "DELETE FROM images_basereach WHERE base_id = %(gone)s",
    """UPDATE images_imageconfig SET image_id = %(into)s WHERE image_id = %(gone)s AND NOT EXISTS
       (SELECT FROM images_imageconfig WHERE image_id = %(into)s)""",
    "DELETE FROM images_imageconfig WHERE image_id = %(gone)s",
    "DELETE FROM images_manifest WHERE image_id = %(gone)s",
    "DELETE FROM images_placement WHERE image_id = %(gone)s",
)


def merge_into(into: int, gone: int, reason: str) -> None:
    """Move all that hangs on image `gone` to image `into`; `gone` stays as a redirect for links that people kept.

    The caller moves what other packages hang on images (`governance.findings.regroup` moves the scans).
    """
    rows = {row.pk: row for row in Image.objects.select_for_update().filter(pk__in=[into, gone]).order_by("pk")}
    stays, goes = rows[into], rows[gone]
    hand_over(gone, into, stays.platform)
    with connection.cursor() as cursor:
        for move in MOVES:
            cursor.execute(move, {"into": into, "gone": gone})
    # Not platform and system: they follow from what is said of the image that stays (`governance.findings`).
    for name in ("built_at", "size", "top_layer_id"):
        if not getattr(stays, name):
            setattr(stays, name, getattr(goes, name))
    stays.first_seen = min(stays.first_seen, goes.first_seen)
    goes.merged_into_id = into
    goes.config_digest = goes.placeholder = None
    goes.finding_set_id = goes.package_set_id = None
    goes.base_id, goes.base_rung, goes.base_name = None, 0, ""
    goes.owners, goes.descendants, goes.descendants_current = [], 0, 0
    goes.save()
    stays.save()
    queue([into, *filter(None, [stays.base_id])])
    VerdictWork.objects.create(image=gone)
    text = f"Record {gone} is the same image ({reason})"
    Event.objects.create(image_id=into, kind=Event.Kind.MERGED, text=text[:500])
