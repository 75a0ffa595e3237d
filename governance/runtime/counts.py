"""How many workloads run each image, and who runs an image that turned out to be another. By sets, in the worker."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime, timedelta

from django.db import connection, transaction
from django.db.models.functions import Now

from governance.findings.weigh import weigh
from governance.images.locks import lock_images
from governance.runtime.models import Agent, Running, Workload

SLICE = 500

# Of each image: the workloads that run it by agents that are heard; where there are none, nobody knows as long as a
# silent agent saw it running last, and nobody ever told of most.
COUNT = """
UPDATE images_image image SET running = now.running FROM (
    SELECT wanted.id, CASE
        WHEN count(running.id) = 0 THEN NULL
        WHEN bool_or(running.stopped_at IS NULL AND agent.silent_since IS NULL)
            THEN count(DISTINCT running.workload_id)
                 FILTER (WHERE running.stopped_at IS NULL AND agent.silent_since IS NULL)
        WHEN bool_or(running.stopped_at IS NULL) THEN NULL
        ELSE 0 END::int AS running
    FROM unnest(%(images)s::bigint[]) AS wanted(id)
    LEFT JOIN runtime_running running ON running.image_id = wanted.id
    LEFT JOIN runtime_agent agent ON agent.id = running.agent_id
    GROUP BY wanted.id
) now
WHERE image.id = now.id AND image.running IS DISTINCT FROM now.running
RETURNING image.id
"""


def recount(images: Iterable[int]) -> None:
    """Count anew who runs these images, and what risk they are. Inside a transaction."""
    ids = sorted(set(images))
    for start in range(0, len(ids), SLICE):
        some = ids[start : start + SLICE]
        lock_images(some)
        with connection.cursor() as cursor:
            cursor.execute(COUNT, {"images": some})
            if changed := [pk for (pk,) in cursor.fetchall()]:
                weigh(changed)


DUE = "SELECT EXISTS (SELECT FROM images_runningwork)"
TAKE = """
DELETE FROM images_runningwork WHERE id IN (
    SELECT id FROM images_runningwork ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED) RETURNING image_id
"""
# What their runtimes say of the image leads elsewhere now.
FOLLOW = """
UPDATE runtime_running running SET image_id = scan.image_id
FROM findings_scan scan JOIN runtime_sighting sighting ON sighting.scan_id = scan.id, runtime_running before
WHERE scan.image_id = ANY(%(images)s) AND running.sighting_id = sighting.id AND before.id = running.id
  AND running.image_id IS DISTINCT FROM scan.image_id
RETURNING before.image_id
"""


def settle_running(most: int = 10 * SLICE) -> int:
    """Let workloads follow images that turned out to be others; returns how many images were looked at."""
    done = 0
    while done < most:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(DUE)
            if cursor.fetchone() != (True,):
                break
            cursor.execute(TAKE, [SLICE])
            images = {pk for (pk,) in cursor.fetchall()}
            if not images:
                break
            cursor.execute(FOLLOW, {"images": sorted(images)})
            recount(images | {pk for (pk,) in cursor.fetchall() if pk})
        done += len(images)
    return done


FALL_SILENT = """
UPDATE runtime_agent agent SET silent_since = agent.last_heard
FROM runtime_cluster cluster
WHERE cluster.id = agent.cluster_id AND agent.silent_since IS NULL AND agent.retired_at IS NULL AND NOT cluster.is_demo
  AND greatest(agent.last_heard, %(since)s) + greatest(make_interval(secs => 3 * agent.interval), interval '5 minutes')
      < %(now)s
RETURNING agent.id
"""


@transaction.atomic
def judge_agents(known_until: datetime, since: datetime) -> list[Agent]:
    """Find agents that fell silent: what they told of is unknown from now on. Returns them.

    Everything that came before `known_until` was looked at; nobody listened before `since`.
    """
    with connection.cursor() as cursor:
        cursor.execute(FALL_SILENT, {"now": known_until, "since": since})
        silent = [pk for (pk,) in cursor.fetchall()]
    if silent:
        told = Running.objects.now().filter(agent__in=silent, image__isnull=False).order_by()
        recount(set(told.values_list("image", flat=True).distinct()))
    return list(Agent.objects.filter(pk__in=silent).select_related("cluster"))


# What stopped longer ago is forgotten, and that its image ever ran.
KEPT = timedelta(days=400)


@transaction.atomic
def prune_stopped(most: int = 10_000) -> int:
    """Forget what stopped long ago; returns how many stretches."""
    old = Running.objects.filter(stopped_at__lt=Now() - KEPT).order_by("pk")
    rows = dict(old.values_list("pk", "image")[:most])
    if rows:
        Running.objects.filter(pk__in=rows).delete()
        Workload.objects.filter(stopped_at__lt=Now() - KEPT, running=None).delete()
        recount({image for image in rows.values() if image})
    return len(rows)
