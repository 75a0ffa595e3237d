"""An image's system, and since when it is known: what its scans come to, whichever of them came first.

Each scan keeps what its report said (`Scan.distro`). Where they disagree, a report that named a digest counts before
one that a tag's history led to, and the more exact version before the vaguer: Clair knows `12`, Trivy `12.11`.
"""

from __future__ import annotations

from collections.abc import Collection

from django.db import connection

from governance.findings.models import OSV
from governance.images.claims import queue
from governance.images.models import LineageWork

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
THEIRS = """
SELECT DISTINCT distro, distro_version AS version FROM images_image WHERE distro <> '' AND id = ANY(%(images)s)
"""
FOLLOW = """
WITH judged AS (INSERT INTO images_verdictwork (image) SELECT unnest(%(images)s::bigint[]))
UPDATE images_image image SET end_of_life = coalesce(life.is_over, image.end_of_life_said), end_of_life_on = life.ends
FROM images_image self LEFT JOIN ({lives}) life
    ON life.distro = self.distro AND life.version = self.distro_version
WHERE self.id = image.id AND image.id = ANY(%(images)s)
"""
FOLLOW = FOLLOW.format(lives=LIVES.format(systems=THEIRS))
SPELLED = {"words": list(SPELLINGS), "distros": list(SPELLINGS.values())}
# Past its end stays past its end. Matching looks at a package list and says nothing of the image (`osv.rematch`).
SUM_UP = """
UPDATE images_image image SET distro = told.distro, distro_version = told.version, end_of_life_said = told.ended,
    first_seen = coalesce(least(told.scanned, told.tagged), image.first_seen)
FROM (
    SELECT known.id, known.first_seen, coalesce(best.distro, '') AS distro,
        coalesce(best.distro_version, '') AS version, scans.ended, scans.at AS scanned,
        (SELECT min(since) FROM images_tag WHERE image_id = known.id) AS tagged
    FROM images_image known
    LEFT JOIN LATERAL (
        SELECT min(scanned_at) AS at, bool_or(end_of_life) AS ended FROM findings_scan
        WHERE image_id = known.id AND scanner <> %(osv)s
    ) scans ON true
    LEFT JOIN LATERAL (
        SELECT distro, distro_version FROM findings_scan WHERE image_id = known.id AND distro <> ''
        ORDER BY named = '' DESC, distro_version ~ '^[0-9]+([.][0-9]+)*$' DESC,
            length(replace(distro_version, '.', '')) - length(distro_version), length(distro_version) DESC,
            distro_version DESC, distro LIMIT 1
    ) best ON true
    WHERE known.id = ANY(%(images)s)
) told
WHERE image.id = told.id AND (image.distro, image.distro_version, image.end_of_life_said, image.first_seen)
    IS DISTINCT FROM (told.distro, told.version, told.ended,
                      coalesce(least(told.scanned, told.tagged), image.first_seen))
RETURNING image.id, image.built_at IS NULL AND image.first_seen <> told.first_seen
"""


def sum_up(images: Collection[int]) -> None:
    """Make these images, which the caller has locked, say what their scans come to."""
    with connection.cursor() as cursor:
        cursor.execute(SUM_UP, {"images": list(images), "osv": OSV})
        changed = cursor.fetchall()
    if changed:
        follow_lives([pk for pk, _ in changed])
    if older := [pk for pk, is_older in changed if is_older]:
        # Which of two images of the same layers is the other's base, their age decides.
        queue(older, LineageWork.Spread.LAYERS)


def follow_lives(images: Collection[int]) -> None:
    """Give these images, which the caller has locked, what their distributions' dates say."""
    with connection.cursor() as cursor:
        cursor.execute(FOLLOW, {**SPELLED, "images": list(images)})
