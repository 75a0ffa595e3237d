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
def server(api_server: ApiServer) -> Iterator[ApiServer]:
    """With a node, a Deployment's pods, and the agent's manifests applied as documented."""
    furnish(api_server)
    yield api_server
    api_server.call("DELETE", "/api/v1/namespaces/shop/pods?gracePeriodSeconds=0")


def furnish(server: ApiServer) -> None:
    """What a small cluster has."""
    server.make("/api/v1/nodes", "Node", "node-1")
    info = {"architecture": "amd64", "operatingSystem": "linux", "containerRuntimeVersion": "containerd://2.1.0"}
    info |= dict.fromkeys(("machineID", "systemUUID", "bootID", "osImage", "kernelVersion", "kubeProxyVersion"), "x")
    server.patch("/api/v1/nodes/node-1/status", {"status": {"nodeInfo": info | {"kubeletVersion": "v1.34.1"}}})
    server.make("/api/v1/namespaces", "Namespace", "shop")
    server.make("/apis/node.k8s.io/v1/runtimeclasses", "RuntimeClass", "sandboxed", handler="runsc")
    server.make("/api/v1/namespaces", "Namespace", "portwarden")
    server.apply(MANIFESTS.read_text())
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


@pytest.fixture(scope="module")
def token(server: ApiServer) -> str:
    """Of the manifests' service account."""
    return server.token_of("portwarden", "portwarden-agent")


def make_agent(server: ApiServer, port: int, token: str, directory: Path) -> Kubernetes:
    """With a short patience."""
    kept = directory / f"token-{len(token)}"
    kept.write_text(token)
    found = Kubernetes(f"https://127.0.0.1:{port}", str(kept), str(server.ca))
    found.wire.timeout = 5
    return found


@pytest.fixture
def agent(server: ApiServer, relay: Relay, token: str, tmp_path: Path) -> Kubernetes:
    """Through the relay, with the rights of the manifests and no others."""
    return make_agent(server, relay.port, token, tmp_path)


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


def test_pods_are_told_by_their_owners(server: ApiServer, agent: Kubernetes) -> None:
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


def test_the_rights_of_the_manifests_show_all_that_an_administrator_sees(
    server: ApiServer, agent: Kubernetes, tmp_path: Path
) -> None:
    everything = make_agent(server, server.port, ADMIN, tmp_path)
    assert agent.look() == everything.look()


GROUP = "rbac.authorization.k8s.io"
# (verb, group, resource, subresource, namespace, name) → may the agent?
MAY = {
    **dict.fromkeys([(verb, "", "pods", "", "shop", "") for verb in ("list", "watch")], True),
    ("list", "", "nodes", "", "", ""): True,
    ("get", "", "namespaces", "", "", "kube-system"): True,
    ("get", "", "namespaces", "", "", "shop"): False,
    **dict.fromkeys([(verb, "", "secrets", "", "portwarden", "") for verb in ("get", "list", "watch")], False),
    ("list", "", "configmaps", "", "shop", ""): False,
    **dict.fromkeys([(verb, "", "pods", "", "shop", "") for verb in ("create", "update", "patch", "delete")], False),
    **dict.fromkeys([("create", "", "pods", part, "shop", "") for part in ("exec", "attach", "portforward")], False),
    ("get", "", "pods", "log", "shop", ""): False,
    ("get", "", "nodes", "proxy", "", "node-1"): False,
    ("create", "", "serviceaccounts", "token", "portwarden", "portwarden-agent"): False,
    ("create", "apps", "deployments", "", "shop", ""): False,
    ("create", GROUP, "clusterrolebindings", "", "", ""): False,
    ("impersonate", "", "users", "", "", ""): False,
}


def test_the_rights_of_the_manifests_allow_nothing_else(server: ApiServer, token: str) -> None:
    may = {}
    for verb, group, resource, part, namespace, name in MAY:
        asked = {"verb": verb, "group": group, "resource": resource, "subresource": part}
        review = {
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {**asked, "namespace": namespace, "name": name}},
        }
        path = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews"
        _, said = server.answered("POST", path, review, token=token)
        may[verb, group, resource, part, namespace, name] = said["status"]["allowed"]
    assert may == MAY
    # And so it is when it tries.
    for method, path, body in (
        ("GET", "/api/v1/namespaces/portwarden/secrets", None),
        ("GET", "/api/v1/namespaces/portwarden/secrets/portwarden-agent", None),
        ("POST", "/api/v1/namespaces/shop/pods", {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}}),
        ("DELETE", "/api/v1/namespaces/shop/pods/api-5d9c8-0", None),
        ("POST", "/api/v1/namespaces/shop/pods/api-5d9c8-0/exec?command=id", None),
    ):
        assert server.answered(method, path, body, token=token)[0] == 403, (method, path)


def test_what_it_may_not_read_it_does_without_and_says_so(server: ApiServer, tmp_path: Path) -> None:
    accounts = "/api/v1/namespaces/portwarden/serviceaccounts"
    rights, role = (
        "/apis/rbac.authorization.k8s.io/v1",
        {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole"},
    )
    server.make(accounts, "ServiceAccount", "less")
    some = [
        {"apiGroups": [""], "resources": ["pods"], "verbs": ["list", "watch"]},
        {"apiGroups": [""], "resources": ["namespaces"], "verbs": ["get"]},
    ]
    server.make(f"{rights}/clusterroles", "ClusterRole", "less", rules=some)
    whom = [{"kind": "ServiceAccount", "name": "less", "namespace": "portwarden"}]
    server.make(
        f"{rights}/clusterrolebindings", "ClusterRoleBinding", "less", roleRef={**role, "name": "less"}, subjects=whom
    )
    agent = make_agent(server, server.port, server.token_of("portwarden", "less"), tmp_path)
    until(lambda: {one["kind"] for one in agent.look().containers}, {"ReplicaSet"})
    note = agent.look().note
    for what in ("list nodes", "list RuntimeClasses", "read a ReplicaSet"):
        assert f"the agent may not {what}" in note


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
    server: ApiServer, agent: Kubernetes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kubernetes, "WATCH_SECONDS", 3)
    # Of before anything that the server remembers: 410 Gone, inside of the watch.
    early = server.make("/api/v1/namespaces/shop/configmaps", "ConfigMap", "early")["metadata"]["resourceVersion"]
    for name in ("late", "later"):
        server.make("/api/v1/namespaces/shop/configmaps", "ConfigMap", name)
    server.forget()
    # Pods are remembered; of other things only the administrator may watch.
    other = make_agent(server, server.port, ADMIN, tmp_path)
    monkeypatch.setattr(other, "path", lambda place: "/api/v1/configmaps")
    assert other.follow("", early) == ""
    assert not other.pods
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
