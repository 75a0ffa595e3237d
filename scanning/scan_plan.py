"""Which images are to be scanned next: what a tag still names first, never scanned before old, within a budget."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.db import connection, transaction

from scanning.hints import hint
from scanning.models import Connection
from scanning.scanners import ways

# Whose deliveries these are.
ORIGIN = "registry scan"
# Seconds between two plans; each plans for the whole hour's budget that is left.
EVERY = 60
# A scan that failed is not planned again before.
RETRY_HOURS = 24

BUDGET = """
SELECT count(*) FROM scanning_scanjob
WHERE why <> 'person' AND (state = 'waiting' OR started_at > statement_timestamp() - interval '1 hour')
"""
# Tier 0: it runs somewhere. 1: a tag names it now. 2: none ever did. 3: all its tags have moved on, it is dead.
# Of equals first what most is built on: until it was scanned, nobody can tell what is inherited from it.
PLAN = """
INSERT INTO scanning_scanjob (image_id, state, why, priority, attempts)
SELECT image_id, 'waiting', CASE WHEN registry_at IS NULL THEN 'new' ELSE 'stale' END, 1 + tier, 0 FROM (
    SELECT image.id AS image_id, image.registry_at, CASE
        WHEN image.running > 0 THEN 0
        WHEN image.superseded THEN 3
        WHEN EXISTS (SELECT FROM images_tag tag WHERE tag.image_id = image.id AND tag.until IS NULL) THEN 1
        ELSE 2 END AS tier
    FROM (
        SELECT DISTINCT placement.image_id FROM images_placement placement
        JOIN images_repository repository ON repository.id = placement.repository_id
        JOIN scanning_connection connection ON connection.registry_id = repository.registry_id
        WHERE connection.id = ANY(%(connections)s) AND placement.gone_at IS NULL
    ) lies
    JOIN images_image image ON image.id = lies.image_id
    LEFT JOIN scanning_scanjob job ON job.image_id = image.id
    WHERE image.merged_into_id IS NULL AND NOT image.is_demo
      AND (image.registry_at IS NULL OR image.registry_at < now() - make_interval(days => %(days)s))
      AND (job.id IS NULL OR (job.state = 'done' AND job.finished_at < now() - make_interval(days => %(days)s))
           OR (job.state = 'failed' AND job.finished_at < now() - make_interval(hours => %(retry)s)))
      AND EXISTS (SELECT FROM images_manifest manifest WHERE manifest.image_id = image.id AND manifest.kind <> 'index')
    ORDER BY tier, (image.ci_at IS NULL AND image.registry_at IS NULL AND image.runtime_at IS NULL) DESC,
        image.registry_at NULLS FIRST, image.descendants DESC, image.id DESC
    LIMIT %(most)s
) wanted
ON CONFLICT (image_id) DO UPDATE SET state = 'waiting', why = excluded.why, priority = excluded.priority, attempts = 0,
    asked_by_id = NULL, requested_at = statement_timestamp(), next_attempt_at = statement_timestamp(), error = '',
    remote_ref = ''
WHERE scanning_scanjob.state IN ('done', 'failed')
"""


def plan() -> int:
    """Put what needs a scan most into the queue, as far as the budget goes; returns how many."""
    able = [row.pk for row in Connection.objects.filter(is_enabled=True) if ways(row.kind)]
    if not able or not settings.SCANS_PER_HOUR:
        return 0
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(BUDGET)
        left = settings.SCANS_PER_HOUR - int(cursor.fetchone()[0])
        if left <= 0:
            return 0
        given: dict[str, Any] = {"connections": able, "days": settings.SCAN_DAYS, "retry": RETRY_HOURS, "most": left}
        cursor.execute(PLAN, given)
        planned = int(cursor.rowcount)
    if planned:
        hint("scan")
    return planned
