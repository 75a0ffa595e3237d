"""What feeds say, carried on to finding sets and images: how many findings are known exploited, the highest EPSS, risk.

A feed changes thousands of sets at once, so these stand in a line (`Reweigh`) and are taken by slices, each in two
transactions: first the sets, then the images that show them. Whatever dies in between, the slice is taken again.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from django.db import connection, transaction

from governance.findings.risk import SQL, Facts
from governance.findings.traits import FACTS, TRAITS
from governance.images.locks import lock_images
from governance.images.models import Image

SLICE = 200
SEVERITIES = ("critical", "high", "medium", "low", "unknown")
# Beyond this many findings it is cheaper to look at every set than to look up which hold them.
FEW = 1_000
# Number of the advisory lock of whoever works on the line.
LOCK = 0x70775F77656967

# Of the findings that {ids} names: lines (vulnerability, package) that are known exploited, and the highest EPSS.
WEIGHT = """
SELECT count(*) FILTER (WHERE line.is_exploited)::int AS exploited, max(line.epss) AS epss FROM (
    SELECT DISTINCT vulnerability.id, finding.package_id, vulnerability.epss,
           vulnerability.kev_added IS NOT NULL AS is_exploited
    FROM findings_finding finding JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
    JOIN findings_vulnerability vulnerability ON vulnerability.id = advisory.vulnerability_id
    WHERE finding.id = ANY({ids})
) line
"""
LINE_UP = """
INSERT INTO findings_reweigh (finding_set) SELECT id FROM findings_findingset WHERE findings && %(findings)s::int[]
"""
LINE_UP_ALL = """
INSERT INTO findings_reweigh (finding_set) SELECT id FROM findings_findingset WHERE findings <> '{}'
"""
FINDINGS = """
SELECT finding.id FROM findings_finding finding JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
WHERE advisory.vulnerability_id = ANY(%s)
"""


def line_up(groups: Collection[int]) -> None:
    """Vulnerabilities changed: put every set that holds one of their findings in line."""
    if not groups:
        return
    with connection.cursor() as cursor:
        cursor.execute(FINDINGS, [list(groups)])
        findings = [pk for (pk,) in cursor.fetchall()]
        cursor.execute(LINE_UP if len(findings) <= FEW else LINE_UP_ALL, {"findings": findings})


def waiting() -> int:
    """How many sets stand in line."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM findings_reweigh")
        return int(cursor.fetchone()[0])


# The lines of all sets of a slice at once: one pass over their findings instead of a look-up for each set.
SETS = """
UPDATE findings_findingset target SET exploited = now.exploited, epss = now.epss FROM (
    SELECT line.id, count(*) FILTER (WHERE line.is_exploited)::int AS exploited, max(line.epss) AS epss FROM (
        SELECT DISTINCT held.id, advisory.vulnerability_id, finding.package_id, vulnerability.epss,
               vulnerability.kev_added IS NOT NULL AS is_exploited
        FROM (SELECT id, unnest(findings) AS finding FROM findings_findingset WHERE id = ANY(%(sets)s)) held
        JOIN findings_finding finding ON finding.id = held.finding
        JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
        JOIN findings_vulnerability vulnerability ON vulnerability.id = advisory.vulnerability_id
    ) line GROUP BY line.id
) now
WHERE target.id = now.id AND (target.exploited, target.epss) IS DISTINCT FROM (now.exploited, now.epss)
"""
# Whether it runs only agents tell; as whom it runs is known of an image whose configuration is.
RUNNING = "(shown.running > 0)"
ROOT = "CASE WHEN config.image_id IS NOT NULL THEN facts.is_root END"
INHERITED = (
    "(100 - 100 * (own.critical + own.high + own.medium + own.low + own.unknown)"
    " / nullif(s.critical + s.high + s.medium + s.low + s.unknown, 0))"
)
RISK = SQL.format(running=RUNNING, root=ROOT, inherited=INHERITED)
# Whatever it was that changed, it may change verdicts.
IMAGES = f"""
WITH judged AS (INSERT INTO images_verdictwork (image) SELECT unnest(%(images)s::bigint[]))
UPDATE images_image image SET exploited = now.exploited, epss = now.epss, risk = now.risk, traits = now.traits
FROM (
    SELECT shown.id, coalesce(s.exploited, 0) AS exploited, s.epss,
           CASE WHEN s.id IS NOT NULL THEN {RISK} END AS risk, {TRAITS} AS traits
    FROM images_image shown
    {FACTS}
    LEFT JOIN findings_findingset s ON s.id = shown.finding_set_id
    LEFT JOIN findings_findingsplit own ON own.id = shown.split_id
    WHERE shown.id = ANY(%(images)s)
) now
WHERE now.id = image.id
    AND (image.exploited, image.epss, image.risk, image.traits)
        IS DISTINCT FROM (now.exploited, now.epss, now.risk, now.traits)
"""


def facts_of(image: Image) -> Facts:
    """What `IMAGES` computes the risk from, of one image."""
    own, total, inherited = image.split, image.findings_total, None
    if own is not None and total:
        inherited = 100 - 100 * (own.critical + own.high + own.medium + own.low + own.unknown) // total
    counters = {name: getattr(image, name) for name in (*SEVERITIES, "fixable", "exploited")}
    config = getattr(image, "config", None)
    root = None if config is None else bool({"root", "root-implicit"} & set(image.traits))
    runs = None if image.running is None else image.running > 0
    return Facts(**counters, epss=image.epss, running=runs, root=root, inherited=inherited)


def weigh(images: Sequence[int]) -> None:
    """Compute risk, what it rests on, and traits of these images, which the caller has locked."""
    with connection.cursor() as cursor:
        cursor.execute(IMAGES, {"images": list(images)})


def settle_weights(most: int = 100 * SLICE) -> int:
    """Take up to `most` sets from the line; returns how many were done. Another worker at it is left alone."""
    done = 0
    while done < most:
        with transaction.atomic(), connection.cursor() as cursor:
            if not _alone():
                break
            cursor.execute("SELECT id, finding_set FROM findings_reweigh ORDER BY id LIMIT %s", [SLICE])
            places = dict(cursor.fetchall())
            sets = sorted(set(places.values()))
            cursor.execute(SETS, {"sets": sets})
        if not places:
            break
        with transaction.atomic(), connection.cursor() as cursor:
            # Sets were let go of first: a report locks the image before its set.
            cursor.execute("SELECT id FROM images_image WHERE finding_set_id = ANY(%s)", [sets])
            images = [pk for (pk,) in cursor.fetchall()]
            lock_images(images)
            weigh(images)
            # By place: a set that got in line again since the first half keeps its new place.
            cursor.execute("DELETE FROM findings_reweigh WHERE id = ANY(%s)", [list(places)])
        done += len(places)
    return done


def _alone() -> bool:
    """Whether nobody else works on the line at this moment."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])
