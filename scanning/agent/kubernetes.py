"""Kubernetes by its API: pods by list and watch, and what they belong to. Reads alone, and no secrets."""

from __future__ import annotations

import logging
import threading
import time
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from scanning.agent.pods import Nodes, rows_of
from scanning.agent.state import State, grouped
from scanning.agent.wire import Failed, Wire

LOG = logging.getLogger("portwarden-agent")
ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
PAGE = 500
# The server ends a watch after this; bookmarks come about once a minute.
WATCH_SECONDS = 300
# All pods are listed anew this often, whatever the watch says, and so are nodes and RuntimeClasses.
LIST_SECONDS, NODES_SECONDS = 1_800.0, 600.0
# Without a watch for longer than this nobody can say what runs.
BLIND_SECONDS = 120.0
SETTLE = 2.0
GONE = 410
# An owner that is none of these is the end of the way up.
OWNERS = {"ReplicaSet": "/apis/apps/v1", "Job": "/apis/batch/v1"}
PLURALS = {"ReplicaSet": "replicasets", "Job": "jobs"}
PARTIAL = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1,application/json"}


class Kubernetes:
    """One API server."""

    KIND = "cluster"

    def __init__(self, address: str, token_file: str = "", ca: str = "", namespaces: tuple[str, ...] = ()) -> None:
        self.token_file, self.namespaces = token_file, namespaces
        self.wire = Wire(address, ca=ca)
        self.name = "kubernetes"
        self.lock = threading.Lock()
        self.changed = threading.Event()
        # {(namespace watched, uid): the pod}; when each watch was last known to be whole.
        self.pods: dict[tuple[str, str], dict[str, Any]] = {}
        self.whole: dict[str, float] = {}
        self.followed: set[str] = set()
        self.owners: dict[str, tuple[str, str]] = {}
        self.nodes = Nodes()
        self.nodes_at = 0.0
        self.uid = ""
        self.notes: dict[str, str] = {}
        self.watchers: list[threading.Thread] = []

    def get(self, path: str, **query: Any) -> Any:
        """One answer. The token is read each time: Kubernetes renews it in its file."""
        self.authorise()
        return self.wire.get(f"{path}?{urlencode(query)}" if query else path)

    def authorise(self) -> None:
        """Put the token of this moment into the requests."""
        if self.token_file:
            token = Path(self.token_file).read_text(encoding="ascii").strip()
            self.wire.headers["Authorization"] = f"Bearer {token}"

    def wait(self, seconds: float) -> None:
        """Until something changed, and then a moment longer."""
        if self.changed.wait(seconds):
            time.sleep(min(SETTLE, seconds))

    def look(self) -> State:
        """What the pods that are known by now run. Raises `Failed` while that is not all of them."""
        self.start()
        self.refresh_nodes()
        now = time.monotonic()
        lost = [name for name in self.places if name not in self.followed]
        if blind := [name for name in lost if now - self.whole.get(name, -BLIND_SECONDS) >= BLIND_SECONDS]:
            raise Failed(f"the pods of {', '.join(filter(None, blind)) or 'the cluster'} cannot be watched")
        self.changed.clear()
        with self.lock:
            pods = list(self.pods.values())
        state = State(self.nodes.engine(), uid=self.uid)
        rows = [row for pod in pods for row in rows_of(pod, self.owner_of(pod), self.nodes, state.images)]
        state.containers = grouped(rows)
        state.note = "; ".join(self.notes[name] for name in sorted(self.notes))
        return state

    @property
    def places(self) -> tuple[str, ...]:
        """What is watched: namespaces, or "" for all of them."""
        return self.namespaces or ("",)

    def start(self) -> None:
        """Find out which cluster this is, and begin to watch. The first look waits for the lists."""
        if not self.uid:
            self.uid = str(self.get("/api/v1/namespaces/kube-system")["metadata"]["uid"])
        if not self.watchers:
            for place in self.places:
                thread = threading.Thread(target=self.watch, args=(place,), daemon=True, name=f"watch {place}")
                self.watchers.append(thread)
                thread.start()
            until = time.monotonic() + self.wire.timeout
            while len(self.whole) < len(self.places) and time.monotonic() < until:
                time.sleep(0.05)

    def watch(self, place: str) -> None:
        """List, then follow; where the way is lost, list again. For ever."""
        pause = 1.0
        while True:
            try:
                version = self.list_pods(place)
                listed = time.monotonic()
                while version and time.monotonic() - listed < LIST_SECONDS:
                    version = self.follow(place, version)
                    pause = 1.0
            except Failed as error:
                LOG.warning("%s", error)
            except (AttributeError, KeyError, TypeError, ValueError, OSError) as error:
                LOG.warning("the API server's answer has another form than expected: %r", error)
            time.sleep(pause)
            pause = min(2 * pause, 60.0)

    def path(self, place: str) -> str:
        """Where the pods of a namespace, or of all, are."""
        return f"/api/v1/namespaces/{quote(place)}/pods" if place else "/api/v1/pods"

    def list_pods(self, place: str) -> str:
        """All pods, page by page; returns the version that the list is of."""
        found: dict[tuple[str, str], dict[str, Any]] = {}
        query: dict[str, Any] = {"limit": PAGE}
        while True:
            page = self.get(self.path(place), **query)
            found |= {(place, pod["metadata"]["uid"]): pod for pod in page.get("items") or []}
            token = page["metadata"].get("continue")
            if not token:
                break
            query["continue"] = token
        with self.lock:
            self.pods = {key: pod for key, pod in self.pods.items() if key[0] != place} | found
            self.whole[place] = time.monotonic()
        self.changed.set()
        return str(page["metadata"]["resourceVersion"])

    def follow(self, place: str, version: str) -> str:
        """Take in what changes until the watch ends; returns from where to go on, "" where only a list helps."""
        self.authorise()
        query = {
            "watch": "1",
            "allowWatchBookmarks": "true",
            "resourceVersion": version,
            "timeoutSeconds": WATCH_SECONDS,
        }
        try:
            path = f"{self.path(place)}?{urlencode(query)}"
            for event in self.wire.stream(path, WATCH_SECONDS + 30.0, lambda: self.followed.add(place)):
                kind, thing = event["type"], event["object"]
                if kind == "ERROR":
                    LOG.info("the watch ended: %s", thing.get("message"))
                    if thing.get("code") == GONE:
                        return ""
                    raise Failed(f"watch: {thing.get('message')}", int(thing.get("code") or 0))
                version = str(thing["metadata"]["resourceVersion"])
                self.take(place, kind, thing)
        except Failed as error:
            if error.status == GONE:
                return ""
            if error.status:
                raise
            # The connection was lost; what was missed comes with the next watch.
            LOG.info("%s", error)
            time.sleep(1.0)
        finally:
            if place in self.followed:
                self.followed.discard(place)
                self.whole[place] = time.monotonic()
        return version

    def take(self, place: str, kind: str, pod: dict[str, Any]) -> None:
        """One event."""
        with self.lock:
            self.whole[place] = time.monotonic()
            key = (place, str(pod["metadata"].get("uid", "")))
            if kind == "DELETED":
                self.pods.pop(key, None)
            elif kind in ("ADDED", "MODIFIED"):
                self.pods[key] = pod
            else:
                return
        self.changed.set()

    def refresh_nodes(self) -> None:
        """Which architecture and runtime each node has, and what handlers RuntimeClasses name."""
        if self.nodes_at and time.monotonic() - self.nodes_at < NODES_SECONDS:
            return
        found = self.listed("/api/v1/nodes", "nodes: the architecture of images is not known")
        self.nodes = Nodes.of(found, self.listed("/apis/node.k8s.io/v1/runtimeclasses", "RuntimeClasses"))
        self.nodes_at = time.monotonic()

    def listed(self, path: str, what: str) -> list[dict[str, Any]]:
        """The items there; what may not be read is said in the snapshot's note."""
        self.notes.pop(path, None)
        try:
            return list(self.get(path).get("items") or [])
        except Failed as error:
            if error.status not in (403, 404):
                raise
            self.notes[path] = f"the agent may not list {what}" if error.status == 403 else f"there are no {what}"
            return []

    def owner_of(self, pod: dict[str, Any]) -> tuple[str, str]:
        """(kind, name) of whom the pod belongs to in the end: a Deployment, a CronJob, else itself."""
        meta = pod["metadata"]
        owner = controller(meta)
        if owner is None:
            return "Pod", str(meta["name"])
        kind, name, uid = str(owner["kind"]), str(owner["name"]), str(owner["uid"])
        if kind == "Node":
            # A static pod, named for its node.
            return "Pod", str(meta["name"]).removesuffix(f"-{name}")
        if kind not in OWNERS:
            return kind, name
        if uid not in self.owners:
            self.owners[uid] = self.above(kind, str(meta["namespace"]), name)
        return self.owners[uid]

    def above(self, kind: str, namespace: str, name: str) -> tuple[str, str]:
        """Whom a ReplicaSet or a Job belongs to."""
        path = f"{OWNERS[kind]}/namespaces/{quote(namespace)}/{PLURALS[kind]}/{quote(name)}"
        try:
            self.authorise()
            found = controller(self.wire.get(path, headers=PARTIAL)["metadata"])
        except Failed as error:
            if error.status not in (403, 404):
                raise
            if error.status == 403:
                self.notes[kind] = f"the agent may not read a {kind}: workloads are named after it"
            found = None
        return (str(found["kind"]), str(found["name"])) if found else (kind, name)


def controller(meta: dict[str, Any]) -> dict[str, Any] | None:
    """The owner that manages it (`metav1.OwnerReference.controller`)."""
    owners = [owner for owner in meta.get("ownerReferences") or [] if owner.get("controller")]
    return owners[0] if owners else None
