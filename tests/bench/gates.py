"""What gate and admission answer, how soon and for how much CPU: alone, and while reports are read."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psycopg

from governance.local.instance import HOST, ROOT
from tests.bench.documents import digest
from tests.bench.ground import PATIENCE
from tests.bench.processes import cpu, members

# Questions in a second.
RATE = 200
# Different ones, asked in turn; a cluster starts the same images again and again, but not only those.
DIFFERENT = 2_000
NAME = "registry.bench.example/team/app"
# How a pod names an image that was reported: by tag or digest; one in five is one that nobody knows.
KNOWN, BY_DIGEST, UNKNOWN = 4, 4, 2
CONTAINERS = (1, 1, 2, 2, 3, 4)


def names(known: int) -> Iterator[str]:
    """Images as pods name them, of `known` reported ones."""
    chance = random.Random(7)
    while True:
        number = 1 + chance.randrange(known)
        kind = chance.choices(("tag", "digest", "unknown"), (KNOWN, BY_DIGEST, UNKNOWN))[0]
        if kind == "tag":
            yield f"{NAME}:build-{number:06d}"
        elif kind == "digest":
            yield f"{NAME}@{digest(f'config {number}')}"
        else:
            yield f"docker.io/library/stranger-{number}:1.{number % 7}"


def gate_requests(token: str, known: int) -> list[str]:
    """Of the gate, as CI asks it."""
    images = names(known)
    lines = (f"GET /api/v1/gate/?stage=ci&image={quote(next(images))} HTTP/1.1" for _ in range(DIFFERENT))
    return [f"{line}\r\nHost: {HOST}\r\nAuthorization: Bearer {token}\r\n\r\n" for line in lines]


def admission_requests(token: str, known: int) -> list[str]:
    """Of admission, as the API server asks it: pods of one to four containers, as large as they usually are."""
    images, chance = names(known), random.Random(8)
    requests = []
    for number in range(DIFFERENT):
        pod = [container(next(images), place) for place in range(chance.choice(CONTAINERS))]
        body = json.dumps(review(number, pod))
        head = f"POST /admission/validate/{token}/?timeout=2s HTTP/1.1\r\nHost: {HOST}\r\n"
        head += f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
        requests.append(head + body)
    return requests


def container(image: str, place: int) -> dict[str, Any]:
    """One of a pod."""
    probe = {"httpGet": {"path": "/healthz", "port": 8080, "scheme": "HTTP"}, "periodSeconds": 10}
    return {
        "name": f"c{place}",
        "image": image,
        "env": [{"name": f"SETTING_{step}", "value": f"value {step}"} for step in range(10)],
        "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "256Mi"}},
        "livenessProbe": probe,
        "readinessProbe": probe,
        "volumeMounts": [{"name": "config", "mountPath": "/etc/app", "readOnly": True}],
        "imagePullPolicy": "IfNotPresent",
    }


def review(number: int, containers: list[dict[str, Any]]) -> dict[str, Any]:
    """An AdmissionReview of a new pod (admission.k8s.io/v1)."""
    metadata = {
        "generateName": f"app-{number % 50}-7d9c5b8f6d-",
        "namespace": f"team-{number % 20}",
        "labels": {"app": f"app-{number % 50}", "pod-template-hash": "7d9c5b8f6d"},
        "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": "app-7d9c5b8f6d", "uid": "u"}],
    }
    pod = {
        "kind": "Pod",
        "apiVersion": "v1",
        "metadata": metadata,
        "spec": {
            "containers": containers,
            "volumes": [{"name": "config", "configMap": {"name": "app", "defaultMode": 420}}],
            "serviceAccountName": "default",
            "tolerations": [{"key": "node.kubernetes.io/not-ready", "operator": "Exists", "effect": "NoExecute"}],
        },
    }
    request = {
        "uid": f"705ab4f5-6393-11e8-b7cc-{number:012d}",
        "kind": {"group": "", "version": "v1", "kind": "Pod"},
        "resource": {"group": "", "version": "v1", "resource": "pods"},
        "namespace": metadata["namespace"],
        "operation": "CREATE",
        "userInfo": {"username": "system:serviceaccount:kube-system:replicaset-controller", "groups": ["system:nodes"]},
        "object": pod,
        "oldObject": None,
        "dryRun": False,
        "options": {"kind": "CreateOptions", "apiVersion": "meta.k8s.io/v1"},
    }
    return {"apiVersion": "admission.k8s.io/v1", "kind": "AdmissionReview", "request": request}


@dataclass(frozen=True)
class Asked:
    """Whom to ask what; `web` is the session of its processes."""

    port: int
    web: int
    database: str
    requests: list[str]

    def ask(self, seconds: float) -> dict[str, Any]:
        """At the pace, from a process of its own."""
        wanted = json.dumps({"port": self.port, "requests": self.requests, "rate": RATE, "seconds": seconds})
        command = [sys.executable, "-m", "tests.bench.asking"]
        done = subprocess.run(
            command, cwd=ROOT, input=wanted, capture_output=True, text=True, timeout=PATIENCE, check=True
        )
        return dict(json.loads(done.stdout))

    def used(self) -> tuple[float, float]:
        """Seconds of CPU that web and database have used."""
        with psycopg.connect(self.database) as connection:
            (data,) = connection.execute("SHOW data_directory").fetchone() or ("",)
        postmaster = int(Path(data, "postmaster.pid").read_text().splitlines()[0])
        return cpu(members(self.web)), cpu([postmaster], children=True)


def measure(asked: Asked, send: Callable[[], object], seconds: float) -> dict[str, Any]:
    """The answers with nothing beside, with the CPU that each costs; and those while `send` sends reports."""
    asked.ask(2)
    before = asked.used()
    alone = asked.ask(seconds / 2)
    for name, used, had in zip(("web", "database"), asked.used(), before, strict=True):
        alone[f"{name}_cpu_ms"] = (used - had) * 1000 / max(1, alone["answers"])
    sender = threading.Thread(target=send)
    sender.start()
    beside = asked.ask(seconds)
    sender.join()
    return {"alone": alone, "beside": beside}
