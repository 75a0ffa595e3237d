"""A real API server of Kubernetes with its etcd, for tests: the binary is looked for beside the checkout."""

from __future__ import annotations

import json
import lzma
import shutil
import signal
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from governance.local.instance import HOST, free_port
from governance.local.process import Program, signal_group, start, tail
from tests.parts import need

PACKED = Path(__file__).parents[2] / "shared" / "tools" / "kube-apiserver-1.20.2-linux-amd64.xz"
TOKEN = "test-administrator"
SECONDS = 60


class ApiServer:
    """Where it listens and how it is asked; as its administrator."""

    def __init__(self, url: str, directory: Path) -> None:
        self.url, self.directory, self.token = url, directory, TOKEN
        # It makes itself a certificate at every start.
        self.context = ssl._create_unverified_context()  # noqa: S323

    def ask(self, method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        """(status, document)."""
        data = None if body is None else json.dumps(body).encode()
        said = {"Authorization": f"Bearer {TOKEN}", "Content-Type": "application/json", **headers}
        request = urllib.request.Request(f"{self.url}{path}", data, said, method=method)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=20, context=self.context) as answer:  # noqa: S310
                return answer.status, json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            text = error.read()
            return error.code, json.loads(text) if text.startswith(b"{") else text.decode(errors="replace")

    def create(self, path: str, body: object, **headers: str) -> Any:
        """Make an object, which must work."""
        status, document = self.ask("POST", path, body, **headers)
        assert status == 201, document
        return document

    def ready(self) -> bool:
        """It serves, and its default namespace is there."""
        try:
            return self.ask("GET", "/api/v1/namespaces/default")[0] == 200
        except OSError:
            return False


@contextmanager
def api_server() -> Iterator[ApiServer]:
    """Start one; the test is skipped where its parts are not to be had."""
    if not PACKED.exists():
        pytest.skip("kube-apiserver: no binary beside the checkout")
    etcd, openssl = need("etcd", "openssl")
    directory = Path(tempfile.mkdtemp(prefix="pw-kubernetes-"))
    running = []
    try:
        running = list(_start(directory, etcd, openssl))
        server = ApiServer(f"https://{HOST}:{(directory / 'port').read_text()}", directory)
        began = time.monotonic()
        while not server.ready():
            assert time.monotonic() - began < SECONDS, tail(directory / "apiserver.log")
            time.sleep(0.2)
        yield server
    finally:
        for process in reversed(running):
            signal_group(process.pid, signal.SIGKILL)
            process.wait()
        shutil.rmtree(directory, ignore_errors=True)


def _start(directory: Path, etcd: str, openssl: str) -> Iterator[subprocess.Popen[bytes]]:
    binary = directory / "kube-apiserver"
    with lzma.open(PACKED) as packed, binary.open("wb") as out:
        shutil.copyfileobj(packed, out)
    binary.chmod(0o700)
    key = directory / "sa.key"
    subprocess.run([openssl, "genrsa", "-out", key, "2048"], check=True, capture_output=True)
    (directory / "tokens.csv").write_text(f"{TOKEN},admin,admin,system:masters\n")
    client, peer, port = (free_port(0) for _ in range(3))
    (directory / "port").write_text(str(port))
    store = f"http://{HOST}:{client}"
    yield _run(
        *(directory, "etcd", etcd, f"--data-dir={directory / 'etcd'}", f"--listen-client-urls={store}"),
        *(f"--advertise-client-urls={store}", f"--listen-peer-urls=http://{HOST}:{peer}", "--unsafe-no-fsync"),
    )
    yield _run(
        *(directory, "apiserver", str(binary), f"--etcd-servers={store}", f"--secure-port={port}"),
        *(f"--bind-address={HOST}", f"--advertise-address={HOST}", f"--cert-dir={directory / 'certs'}"),
        *(f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}"),
        *("--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=RBAC"),
        *(f"--token-auth-file={directory / 'tokens.csv'}", "--service-cluster-ip-range=10.0.0.0/24"),
        *("--disable-admission-plugins=ServiceAccount", "--insecure-port=0"),
    )


def _run(directory: Path, name: str, *command: str) -> subprocess.Popen[bytes]:
    return start(Program(name, list(command), directory / f"{name}.log", {}))
