"""What a pod runs, by its status; how, by its specification (kubernetes/api `core/v1/types.go`)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from scanning.agent.state import lasting

# (the container's part, its specifications, its statuses)
PARTS = (
    ("main", "containers", "containerStatuses"),
    ("init", "initContainers", "initContainerStatuses"),
    ("ephemeral", "ephemeralContainers", "ephemeralContainerStatuses"),
)
OVER = ("Succeeded", "Failed")


@dataclass
class Nodes:
    """{node: what it says of itself}, and {RuntimeClass: its handler}."""

    info: dict[str, dict[str, str]] = field(default_factory=dict)
    handlers: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, nodes: Iterable[dict[str, Any]], classes: Iterable[dict[str, Any]]) -> Nodes:
        """From the API's lists."""
        info = {str(one["metadata"]["name"]): (one.get("status") or {}).get("nodeInfo") or {} for one in nodes}
        return cls(info, {str(one["metadata"]["name"]): str(one.get("handler") or "") for one in classes})

    def platform(self, node: str) -> dict[str, str]:
        """Which images of an index run there."""
        found = self.info.get(node, {})
        said = {"os": found.get("operatingSystem", ""), "architecture": found.get("architecture", "")}
        return {name: str(value) for name, value in said.items()}

    def engine(self) -> dict[str, Any]:
        """What most nodes run."""

        def most(name: str) -> str:
            seen = Counter(str(one.get(name) or "") for one in self.info.values())
            return min(seen, key=lambda value: (-seen[value], value)) if seen else ""

        runtime, _, version = most("containerRuntimeVersion").partition("://")
        return {
            "name": "kubernetes",
            "version": most("kubeletVersion"),
            "store": f"{runtime} {version}".strip(),
            "rootless": False if self.info else None,
            "system": most("osImage"),
            "kernel": most("kernelVersion"),
            "architecture": most("architecture"),
        }


def rows_of(
    pod: dict[str, Any], owner: tuple[str, str], nodes: Nodes, images: dict[str, dict[str, Any]]
) -> Iterator[dict[str, Any]]:
    """The pod's containers that have an image; the images are added to `images`."""
    spec, status, meta = pod.get("spec") or {}, pod.get("status") or {}, pod["metadata"]
    if status.get("phase") in OVER:
        return
    platform = nodes.platform(str(spec.get("nodeName") or ""))
    kind, name = owner
    for part, specs, statuses in PARTS:
        wanted = {one["name"]: one for one in spec.get(specs) or []}
        for found in status.get(statuses) or []:
            image_id = str(found.get("imageID") or "")
            state = found.get("state") or {}
            # Init containers run again whenever the pod is started again: their image is in use until it is gone.
            if not image_id or ("terminated" in state and part != "init"):
                continue
            asked = wanted.get(found["name"], {})
            image = image_of(image_id, platform)
            images[image["key"]] = image
            runtime_class = str(spec.get("runtimeClassName") or "")
            yield {
                "key": image["key"],
                "namespace": str(meta["namespace"]),
                "kind": kind,
                "name": name,
                "container": str(found["name"]),
                "part": part,
                "image": str(asked.get("image") or found.get("image") or ""),
                "image_id": image_id,
                "labels": lasting(meta.get("labels")),
                "user": user_of(asked, spec),
                "privileged": bool((asked.get("securityContext") or {}).get("privileged")),
                "runtime": nodes.handlers.get(runtime_class, "") if runtime_class else "",
                "runtime_class": runtime_class,
                "started_at": str((state.get("running") or {}).get("startedAt") or status.get("startTime") or ""),
            }


def user_of(container: dict[str, Any], spec: dict[str, Any]) -> str:
    """As whom it runs where the pod says so; else the image decides, and Kubernetes does not tell."""
    for context in (container.get("securityContext") or {}, spec.get("securityContext") or {}):
        if context.get("runAsUser") is not None:
            return str(context["runAsUser"])
    return ""


def image_of(image_id: str, platform: dict[str, str]) -> dict[str, Any]:
    """An image by what the runtime says: `repo@digest` of a manifest or an index, or the bare digest of a config.

    Dockershim wrote `docker-pullable://` and `docker://` before it, CRI-O may write 64 hexadecimal digits alone.
    """
    rest = image_id.rpartition("://")[2]
    is_repo = "@" in rest
    return {
        "key": f"{image_id} {platform['os']}/{platform['architecture']}",
        "config_digest": "" if is_repo else rest,
        "repo_digests": [rest] if is_repo else [],
        **platform,
    }
