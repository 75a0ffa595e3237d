"""Where the demo company runs its images: snapshots of two clusters and a host, through the inbox like any."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F

from governance.runtime.counts import recount
from governance.runtime.models import Agent, Cluster
from governance.runtime.record import images_of
from scanning.agents import AGENT
from scanning.body import receive
from scanning.deliveries import Envelope, accept, claim
from scanning.demo.dice import roll, sha256
from scanning.demo.images import ARM, Built, build_all, rfc3339
from scanning.demo.reports import newest, running
from scanning.ingest import process

PROD, STAGING, BATCH = "prod-eu", "staging", "batch-1"
# Days on which the state of each place was told; the staging cluster's agent says nothing since the last of its.
DAYS = {PROD: (-22, -15, -8, -2, -1), STAGING: (-9, -4), BATCH: (-12, -1)}
# How a workload is run, where that is not as usual.
ODD: dict[str, dict[str, Any]] = {
    "payments/gateway": {"runtime_class": "gvisor", "runtime": "runsc", "user": "65532"},
    "payments/fraud-score": {"runtime_class": "kata", "runtime": "kata-qemu"},
    "data/reports-archive": {"privileged": True, "user": "0"},
    "shop/checkout": {"user": "10001"},
}
KINDS = {"data/pipeline": "CronJob", "data/reports-archive": "StatefulSet", "shop/storefront": "Rollout"}


@dataclass(frozen=True, slots=True)
class Placed:
    """An image where it runs: `words` are members of its line that differ from the usual."""

    image: Built
    words: dict[str, Any]


def load_runtime(today: datetime) -> None:
    """Tell every snapshot, oldest first. Told again they change nothing."""
    images = build_all(today)
    for name, days in DAYS.items():
        for number, day in enumerate(days, 1):
            _tell(name, number, today + timedelta(days=day, hours=8), PLACES[name](images, day))
    silent = Agent.objects.filter(cluster__is_demo=True, cluster__name=STAGING)
    silent.update(last_heard=today + timedelta(days=DAYS[STAGING][-1], hours=8))
    silent.update(silent_since=F("last_heard"))
    for agent in silent:
        recount(images_of(agent))


def _production(images: list[Built], day: int) -> list[Placed]:
    """What every team deployed; checkout also an old release that somebody forgot, and a sidecar of nobody's."""
    live = [
        Placed(image, {"instances": 1 + roll(5, image.recipe.repository, "replicas")}) for image in running(images, day)
    ]
    old = [one for one in images if one.recipe.repository == "shop/checkout" and one.day == -33]
    live += [
        Placed(image, {"name": "checkout-canary", "image": f"{image.name}:stable"})
        for image in old
        if day >= old[0].day
    ]
    arm = [one for one in newest(images, day - 1) if one.recipe.repository == "payments/gateway"]
    return [*live, *(Placed(image, {"name": "gateway-edge"}) for image in arm if image.architecture == ARM)]


def _staging(images: list[Built], day: int) -> list[Placed]:
    """The newest of shop and payments."""
    teams = ("shop", "payments")
    return [Placed(one, {}) for one in running(images, day) if one.recipe.team in teams]


def _batch(images: list[Built], day: int) -> list[Placed]:
    """A host with a rootless engine."""
    jobs = [one for one in newest(images, day) if one.recipe.repository == "data/warehouse-sync"]
    own = {"kind": "Container", "namespace": "", "container": "", "user": "root", "runtime": "crun"}
    return [Placed(one, own) for one in jobs]


PLACES: dict[str, Callable[[list[Built], int], list[Placed]]] = {
    PROD: _production,
    STAGING: _staging,
    BATCH: _batch,
}
ENGINES: dict[str, dict[str, Any]] = {
    PROD: {"name": "kubernetes", "version": "v1.34.1", "store": "containerd 2.1.4", "rootless": False},
    STAGING: {"name": "kubernetes", "version": "v1.33.5", "store": "cri-o 1.33.4", "rootless": False},
    BATCH: {"name": "podman", "version": "5.6.2", "store": "overlay", "rootless": True},
}


def _tell(name: str, number: int, at: datetime, placed: list[Placed]) -> None:
    """One snapshot in and processed, unless a worker was faster."""
    is_host = name == BATCH
    body = {
        "agent": {"name": "podman:batch" if is_host else "kubernetes", "instance": f"demo {name}", "version": "1.0"},
        "cluster": {
            "uid": sha256(f"demo cluster {name}")[7:39],
            "kind": "host" if is_host else "cluster",
            "name": name,
            "environment": "staging" if name == STAGING else "production",
        },
        "engine": ENGINES[name] | {"system": "Debian GNU/Linux 12", "architecture": "amd64"},
        "number": number,
        "taken_at": rfc3339(at),
        "images": [_image(one.image, is_host) for one in placed],
        "containers": [_container(one) for one in placed],
    }
    envelope = Envelope(stage="runtime", idempotency_key=f"demo-{name}-{number}", is_demo=True, origin=f"{AGENT}demo")
    pk, _ = accept(receive(io.BytesIO(json.dumps(body).encode())), envelope, ring=False)
    if held := claim(pk):
        process(held)


def _image(image: Built, is_host: bool) -> dict[str, Any]:
    """Kubernetes knows it by the digest that was pulled, Podman by its configuration, too."""
    config = image.config_digest if is_host else ""
    said = {"config_digest": config, "repo_digests": image.repo_digests}
    return {"key": image.config_digest, "os": "linux", "architecture": image.architecture, **said}


def _container(placed: Placed) -> dict[str, Any]:
    """One line."""
    image, recipe = placed.image, placed.image.recipe
    name = recipe.repository.partition("/")[2]
    usual = {
        "namespace": recipe.runs,
        "kind": KINDS.get(recipe.repository, "Deployment"),
        "name": name,
        "container": name,
        "image": image.references[0],
        "image_id": image.repo_digests[0],
        "labels": {"app.kubernetes.io/name": name, "team": recipe.team},
        "privileged": False,
        "started_at": rfc3339(image.created + timedelta(days=1)),
    }
    return {"key": image.config_digest, **usual, **ODD.get(recipe.repository, {}), **placed.words}


def remove_runtime() -> tuple[int, set[int]]:
    """Delete the clusters with all that hangs on them; returns how many, and the images that ran there."""
    clusters = Cluster.objects.filter(is_demo=True)
    images = {pk for agent in Agent.objects.filter(cluster__in=clusters) for pk in images_of(agent)}
    return clusters.delete()[1].get("runtime.Cluster", 0), images
