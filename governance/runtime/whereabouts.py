"""Where an image runs now, in the few words that its page has room for."""

from __future__ import annotations

from dataclasses import dataclass

from django.contrib.postgres.aggregates import ArrayAgg
from django.db.models import Count

from governance.accounts.scope import Viewer
from governance.images.models import Image
from governance.runtime.models import Running

MOST = 3


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """A cluster or host: how many workloads run it there, and which agents say so."""

    cluster: int
    name: str
    environment: str
    workloads: int
    agents: list[str]


def whereabouts_of(viewer: Viewer, image: Image) -> tuple[list[Whereabouts], int]:
    """The places of which most is known to run there (three), and how many there are; silent agents tell of none."""
    if not image.running:
        return [], 0
    heard = Running.objects.visible_to(viewer).now().filter(image=image, agent__silent_since=None)
    place = "workload__cluster"
    rows = heard.values_list(place, f"{place}__name", f"{place}__uid", f"{place}__environment").annotate(
        workloads=Count("workload", distinct=True), agents=ArrayAgg("agent__name", distinct=True)
    )
    found = [
        Whereabouts(pk, name or uid, environment, workloads, agents)
        for pk, name, uid, environment, workloads, agents in rows.order_by("-workloads", f"{place}__name", place)[:100]
    ]
    return found[:MOST], len(found)
