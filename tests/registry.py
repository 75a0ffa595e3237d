"""Images in plain Python, and a small registry to keep them in: what `docker push` would have sent."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import re
import tarfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

from scanning.registries.values import OCI_INDEX, OCI_MANIFEST, Target
from tests.governance.web.test_outbound import serving

CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar+gzip"


def sha256(data: bytes) -> str:
    return f"sha256:{hashlib.sha256(data).hexdigest()}"


def make_layer(**files: str) -> bytes:
    """An uncompressed tar with these files, the same for the same files."""
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name.replace("__", "/"))
            entry.size = len(text.encode())
            tar.addfile(entry, io.BytesIO(text.encode()))
    return out.getvalue()


@dataclass
class Built:
    """An image (or an index, or an artifact): its manifest, and the blobs that it needs."""

    manifest: bytes
    media_type: str
    blobs: dict[str, bytes] = field(default_factory=dict)
    config: str = ""
    children: tuple[Built, ...] = ()

    @property
    def digest(self) -> str:
        return sha256(self.manifest)

    def descriptor(self, **more: Any) -> dict[str, Any]:
        return {"mediaType": self.media_type, "digest": self.digest, "size": len(self.manifest), **more}


def make_built(*layers: bytes, created: str = "2026-10-01T10:00:00Z", arch: str = "amd64", **more: Any) -> Built:
    """An image of these layers. `labels` and a `comment` go into the configuration, `annotations` into the manifest."""
    packed = [gzip.compress(layer, mtime=0) for layer in layers]
    config: dict[str, Any] = {
        "os": "linux",
        "architecture": arch,
        "created": created,
        "config": {"Labels": more.get("labels")},
        "rootfs": {"type": "layers", "diff_ids": [sha256(layer) for layer in layers]},
        "history": [{"created_by": f"COPY {number}"} for number in range(len(layers))],
    }
    if comment := more.get("comment"):
        config["history"][-1]["comment"] = comment
    body = json.dumps(config).encode()
    entries = [{"mediaType": LAYER, "digest": sha256(data), "size": len(data)} for data in packed]
    manifest = {"schemaVersion": 2, "mediaType": OCI_MANIFEST, "layers": entries}
    manifest["config"] = {"mediaType": CONFIG, "digest": sha256(body), "size": len(body)}
    if annotations := more.get("annotations"):
        manifest["annotations"] = annotations
    blobs = {sha256(body): body, **{sha256(data): data for data in packed}}
    return Built(json.dumps(manifest).encode(), OCI_MANIFEST, blobs, sha256(body))


def make_index(*children: Built, entries: list[dict[str, Any]] | None = None, **more: Any) -> Built:
    """An index of these; each child's platform is read from its configuration unless `entries` says all."""
    described = entries or [child.descriptor(platform=platform_of(child)) for child in children]
    body = {"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": described, **more}
    return Built(json.dumps(body).encode(), OCI_INDEX, children=children)


def platform_of(built: Built) -> dict[str, str]:
    config = json.loads(built.blobs[built.config])
    return {"os": config["os"], "architecture": config["architecture"]}


def make_artifact(
    payload: bytes, layer_type: str, artifact_type: str, subject: Built | None = None, **more: Any
) -> Built:
    """A manifest that is no image, with one layer; `subject` is what it is attached to."""
    layer = {"mediaType": layer_type, "digest": sha256(payload), "size": len(payload), **more}
    manifest: dict[str, Any] = {
        "schemaVersion": 2,
        "mediaType": OCI_MANIFEST,
        "artifactType": artifact_type,
        "config": {"mediaType": "application/vnd.oci.empty.v1+json", "digest": sha256(b"{}"), "size": 2},
        "layers": [layer],
    }
    if subject:
        manifest["subject"] = subject.descriptor()
    return Built(json.dumps(manifest).encode(), OCI_MANIFEST, {sha256(payload): payload, sha256(b"{}"): b"{}"})


class Shelf:
    """What a registry holds: by repository the manifests and tags, and all blobs. Answers the distribution API."""

    def __init__(self, page: int = 1000) -> None:
        self.manifests: dict[str, dict[str, tuple[bytes, str]]] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.blobs: dict[str, bytes] = {}
        self.page = page
        self.referrers = False
        # What was asked: (method, path).
        self.asked: list[tuple[str, str]] = []
        # Answers of its own for a path: a function that answers, or None to go on.
        self.instead: Callable[[BaseHTTPRequestHandler], bool] = lambda _: False

    def push(self, name: str, built: Built, *tags: str) -> Built:
        for child in built.children:
            self.push(name, child)
        self.manifests.setdefault(name, {})[built.digest] = (built.manifest, built.media_type)
        self.blobs |= built.blobs
        for tag in tags:
            self.tags.setdefault(name, {})[tag] = built.digest
        return built

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append((request.command, request.path))
        if self.instead(request):
            return None
        parts = urlsplit(request.path)
        query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
        if parts.path == "/v2/":
            return reply(request, b"{}")
        if parts.path == "/v2/_catalog":
            return self.listed(request, sorted(self.tags), query, {"repositories": []})
        found = re.fullmatch(r"/v2/(.+)/(tags/list|manifests|blobs|referrers)/?(.*)", parts.path)
        assert found, request.path
        name, kind, what = found.groups()
        if kind == "tags/list" and name in self.tags:
            return self.listed(request, sorted(self.tags[name]), query, {"name": name, "tags": []})
        if kind == "manifests":
            return self.manifest(request, name, what)
        if kind == "blobs" and what in self.blobs:
            return reply(request, self.blobs[what])
        if kind == "referrers" and self.referrers:
            return self.attached(request, name, what)
        return reply(request, b'{"errors":[{"code":"NAME_UNKNOWN"}]}', 404)

    def manifest(self, request: BaseHTTPRequestHandler, name: str, reference: str) -> None:
        digest = self.tags.get(name, {}).get(reference, reference)
        if (found := self.manifests.get(name, {}).get(digest)) is None:
            return reply(request, b'{"errors":[{"code":"MANIFEST_UNKNOWN"}]}', 404)
        return reply(request, found[0], content_type=found[1], Docker_Content_Digest=digest)

    def attached(self, request: BaseHTTPRequestHandler, name: str, digest: str) -> None:
        entries = []
        for own, (body, media_type) in self.manifests.get(name, {}).items():
            manifest = json.loads(body)
            if manifest.get("subject", {}).get("digest") == digest:
                entry = {"mediaType": media_type, "digest": own, "size": len(body)}
                entries.append({**entry, "artifactType": manifest.get("artifactType")})
        body = json.dumps({"schemaVersion": 2, "mediaType": OCI_INDEX, "manifests": entries}).encode()
        return reply(request, body, content_type=OCI_INDEX)

    def listed(self, request: BaseHTTPRequestHandler, names: list[str], query: dict[str, str], body: Any) -> None:
        rest = [name for name in names if name > query.get("last", "")]
        page = rest[: min(self.page, int(query.get("n", 1000)))]
        body["repositories" if "repositories" in body else "tags"] = page
        headers = {}
        if len(page) < len(rest):
            headers["Link"] = f'<{urlsplit(request.path).path}?n={query.get("n", 1000)}&last={page[-1]}>; rel="next"'
        return reply(request, json.dumps(body).encode(), **headers)

    def counted(self, method: str, word: str) -> int:
        """How many requests of a method had the word in their path."""
        return sum(1 for verb, path in self.asked if verb == method and word in path)


def reply(
    request: BaseHTTPRequestHandler,
    body: bytes,
    status: int = 200,
    content_type: str = "application/json",
    **headers: str,
) -> None:
    request.send_response(status)
    for name, value in headers.items():
        request.send_header(name.replace("_", "-"), value)
    request.send_header("Content-Type", content_type)
    request.send_header("Content-Length", str(len(body)))
    request.end_headers()
    if request.command != "HEAD":
        request.wfile.write(body)


@contextmanager
def shelved(shelf: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[tuple[int, list[Any]]]:
    """The shelf as a server on 127.0.0.1: its port and the requests it saw."""
    with serving(shelf) as served:
        yield served


def target_at(port: int, **more: Any) -> Target:
    """The registry at that port, in the clear."""
    return Target(f"127.0.0.1:{port}", f"http://127.0.0.1:{port}", **more)
