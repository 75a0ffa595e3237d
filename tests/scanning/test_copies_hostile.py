"""An upstream that means harm to whoever copies it: it gets no credential, fills nothing, and ends as a clear error."""

from __future__ import annotations

import json
import re
import time
import tracemalloc
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from django.utils import timezone

from governance.approvals.copies import current_place, want_copy
from governance.approvals.models import KeptCopy
from governance.web.addresses import Allowed
from governance.web.outbound import Limits
from scanning import copies, transfer
from scanning.connections import save_connection
from scanning.copy_tree import Place
from scanning.pushing import save_push
from scanning.registries import Registry, push
from scanning.registries.values import Descriptor
from tests.registry import Built, Shelf, make_built, make_index, make_layer, reply, sha256, shelved, target_at
from tests.scanning.test_crawl_hostile import SECRETS, Trap

pytestmark = pytest.mark.django_db


class Own(Shelf):
    """A registry that takes what is pushed, as the distribution specification says, and mounts."""

    def __init__(self) -> None:
        super().__init__()
        self.uploads: dict[str, bytes] = {}
        # Which repository has which blob.
        self.placed: set[tuple[str, str]] = set()
        # Where uploads are said to go.
        self.location = ""

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        parts = urlsplit(request.path)
        found = re.fullmatch(r"/v2/(.+)/(blobs|manifests|referrers|tags)/(.*)", parts.path)
        name, kind, what = found.groups() if found else ("", "", "")
        if request.command in ("GET", "HEAD"):
            if kind == "blobs" and (name, what) not in self.placed:
                return reply(request, b"", 404)
            return super().__call__(request)
        if self.instead(request):
            return None
        self.asked.append((request.command, request.path))
        query = {key: values[-1] for key, values in parse_qs(parts.query).items()}
        body = request.rfile.read(int(request.headers.get("Content-Length") or 0))
        if kind == "manifests":
            return self.put(request, name, what, body)
        return self.upload(request, name, query, body)

    def put(self, request: BaseHTTPRequestHandler, name: str, reference: str, body: bytes) -> None:
        self.manifests.setdefault(name, {})[sha256(body)] = (body, request.headers["Content-Type"])
        if ":" not in reference:
            self.tags.setdefault(name, {})[reference] = sha256(body)
        reply(request, b"", 201)

    def upload(self, request: BaseHTTPRequestHandler, name: str, query: dict[str, str], body: bytes) -> None:
        key = urlsplit(request.path).path.rpartition("/")[2]
        if request.command == "POST":
            if (query.get("from"), query.get("mount")) in self.placed:
                self.placed.add((name, query["mount"]))
                return reply(request, b"", 201)
            key = str(len(self.asked))
            self.uploads[key] = b""
            return reply(request, b"", 202, Location=self.location or f"/v2/{name}/blobs/uploads/{key}?state=1")
        if request.command == "PATCH":
            self.uploads[key] += body
            return reply(request, b"", 202, Location=request.path)
        data = self.uploads.pop(key)
        if request.command == "DELETE":
            return reply(request, b"", 204)
        if sha256(data) != query["digest"]:
            return reply(request, b'{"errors":[{"code":"DIGEST_INVALID"}]}', 400)
        self.blobs[query["digest"]] = data
        self.placed.add((name, query["digest"]))
        return reply(request, b"", 201)


@pytest.fixture
def pair(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Shelf, Own, KeptCopy, Built]]:
    """A hostile upstream, our own registry, and a copy that is wanted. Times are cut short."""
    monkeypatch.setattr(push, "patience", lambda size: Limits(connect=1, read=0.5, whole=2, body=size))
    upstream, own = Shelf(), Own()
    built = upstream.push(
        "base/os", make_index(make_built(make_layer(a="1")), make_built(make_layer(a="2"), arch="arm64")), "1"
    )
    with shelved(upstream) as (far, _), shelved(own) as (near, _):
        settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([f"127.0.0.1:{far}", f"127.0.0.1:{near}"])
        for port in (far, near):
            said = {
                "base_url": f"http://127.0.0.1:{port}",
                "is_insecure": True,
                "username": "robot",
                "is_enabled": False,
            }
            row = save_connection(None, None, said, "s3cret")
        save_push(None, row, {"keeps": True, "path": "kept"})
        place = current_place()
        assert place
        copy = want_copy(place, f"127.0.0.1:{far}/base/os", "1", built.digest)
        assert copy
        yield upstream, own, copy, built


def run(row: KeptCopy) -> tuple[KeptCopy, float]:
    start = time.monotonic()
    KeptCopy.objects.update(next_at=timezone.now())
    while copies.work(row.pk):
        pass
    row.refresh_from_db()
    return row, time.monotonic() - start


def layer_of(built: Built) -> str:
    return str(json.loads(built.children[1].manifest)["layers"][0]["digest"])


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        ("wrong", "other content"),
        ("short", "other content"),
        ("endless", "sends more than"),
        ("slow", "in time"),
        ("redirect", "127.0.0.1"),
        ("redirect to metadata", "169.254.169.254"),
        ("gzip", "encoding"),
    ],
)
def test_a_harmful_blob_is_never_kept(pair: Any, harm: str, said: str) -> None:
    upstream, own, row, built = pair
    layer, trap = layer_of(built), Trap()

    def harmful(request: BaseHTTPRequestHandler) -> bool:
        if layer not in request.path or request.command != "GET":
            return False
        data = upstream.blobs[layer]
        if harm in ("wrong", "short"):
            reply(request, b"x" * len(data) if harm == "wrong" else data[:-1])
        elif harm.startswith("redirect"):
            where = "http://169.254.169.254/x" if "metadata" in harm else f"{address}/x"
            reply(request, b"", 307, Location=where)
        elif harm == "gzip":
            reply(request, data, Content_Encoding="br")
        else:
            request.send_response(200)
            request.end_headers()
            for _ in range(10_000 if harm == "endless" else 8):
                request.wfile.write(data if harm == "endless" else b"x")
                time.sleep(0.4 if harm == "slow" else 0)
        request.close_connection = True
        return True

    with shelved(trap) as (port, _):
        address = f"http://127.0.0.1:{port}"
        upstream.instead = harmful
        row, took = run(row)
    assert (row.state, row.copied_at) == ("failed", None)
    assert said in row.error
    assert took < 8
    assert layer not in own.blobs
    assert "1" not in own.tags.get(row.place, {})
    assert not any(secret.decode() in seen for seen in trap.seen for secret in SECRETS)
    assert not own.uploads
    # It means no harm any more: what was there already is not sent again.
    upstream.instead = lambda _: False
    row, _ = run(row)
    assert (row.state, row.error) == ("kept", "")


def test_an_upload_to_another_host_sends_nothing_there(pair: Any) -> None:
    _, own, row, _ = pair
    trap = Trap()
    with shelved(trap) as (port, _):
        own.location = f"http://127.0.0.1:{port}/upload"
        row, _ = run(row)
    assert "another host" in row.error
    assert trap.seen == []


def test_a_manifest_that_is_another_is_refused(pair: Any) -> None:
    upstream, own, row, built = pair
    child = built.children[0].digest
    upstream.manifests["base/os"][child] = (built.children[1].manifest, built.children[1].media_type)
    row, _ = run(row)
    assert "other content than its digest says" in row.error
    assert not own.manifests


def test_endless_nesting_and_lying_sizes_end(pair: Any) -> None:
    upstream, _, row, built = pair
    one = built
    for _ in range(5):
        one = upstream.push("base/os", make_index(one, entries=[one.descriptor()]))
    KeptCopy.objects.filter(pk=row.pk).update(digest=one.digest)
    assert "deep" in run(row)[0].error
    manifest = json.loads(built.children[0].manifest)
    manifest["layers"][0]["size"] = 10**17
    liar = upstream.push("base/os", Built(json.dumps(manifest).encode(), built.children[0].media_type))
    KeptCopy.objects.filter(pk=row.pk).update(digest=liar.digest)
    assert "claims to have" in run(row)[0].error


def test_what_another_copy_has_is_mounted_not_sent(pair: Any) -> None:
    upstream, own, row, built = pair
    run(row)
    again = upstream.push("base/py", built, "1")
    place = current_place()
    assert place
    other = want_copy(place, row.name.replace("base/os", "base/py"), "1", again.digest)
    assert other
    own.asked.clear()
    other, _ = run(other)
    assert other.state == "kept"
    assert other.mounted == other.total > 0
    assert own.counted("PATCH", "/blobs/") == 0


def test_a_large_blob_is_never_in_memory(pair: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    upstream, own, _, _ = pair
    monkeypatch.setattr(push, "patience", lambda size: Limits(connect=1, read=20, whole=60, body=size))
    data = bytes(64 * 2**20)
    upstream.blobs[sha256(data)] = data
    blob = Descriptor(sha256(data), "", len(data))
    ports = [int(one.split(":")[-1]) for one in KeptCopy.objects.values_list("registry__host", flat=True)]
    far = int(KeptCopy.objects.get().name.partition("/")[0].partition(":")[2])
    received = []

    def drop(request: BaseHTTPRequestHandler) -> bool:
        if request.command != "PATCH":
            return False
        left = int(request.headers["Content-Length"])
        while left:
            left -= len(request.rfile.read(min(left, 2**16)))
        received.append(len(data))
        reply(request, b"", 202, Location=request.path)
        return True

    own.instead = drop
    with Registry(target_at(far)) as source, Registry(target_at(ports[0])) as target:
        tracemalloc.start()
        with pytest.raises(Exception, match="DIGEST_INVALID"):
            transfer.carry_blob(blob, Place(source, "base/os"), Place(target, "kept/x"), transfer.Ways())
        _, peak = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert received
    assert peak < 8 * 2**20
