"""Which images' distributions are past their end of life: by date where it is known, else by what a scanner said."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from django.db import connection, transaction

from governance.findings.enrichment import Life, merge
from governance.findings.state import follow_clock

# How scanners write what os-release calls otherwise.
SPELLINGS = {
    "alma": "almalinux",
    "amazon": "amzn",
    "amazon linux": "amzn",
    "amazonlinux": "amzn",
    "cbl-mariner": "mariner",
    "centos linux": "centos",
    "opensuse": "opensuse-leap",
    "opensuse leap": "opensuse-leap",
    "opensuse.leap": "opensuse-leap",
    "oracle": "ol",
    "oracle linux": "ol",
    "oraclelinux": "ol",
    "red hat enterprise linux": "rhel",
    "redhat": "rhel",
    "rocky linux": "rocky",
    "rockylinux": "rocky",
    "suse": "sles",
    "suse linux enterprise server": "sles",
}
# The longest release that a version begins with: 3.19 is 3.19.1's, 3.1 is not 3.10's.
LIVES = """
SELECT DISTINCT ON (system.distro, system.version) system.distro, system.version, life.release, life.ends,
       life.is_ended OR coalesce(life.ends < (now() AT TIME ZONE 'UTC')::date, false) AS is_over
FROM ({systems}) system
LEFT JOIN unnest(%(words)s::text[], %(distros)s::text[]) AS spelled(word, distro) ON spelled.word = lower(system.distro)
JOIN findings_distrolife life ON life.distro = coalesce(spelled.distro, lower(system.distro))
    AND left(system.version, length(life.release)) = life.release
    AND substr(system.version, length(life.release) + 1, 1) !~ '[0-9]'
ORDER BY system.distro, system.version, length(life.release) DESC
"""
SYSTEMS = "SELECT DISTINCT distro, distro_version AS version FROM images_image WHERE distro <> '' {those}"
CHANGED = """
SELECT image.id FROM images_image image
LEFT JOIN ({lives}) life ON life.distro = image.distro AND life.version = image.distro_version
WHERE (image.end_of_life, image.end_of_life_on)
    IS DISTINCT FROM (coalesce(life.is_over, image.end_of_life_said), life.ends)
ORDER BY image.id LIMIT 5000 FOR NO KEY UPDATE OF image
"""
FOLLOW = """
WITH judged AS (INSERT INTO images_verdictwork (image) SELECT unnest(%(images)s::bigint[]))
UPDATE images_image image SET end_of_life = coalesce(life.is_over, image.end_of_life_said), end_of_life_on = life.ends
FROM images_image self LEFT JOIN ({lives}) life ON life.distro = self.distro AND life.version = self.distro_version
WHERE self.id = image.id AND image.id = ANY(%(images)s)
"""
WORDS = {"words": list(SPELLINGS), "distros": list(SPELLINGS.values())}
ALL_LIVES = LIVES.format(systems=SYSTEMS.format(those=""))
THEIR_LIVES = LIVES.format(systems=SYSTEMS.format(those="AND id = ANY(%(images)s)"))


def follow_lives(images: Collection[int]) -> None:
    """Give these images, which the caller has locked, what their distributions' dates say."""
    with connection.cursor() as cursor:
        cursor.execute(FOLLOW.format(lives=THEIR_LIVES), {**WORDS, "images": list(images)})


def follow_dates() -> int:
    """Give all images what the dates say today, some thousands at a time; returns how many changed."""
    changed = 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(CHANGED.format(lives=ALL_LIVES), WORDS)
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
