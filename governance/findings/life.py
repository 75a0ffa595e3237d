"""Which images' distributions are past their end of life: by date where it is known, else by what a scanner said."""

from __future__ import annotations

from collections.abc import Iterable

from django.db import connection, transaction

from governance.findings.enrichment import Life, merge
from governance.findings.state import follow_clock
from governance.findings.systems import LIVES, SPELLED, follow_lives

SYSTEMS = "SELECT DISTINCT distro, distro_version AS version FROM images_image WHERE distro <> ''"
CHANGED = """
SELECT image.id FROM images_image image
LEFT JOIN ({lives}) life
    ON life.distro = image.distro AND life.version = image.distro_version
WHERE (image.end_of_life, image.end_of_life_on)
    IS DISTINCT FROM (coalesce(life.is_over, image.end_of_life_said), life.ends)
ORDER BY image.id LIMIT 5000 FOR NO KEY UPDATE OF image
"""


def follow_dates() -> int:
    """Give all images what the dates say today, some thousands at a time; returns how many changed."""
    changed = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(CHANGED.format(lives=LIVES.format(systems=SYSTEMS)), SPELLED)
            images = [pk for (pk,) in cursor.fetchall()]
            if images:
                follow_lives(images)
        changed += len(images)
        if len(images) < 5_000:
            return changed


def store_lives(rows: Iterable[Life]) -> None:
    """Dates changed: images follow, and their states."""
    with transaction.atomic():
        merge("findings_distrolife", ("distro", "release", "ends", "is_ended"), 2, rows)
    follow_dates()
    follow_clock()
