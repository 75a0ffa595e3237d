"""Docker and Podman by their socket (Docker Engine API 1.40 and later, which Podman speaks too)."""

from __future__ import annotations

import getpass
import logging
import threading
import time
from typing import Any
from urllib.parse import quote

from scanning.agent.state import State, grouped, lasting
from scanning.agent.wire import Failed, Wire

LOG = logging.getLogger("portwarden-agent")
API = "/v1.40"
# In these states a container's image is in use by a process.
ALIVE = ("running", "paused", "restarting")
EVENTS = "/events?filters=" + quote('{"type":["container","image"]}')
# Events come in bursts; after silence this long the stream is opened anew.
SETTLE, QUIET = 1.0, 600.0


class Engine:
    """One engine: lists what runs, and notices by its events when that changes."""

    KIND = "host"

    def __init__(self, address: str, name: str = "") -> None:
        self.wire = Wire(address)
        self.name = name
        self.changed = threading.Event()
        self.inspected: dict[str, dict[str, Any]] = {}
        # {image: as whom its configuration runs}
        self.users: dict[str, str] = {}
        self.listener = threading.Thread(target=self.listen, daemon=True, name="events")

    def wait(self, seconds: float) -> None:
        """Until something happened, and then a moment longer."""
        if not self.listener.is_alive() and not self.listener.ident:
            self.listener.start()
        if self.changed.wait(seconds):
            time.sleep(min(SETTLE, seconds))

    def listen(self) -> None:
        """Events only say that it is time to look: they have gaps, the list has none."""
        pause = 1.0
        while True:
            try:
                for event in self.wire.stream(API + EVENTS, QUIET):
                    pause = 1.0
                    self.inspected.pop(str((event.get("Actor") or {}).get("ID", "")), None)
                    if not str(event.get("Action", "")).startswith(("exec_", "health_status")):
                        self.changed.set()
            except Failed as error:
                LOG.debug("events: %s", error)
            except AttributeError:
                LOG.warning("events: not a stream of objects")
            time.sleep(pause)
            pause = min(2 * pause, 60.0)
            # What happened in the gap nobody told.
            self.inspected.clear()
            self.changed.set()

    def look(self) -> State:
        """List, then ask of each container and image how it is run and what it is."""
        self.changed.clear()
        try:
            info, version = self.wire.get(API + "/info"), self.wire.get(API + "/version")
            state = State(engine_of(info, version))
            default = str(info.get("DefaultRuntime") or "")
            listed = self.wire.get(API + "/containers/json")
            alive = [one for one in listed if str(one.get("State", "")).lower() in ALIVE]
            rows = [self.container(one, state, default) for one in alive]
        except (AttributeError, KeyError, TypeError, IndexError) as error:
            raise Failed(f"the engine's answer has another form than expected: {error!r}") from error
        self.inspected = {one["Id"]: self.inspected[one["Id"]] for one in alive if one["Id"] in self.inspected}
        state.containers = grouped([row for row in rows if row])
        self.name = self.name or default_name(state.engine)
        return state

    def container(self, listed: dict[str, Any], state: State, default: str) -> dict[str, Any] | None:
        """One container; None if it is gone meanwhile."""
        pk = listed["Id"]
        try:
            if pk not in self.inspected:
                self.inspected[pk] = self.wire.get(f"{API}/containers/{pk}/json")
            found = self.inspected[pk]
            image = self.image(found, state)
        except Failed as error:
            if error.status == 404:
                self.inspected.pop(pk, None)
                return None
            raise
        config, host = found.get("Config") or {}, found.get("HostConfig") or {}
        runtime = str(host.get("Runtime") or "")
        namespace, kind, name = workload_of(found, config.get("Labels") or {})
        return {
            "key": image["key"],
            "namespace": namespace,
            "kind": kind,
            "name": name,
            "container": "",
            "part": "main",
            "image": str(config.get("Image") or listed.get("Image") or ""),
            "image_id": str(found.get("Image") or listed.get("ImageID") or ""),
            "labels": lasting(config.get("Labels")),
            # No user in either is root, for the engine.
            "user": str(config.get("User") or image.get("user") or "root"),
            "privileged": bool(host.get("Privileged")),
            "runtime": default if runtime in ("", "oci") else runtime,
            "started_at": str((found.get("State") or {}).get("StartedAt") or ""),
        }

    def image(self, container: dict[str, Any], state: State) -> dict[str, Any]:
        """What the engine knows of the image, asked once a look; its user is for the container alone."""
        pk = str(container.get("Image") or "")
        known = state.images.get(pk)
        if known is None:
            try:
                found = self.wire.get(f"{API}/images/{quote(pk, safe=':')}/json")
            except Failed as error:
                if error.status != 404:
                    raise
                found = {}
            known = state.images[pk] = image_of(pk, found, state.engine["store"])
            self.users[pk] = str((found.get("Config") or {}).get("User") or "")
        return {**known, "user": self.users.get(pk, "")}


def engine_of(info: dict[str, Any], version: dict[str, Any]) -> dict[str, Any]:
    """The engine and its host."""
    parts = [str(part.get("Name", "")) for part in version.get("Components") or []]
    pairs = {str(pair[0]): str(pair[1]) for pair in info.get("DriverStatus") or [] if len(pair) == 2}
    is_containerd = pairs.get("driver-type") == "io.containerd.snapshotter.v1"
    said = [str(word) for word in info.get("SecurityOptions") or []]
    return {
        "name": "podman" if any("Podman" in part for part in parts) else "docker",
        "version": str(version.get("Version") or info.get("ServerVersion") or ""),
        "store": "containerd" if is_containerd else str(info.get("Driver") or ""),
        "rootless": any("name=rootless" in word.split(",") for word in said),
        "system": str(info.get("OperatingSystem") or ""),
        "kernel": str(info.get("KernelVersion") or ""),
        "architecture": str(info.get("Architecture") or ""),
    }


def default_name(engine: dict[str, Any]) -> str:
    """One engine of a user's own has a store and a socket of its own."""
    return f"{engine['name']}:{getpass.getuser()}" if engine["rootless"] else str(engine["name"])


def image_of(pk: str, found: dict[str, Any], store: str) -> dict[str, Any]:
    """What the image ID is the digest of depends on the store: the config, or on containerd what was pulled."""
    digest = pk if ":" in pk else f"sha256:{pk}"
    descriptor = found.get("Descriptor") or {}
    target = str(descriptor.get("digest") or digest)
    repos = [str(text) for text in found.get("RepoDigests") or [] if "<none>" not in str(text)]
    is_containerd = store == "containerd"
    if is_containerd and not repos:
        repos = [f"@{target}"]
    return {
        "key": pk,
        "config_digest": "" if is_containerd else digest,
        "repo_digests": sorted(set(repos)),
        "os": str(found.get("Os") or ""),
        "architecture": str(found.get("Architecture") or ""),
        "variant": str(found.get("Variant") or ""),
        "created": str(found.get("Created") or ""),
        "size": int(found.get("Size") or 0),
        "diff_ids": [str(layer) for layer in (found.get("RootFS") or {}).get("Layers") or []],
    }


def workload_of(container: dict[str, Any], labels: dict[str, str]) -> tuple[str, str, str]:
    """(namespace, kind, name): the service of a composition or a swarm, else the container by its own name."""
    name = str(container.get("Name") or "").lstrip("/") or str(container.get("Id", ""))[:12]
    if service := labels.get("com.docker.swarm.service.name"):
        return labels.get("com.docker.stack.namespace", ""), "Service", service
    project = labels.get("com.docker.compose.project") or labels.get("io.podman.compose.project") or ""
    if service := labels.get("com.docker.compose.service") or labels.get("io.podman.compose.service"):
        return project, "Service", service
    return project, "Container", name
