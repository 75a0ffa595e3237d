"""Scans that knew only a name: each hangs on the image that its tag pointed to when it was made."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from django.db import connection

from governance.findings.models import Scan
from governance.images.identity import TAG_AT, make_unidentified
from governance.images.locks import lock_images, lock_names
from governance.images.merge import merge_into
from governance.images.models import Image
from governance.images.reference import Reference

NAMED = """
SELECT named FROM findings_scan WHERE named = ANY(%(names)s) AND named <> ''
UNION SELECT placeholder FROM images_image WHERE placeholder = ANY(%(names)s)
"""
# Each scan of that name, and the image that the tag pointed to then.
ADOPT = f"""
SELECT scan.id, scan.image_id, ({TAG_AT.format(at="scan.scanned_at")}) FROM findings_scan scan
WHERE scan.named = %(named)s AND scan.named <> '' ORDER BY scan.scanned_at, scan.id
"""


def known_by_name(tags: Iterable[Reference]) -> set[str]:
    """Of these names (`host/repository:tag`) those that scans, or a record, know no image by but the name."""
    with connection.cursor() as cursor:
        cursor.execute(NAMED, {"names": [f"{tag.name}:{tag.tag}" for tag in tags]})
        return {name for (name,) in cursor.fetchall()}


def readopt(tags: Iterable[Reference]) -> set[int]:
    """Put the scans of these names where they belong; returns the images that lost or got any.

    The caller chooses their current scans and counts them again.
    """
    changed: set[int] = set()
    for tag in sorted(set(tags), key=str):
        changed |= _readopt(tag)
    return changed


def _readopt(tag: Reference) -> set[int]:
    name = f"{tag.name}:{tag.tag}"
    values: dict[str, Any] = {"named": name, "host": tag.host, "repository": tag.repository, "tag": tag.tag}
    lock_names([name])
    with connection.cursor() as cursor:
        cursor.execute(ADOPT, values)
        rows = cursor.fetchall()
    moving: dict[int | None, list[int]] = defaultdict(list)
    left: set[int] = set()
    holder = Image.objects.filter(placeholder=name).values_list("pk", flat=True).first()
    for scan, image, target in rows:
        if image != (target or holder):
            moving[target].append(scan)
            left.add(image)
    if None in moving and holder is None:
        holder = make_unidentified(tag, Scan.objects.get(pk=moving[None][0]).scanned_at)
    found = {target or holder: scans for target, scans in moving.items()}
    changed = {pk for pk in (*left, *found) if pk}
    lock_images(changed)
    for target, scans in found.items():
        kind = "reference" if target == holder else "tag"
        Scan.objects.filter(pk__in=scans).update(is_current=False, image=target, identified_by=kind)
    into = next((target for target in found if target != holder), None)
    if into and holder in left and not Scan.objects.filter(image=holder).exists():
        merge_into(into, holder, f"the tag {tag.familiar} pointed to it")
        changed.discard(holder)
    return changed
