"""Where an image runs now, in the few words that its page has room for."""

from __future__ import annotations

from dataclasses import dataclass

from django.db.models import JSONField, QuerySet
from django.db.models.expressions import RawSQL

from governance.images.models import Image

# The three places where most of it runs, as agents that are heard say, and how many places there are. Whoever sees the
# image sees where it runs.
WHEREABOUTS = """
(SELECT jsonb_agg(jsonb_build_object('cluster', id, 'name', name, 'environment', environment, 'workloads', workloads,
                                     'agents', agents, 'places', places) ORDER BY workloads DESC, name, id)
 FROM (
    SELECT cluster.id, coalesce(nullif(cluster.name, ''), cluster.uid) AS name, cluster.environment,
           count(DISTINCT running.workload_id) AS workloads, array_agg(DISTINCT agent.name) AS agents,
           count(*) OVER () AS places
    FROM runtime_running running JOIN runtime_agent agent ON agent.id = running.agent_id
    JOIN runtime_workload workload ON workload.id = running.workload_id
    JOIN runtime_cluster cluster ON cluster.id = workload.cluster_id
    WHERE running.image_id = images_image.id AND running.stopped_at IS NULL AND agent.silent_since IS NULL
    GROUP BY cluster.id ORDER BY workloads DESC, name, cluster.id LIMIT 3
 ) place)
"""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A cluster or host, how many workloads run it there, which agents say so; `places` is the number of all places."""

    cluster: int
    name: str
    environment: str
    workloads: int
    agents: list[str]
    places: int


def with_whereabouts(images: QuerySet[Image]) -> QuerySet[Image]:
    """Each image with where it runs, for `whereabouts_of`."""
    return images.annotate(whereabouts=RawSQL(WHEREABOUTS, [], output_field=JSONField()))  # noqa: S611 (no value in it)


def whereabouts_of(image: Image) -> list[Whereabouts]:
    """Where an image of `with_whereabouts` runs, the place of most first."""
    return [Whereabouts(**one) for one in vars(image)["whereabouts"] or ()]
