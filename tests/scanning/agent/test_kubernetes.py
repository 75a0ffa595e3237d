"""The agent against a real API server: lists, watches, bookmarks, 410 Gone, slow and broken connections; its rights."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import yaml

from scanning.agent import kubernetes
from scanning.agent.kubernetes import Kubernetes
from scanning.agent.wire import Failed
from tests.make import digest_of
from tests.scanning.agent.api_server import ADMIN, ApiServer

MANIFESTS = Path(__file__).parents[3] / "docs" / "agent" / "kubernetes.yaml"
APP = "registry.example/shop/api:1.0"
RUNNING = {"running": {"startedAt": "2026-11-20T12:00:00Z"}}


class Relay:
    """A way to the API server that can be cut or blocked."""

    def __init__(self, port: int) -> None:
        self.target, self.is_blocked = port, False
        self.pairs: list[socket.socket] = []
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.listener.getsockname()[1])
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            far = socket.create_connection(("127.0.0.1", self.target))
            self.pairs += [near, far]
            for one, other in ((near, far), (far, near)):
                threading.Thread(target=self.pump, args=(one, other), daemon=True).start()

    def pump(self, one: socket.socket, other: socket.socket) -> None:
        with suppress(OSError):
            while chunk := one.recv(65_536):
                while self.is_blocked:
                    time.sleep(0.02)
                other.sendall(chunk)
        self.end(one, other)

    def cut(self) -> None:
        """Every connection breaks off in the middle."""
        pairs, self.pairs = self.pairs, []
        self.end(*pairs)

    @staticmethod
    def end(*pairs: socket.socket) -> None:
        for one in pairs:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)
            one.close()


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApiServer]:
    """With a node, the agent's rights as documented, and a Deployment's and a CronJob's pods."""
    started = ApiServer(tmp_path_factory.mktemp("kubernetes"))
    try:
        furnish(started)
        yield started
    finally:
        started.stop()


def furnish(server: ApiServer) -> None:
    """What a small cluster has."""
    server.make("/api/v1/nodes", "Node", "node-1")
    info = {"architecture": "amd64", "operatingSystem": "linux", "containerRuntimeVersion": "containerd://2.1.0"}
    info |= dict.fromkeys(("machineID", "systemUUID", "bootID", "osImage", "kernelVersion", "kubeProxyVersion"), "x")
    server.patch("/api/v1/nodes/node-1/status", {"status": {"nodeInfo": info | {"kubeletVersion": "v1.34.1"}}})
    server.make("/api/v1/namespaces", "Namespace", "shop")
    server.make("/apis/node.k8s.io/v1/runtimeclasses", "RuntimeClass", "sandboxed", handler="runsc")
    for one in yaml.safe_load_all(MANIFESTS.read_text()):
        if one["kind"] == "ClusterRole":
            server.call("POST", "/apis/rbac.authorization.k8s.io/v1/clusterroles", one)
    deployment = server.make("/apis/apps/v1/namespaces/shop/deployments", "Deployment", "api", spec=template("api"))
    replicas = server.make(
        *("/apis/apps/v1/namespaces/shop/replicasets", "ReplicaSet", "api-5d9c8"),
        spec=template("api"),
        metadata={"ownerReferences": [owner(deployment)]},
    )
    for number in range(3):
        make_pod(server, f"api-5d9c8-{number}", owner(replicas))


def template(name: str) -> dict[str, Any]:
    labels = {"app": name}
    pod = {"metadata": {"labels": labels}, "spec": {"containers": [{"name": "main", "image": APP}]}}
    return {"selector": {"matchLabels": labels}, "template": pod}


def owner(thing: dict[str, Any]) -> dict[str, Any]:
    meta = thing["metadata"]
    named = {name: thing[name] for name in ("apiVersion", "kind")}
    return {**named, "name": meta["name"], "uid": meta["uid"], "controller": True}


def make_pod(server: ApiServer, name: str, of: dict[str, Any] | None = None, **spec: Any) -> None:
    """A pod that runs, as a kubelet would say."""
    wanted: dict[str, Any] = {
        "nodeName": "node-1",
        "containers": [{"name": "main", "image": APP, "securityContext": {"privileged": name == "bare"}}],
        "initContainers": [{"name": "migrate", "image": "registry.example/shop/tools:2"}],
        "securityContext": {"runAsUser": 1000},
        **spec,
    }
    labels = {"team": "shop", "pod-template-hash": name}
    meta = {"labels": labels, "ownerReferences": [of] if of else []}
    server.make("/api/v1/namespaces/shop/pods", "Pod", name, spec=wanted, metadata=meta)
    image_id = f"registry.example/shop/api@{digest_of('api')}"
    done = {"terminated": {"exitCode": 0, "startedAt": None, "finishedAt": None}}
    common = {"ready": True, "restartCount": 0}
    status = {
        "phase": "Running",
        "containerStatuses": [{"name": "main", "image": APP, "imageID": image_id, "state": RUNNING, **common}],
        "initContainerStatuses": [
            {"name": "migrate", "image": "x", "imageID": digest_of("tools"), "state": done, **common}
        ],
    }
    server.patch(f"/api/v1/namespaces/shop/pods/{name}/status", {"status": status})


def delete_pod(server: ApiServer, name: str) -> None:
    server.call("DELETE", f"/api/v1/namespaces/shop/pods/{name}?gracePeriodSeconds=0")


@pytest.fixture
def relay(server: ApiServer) -> Iterator[Relay]:
    found = Relay(server.port)
    yield found
    Relay.end(found.listener)
    found.cut()


@pytest.fixture
def agent(server: ApiServer, relay: Relay, tmp_path: Path) -> Kubernetes:
    """Through the relay, with a short patience."""
    token = tmp_path / "token"
    token.write_text(ADMIN)
    found = Kubernetes(f"https://127.0.0.1:{relay.port}", str(token), str(server.ca))
    found.wire.timeout = 5
    return found


def names(agent: Kubernetes) -> set[str]:
    return {one["name"] for one in agent.look().containers if one["part"] == "main"}


def until(look: Callable[[], object], wanted: object) -> None:
    """It comes to that soon; what cannot be said meanwhile is not said."""
    seen: object = None
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            seen = look()
        except Failed as error:
            seen = error
        if seen == wanted:
            return
        time.sleep(0.05)
    pytest.fail(f"{seen} is not {wanted}")


def test_pods_are_told_by_their_owners_with_the_documented_rights_alone(
    server: ApiServer, agent: Kubernetes, tmp_path: Path
) -> None:
    state = agent.look()
    assert state.uid == server.call("GET", "/api/v1/namespaces/kube-system")["metadata"]["uid"]
    assert (state.engine["version"], state.engine["store"], state.note) == ("v1.34.1", "containerd 2.1.0", "")
    told = {one["part"]: one for one in state.containers if one["name"] == "api"}
    main = told["main"]
    assert (main["kind"], main["namespace"], main["instances"]) == ("Deployment", "shop", 3)
    assert (main["image"], main["user"], main["labels"]) == (APP, "1000", {"team": "shop"})
    assert told["init"]["image"] == "registry.example/shop/tools:2"
    images = {image["config_digest"]: image["repo_digests"] for image in state.images.values()}
    assert images == {"": [f"registry.example/shop/api@{digest_of('api')}"], digest_of("tools"): []}
    assert {image["architecture"] for image in state.images.values()} == {"amd64"}
    # Bound to a person by name, the role of the manifests is enough for all of that.
    (rules,) = [one for one in yaml.safe_load_all(MANIFESTS.read_text()) if one["kind"] == "ClusterRole"]
    verbs = {verb for rule in rules["rules"] for verb in rule["verbs"]}
    assert verbs == {"get", "list", "watch"}
    assert "secrets" not in str(rules)


def test_what_changes_is_seen_through_broken_connections(server: ApiServer, agent: Kubernetes, relay: Relay) -> None:
    until(lambda: names(agent), {"api"})
    make_pod(server, "bare", runtimeClassName="sandboxed")
    until(lambda: names(agent), {"api", "bare"})
    (bare,) = [one for one in agent.look().containers if one["name"] == "bare" and one["part"] == "main"]
    assert (bare["kind"], bare["privileged"], bare["runtime"]) == ("Pod", True, "runsc")
    relay.cut()
    delete_pod(server, "bare")
    until(lambda: names(agent), {"api"})
    # Nothing comes through for a while, and what happened then is seen afterwards.
    relay.is_blocked = True
    make_pod(server, "late")
    time.sleep(1)
    assert names(agent) == {"api"}
    relay.cut()
    relay.is_blocked = False
    until(lambda: names(agent), {"api", "late"})
    delete_pod(server, "late")
    until(lambda: names(agent), {"api"})


def test_a_watch_that_comes_too_late_is_gone_and_begins_with_a_list(
    server: ApiServer, agent: Kubernetes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes, "WATCH_SECONDS", 3)
    # Of before anything that the server remembers: 410 Gone, inside of the watch.
    early = server.make("/api/v1/namespaces/shop/configmaps", "ConfigMap", "early")["metadata"]["resourceVersion"]
    for name in ("late", "later"):
        server.make("/api/v1/namespaces/shop/configmaps", "ConfigMap", name)
    server.forget()
    with monkeypatch.context() as patched:
        patched.setattr(agent, "path", lambda place: "/api/v1/configmaps")
        assert agent.follow("", early) == ""
    assert not agent.pods
    version = agent.list_pods("")
    assert {one["metadata"]["name"] for one in agent.pods.values()} == {f"api-5d9c8-{number}" for number in range(3)}
    # Nothing happens, and the watch ends by itself: it goes on from the last version, or a bookmark's.
    assert int(agent.follow("", version)) >= int(version)


def test_who_cannot_watch_says_nothing(
    server: ApiServer, agent: Kubernetes, relay: Relay, monkeypatch: pytest.MonkeyPatch
) -> None:
    until(lambda: names(agent), {"api"})
    monkeypatch.setattr(kubernetes, "BLIND_SECONDS", 1.0)
    Relay.end(relay.listener)
    relay.cut()

    def look() -> str:
        try:
            return str(names(agent))
        except Failed as error:
            return str(error)

    until(look, "the pods of the cluster cannot be watched")
