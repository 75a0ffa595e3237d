"""The agent against a double of the API server, which serves where the real one is not at hand: pages, watch, 410."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from unittest.mock import Mock
from urllib.parse import parse_qs, urlsplit

import pytest

from scanning.agent.kubernetes import Kubernetes
from scanning.agent.pods import image_of
from scanning.agent.report import Report
from scanning.agent.wire import Failed, Wire
from tests.make import digest_of

PLATFORM = {"os": "linux", "architecture": "amd64"}
API = f"registry.example/shop/api@{digest_of('api')}"
GONE = {"type": "ERROR", "object": {"kind": "Status", "code": 410, "message": "too old resource version: 1 (7)"}}


def make_pod(name: str, version: int = 5) -> dict[str, Any]:
    """As the API server lists it, without what the agent does not look at."""
    status = {"name": "main", "image": "x", "imageID": API, "state": {"running": {"startedAt": "2026-11-20T12:00:00Z"}}}
    return {
        "metadata": {"name": name, "namespace": "shop", "uid": f"uid-{name}", "resourceVersion": str(version)},
        "spec": {"nodeName": "node-1", "containers": [{"name": "main", "image": "registry.example/shop/api:1.0"}]},
        "status": {"phase": "Running", "containerStatuses": [status]},
    }


@pytest.fixture
def double() -> Iterator[Any]:
    """Two pages of pods; a watch that says what it is told to."""

    class Handler(BaseHTTPRequestHandler):
        events: list[dict[str, Any]] = []
        asked: list[dict[str, list[str]]] = []

        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            self.asked.append(query)
            second = "continue" in query
            page = {"metadata": {"resourceVersion": "7"}, "items": [make_pod("b" if second else "a")]}
            page["metadata"] |= {} if second else {"continue": "more"}
            lines = [json.dumps(event) for event in self.events] if "watch" in query else [json.dumps(page)]
            body = "".join(f"{line}\n" for line in lines).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    yield Handler, Kubernetes(f"http://127.0.0.1:{server.server_port}")
    server.shutdown()
    server.server_close()


def names(agent: Kubernetes) -> set[str]:
    return {pod["metadata"]["name"] for pod in agent.pods.values()}


def test_a_list_comes_in_pages_and_a_watch_goes_on_from_it(double: Any) -> None:
    handler, agent = double
    assert agent.list_pods("") == "7"
    assert names(agent) == {"a", "b"}
    bookmark = {"type": "BOOKMARK", "object": {"metadata": {"resourceVersion": "12"}}}
    handler.events = [
        {"type": "ADDED", "object": make_pod("c", 8)},
        {"type": "DELETED", "object": make_pod("a", 9)},
        bookmark,
    ]
    assert agent.follow("", "7") == "12"
    assert names(agent) == {"b", "c"}
    assert handler.asked[-1]["resourceVersion"] == ["7"]
    handler.events = [GONE]
    assert agent.follow("", "12") == ""
    assert names(agent) == {"b", "c"}


FORMS = {
    API: ("", [API]),
    f"docker-pullable://{API}": ("", [API]),
    digest_of("config"): (digest_of("config"), []),
    f"docker://{digest_of('config')}": (digest_of("config"), []),
    "1" * 64: ("1" * 64, []),
}


@pytest.mark.parametrize("written", FORMS)
def test_every_form_of_an_image_id_is_read_as_what_it_is(written: str) -> None:
    found = image_of(written, PLATFORM)
    assert (found["config_digest"], found["repo_digests"]) == FORMS[written]


def test_who_waits_for_a_server_tells_it_within_a_minute_of_its_return() -> None:
    """However long it was away; what it asks for itself is kept to, within reason."""
    report = Report(Mock(spec=Wire), "", {}, 60)
    pauses = [report.pause(Failed("away")) for _ in range(50)]
    assert all(1 <= one <= 60 for one in pauses)
    assert min(pauses[10:]) >= 30
    assert report.pause(Failed("full", 503, 120)) == 120
    assert report.pause(Failed("full", 503, 10**9)) == 300
