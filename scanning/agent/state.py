"""What a source says runs at this moment, and its hash."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from typing import Any, Protocol

# Labels that differ in each replica or rollout, or hold whole documents: they say nothing about the workload.
FLEETING = (
    "pod-template-hash",
    "controller-revision-hash",
    "pod-template-generation",
    "controller-uid",
    "job-name",
    "batch.kubernetes.io/",
    "statefulset.kubernetes.io/pod-name",
    "apps.kubernetes.io/pod-index",
    "com.docker.compose.config-hash",
    "com.docker.compose.container-number",
    "com.docker.compose.image",
    "com.docker.compose.project.config_files",
    "com.docker.compose.project.working_dir",
    "com.docker.compose.project.environment_file",
    "com.docker.compose.depends_on",
    "com.docker.compose.oneoff",
    "com.docker.compose.version",
    "com.docker.compose.replace",
    "com.docker.swarm.",
    "org.opencontainers.image.",
    "io.buildah.version",
    "io.podman.compose.config-hash",
    "PODMAN_SYSTEMD_UNIT",
)
MOST_LABELS = 50


@dataclass
class State:
    """Everything that runs: the engine, images by key, and containers as the snapshot's format has them.

    `uid` and `kind` are those of the cluster or host, where the source knows them.
    """

    engine: dict[str, Any]
    images: dict[str, dict[str, Any]] = field(default_factory=dict)
    containers: list[dict[str, Any]] = field(default_factory=list)
    note: str = ""
    uid: str = ""

    def document(self) -> dict[str, Any]:
        """Its members of a snapshot, in an order that does not change by itself."""
        containers = sorted(self.containers, key=lambda one: json.dumps(one, sort_keys=True))
        images = [self.images[key] for key in sorted(self.images)]
        return {"engine": self.engine, "note": self.note, "images": images, "containers": containers}

    def contents(self) -> str:
        """A hash of it."""
        return hashlib.sha256(json.dumps(self.document(), sort_keys=True).encode(errors="replace")).hexdigest()


class Source(Protocol):
    """What is watched."""

    KIND: str
    name: str

    def look(self) -> State:
        """Everything that runs now. Raises `wire.Failed` where that cannot be said."""
        ...

    def wait(self, seconds: float) -> None:
        """Return after so many seconds, or soon after something changed."""
        ...


def lasting(labels: dict[str, str] | None) -> dict[str, str]:
    """The labels that say something about the workload."""
    kept = {str(name): str(value)[:200] for name, value in (labels or {}).items() if not str(name).startswith(FLEETING)}
    return dict(sorted(kept.items())[:MOST_LABELS])


def grouped(containers: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Replicas of one workload that run the same image in the same way are one line with their number."""
    found: dict[str, dict[str, Any]] = {}
    for one in containers:
        same = {name: value for name, value in one.items() if name not in ("instances", "started_at", "labels")}
        row = found.setdefault(json.dumps(same, sort_keys=True), {**one, "instances": 0})
        row["instances"] += 1
        row["started_at"] = min(filter(None, (row["started_at"], one["started_at"])), default="")
    return list(found.values())
