"""The real CNCF registry (Debian's docker-registry) with htpasswd and notifications, and pushing to it over HTTP."""

from __future__ import annotations

import base64
import json
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from governance.web.addresses import Allowed
from governance.web.outbound import Client
from scanning.registries.values import ACCEPT
from tests.parts import free_port, need
from tests.registry import Built

USER, PASSWORD = "robot", "s3cret"
BASIC = {"Authorization": "Basic " + base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()}
CONFIG = """
version: 0.1
log: {{level: error}}
storage:
  filesystem: {{rootdirectory: {data}}}
  delete: {{enabled: true}}
http: {{addr: "127.0.0.1:{port}"}}
auth:
  htpasswd: {{realm: test, path: {root}/htpasswd}}
"""
NOTIFICATIONS = """
notifications:
  endpoints:
    - name: portwarden
      url: {address}
      headers: {{Authorization: [Bearer {secret}]}}
      timeout: 3s
      threshold: 5
      backoff: 1s
"""


class RealRegistry:
    """A running one: `push`, `tag`, `untag` as a builder would."""

    def __init__(self, port: int, root: Path) -> None:
        self.root = root
        self.host = f"127.0.0.1:{port}"
        self.base = f"http://{self.host}"
        self.client = Client(allowed=Allowed.of([self.host]))

    def send(self, method: str, path: str, body: bytes = b"", content_type: str = "application/octet-stream") -> str:
        """Returns the `Location` of the answer."""
        url = path if path.startswith("http") else self.base + path
        headers = {**BASIC, "Content-Type": content_type, "Content-Length": str(len(body))}
        answer, said = self.client.fetch(method, url, headers=headers, body=body)
        assert answer.status < 300, (method, path, answer.status, said)
        return answer.headers.get("location", "")

    def manifest(self, name: str, reference: str) -> tuple[str, dict[str, Any]]:
        """(digest, what it says) of a tag or a digest."""
        url = f"{self.base}/v2/{name}/manifests/{reference}"
        answer, body = self.client.fetch("GET", url, headers={**BASIC, "Accept": ACCEPT})
        assert answer.status == 200, (url, answer.status, body)
        return answer.headers["docker-content-digest"], json.loads(body)

    def push(self, name: str, built: Built, *tags: str) -> Built:
        """Blobs, children, the manifest by digest, then its tags."""
        for child in built.children:
            self.push(name, child)
        for digest, data in built.blobs.items():
            upload = self.send("POST", f"/v2/{name}/blobs/uploads/")
            self.send("PUT", upload + ("&" if "?" in upload else "?") + f"digest={digest}", data)
        for reference in (built.digest, *tags):
            self.send("PUT", f"/v2/{name}/manifests/{reference}", built.manifest, built.media_type)
        return built

    def delete(self, name: str, digest: str) -> None:
        """The manifest, and all tags that name it."""
        self.send("DELETE", f"/v2/{name}/manifests/{digest}")


@contextmanager
def running(
    root: Path, port: int = 0, data: Path | None = None, notify: tuple[str, str] | None = None
) -> Iterator[RealRegistry]:
    """Start one, on a free port unless told; `notify` is (address, bearer secret) of who is told of its events."""
    serve, htpasswd = need("docker-registry", "htpasswd")
    port = port or free_port()
    config = CONFIG.format(root=root, port=port, data=data or root / "data")
    if notify:
        config += NOTIFICATIONS.format(address=notify[0], secret=notify[1])
    (root / f"{port}.yml").write_text(config)
    line = subprocess.run([htpasswd, "-Bbn", USER, PASSWORD], capture_output=True, text=True, check=True).stdout
    (root / "htpasswd").write_text(line)
    quiet = subprocess.DEVNULL
    process = subprocess.Popen([serve, "serve", str(root / f"{port}.yml")], stdout=quiet, stderr=quiet)
    try:
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            time.sleep(0.05)
        registry = RealRegistry(port, root)
        yield registry
        registry.client.close()
    finally:
        process.terminate()
        process.wait(10)
