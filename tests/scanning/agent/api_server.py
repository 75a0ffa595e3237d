"""A real Kubernetes API server with etcd, without a kubelet: statuses are patched as envtest does.

Its program is not in the repository; where it does not lie beside the checkout, tests that need it are skipped.
"""

from __future__ import annotations

import json
import lzma
import shutil
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml

from scanning.agent.wire import verifying
from tests.parts import free_port, need

PACKED = Path(__file__).resolve().parents[4] / "shared" / "tools" / "kube-apiserver-1.20.2-linux-amd64.xz"
ADMIN = "only-for-tests"


ROLES = "/apis/rbac.authorization.k8s.io/v1"


class ApiServer:
    """Started once, ended by `stop`."""

    def __init__(self, directory: Path) -> None:
        if not PACKED.exists():
            pytest.skip(f"kube-apiserver: {PACKED.name} is not beside the checkout")
        etcd, openssl = need("etcd", "openssl")
        self.directory = directory
        self.started: list[subprocess.Popen[bytes]] = []
        program, key, tokens = directory / "kube-apiserver", directory / "sa.key", directory / "tokens.csv"
        with lzma.open(PACKED) as packed, program.open("wb") as unpacked:
            shutil.copyfileobj(packed, unpacked)
        program.chmod(0o755)
        subprocess.run([openssl, "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
        tokens.write_text(f"{ADMIN},admin,admin,system:masters\n")
        store, peers, self.port = free_port(), free_port(), free_port()
        self.etcd = at = f"http://127.0.0.1:{store}"
        self.start(
            *(etcd, "--data-dir", str(directory / "etcd"), "--listen-client-urls", at, "--advertise-client-urls", at),
            *("--listen-peer-urls", f"http://127.0.0.1:{peers}", "--unsafe-no-fsync"),
        )
        self.start(
            *(str(program), f"--etcd-servers={at}", f"--secure-port={self.port}", "--bind-address=127.0.0.1"),
            *("--advertise-address=127.0.0.1", f"--cert-dir={directory / 'certs'}"),
            *(f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}"),
            *("--service-account-issuer=https://kubernetes.default.svc", "--authorization-mode=RBAC"),
            *(f"--token-auth-file={tokens}", "--service-cluster-ip-range=10.0.0.0/24"),
            *("--disable-admission-plugins=ServiceAccount", "--insecure-port=0", "--allow-privileged"),
            # What is read from etcd itself can be forgotten on demand.
            "--watch-cache-sizes=configmaps#0",
        )
        self.ca = directory / "certs" / "apiserver.crt"
        if trouble := self.wait():
            self.stop()
            pytest.fail(trouble)

    @property
    def address(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    def start(self, *command: str) -> None:
        with (self.directory / f"{Path(command[0]).name}.log").open("wb") as log:
            self.started.append(subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log))

    def wait(self) -> str:
        """Until it answers, and has made the roles that everybody has; why not, where it does not."""
        wanted = ("/api/v1/namespaces/kube-system", f"{ROLES}/clusterrolebindings/system:basic-user")
        until, trouble = time.monotonic() + 60, ""
        while time.monotonic() < until:
            try:
                if self.ca.exists() and all(self.call("GET", one) for one in wanted):
                    return ""
            except OSError as error:
                trouble = str(error)
            time.sleep(0.1)
        return f"{trouble}; {(self.directory / 'kube-apiserver.log').read_text()[-2_000:]}"

    def forget(self) -> None:
        """Have etcd drop the history of everything up to now."""
        now = self.ask("range", {"key": "Lw=="})["header"]["revision"]
        self.ask("compaction", {"revision": now, "physical": True})

    def ask(self, what: str, body: Any) -> Any:
        """Of etcd, by its JSON gateway."""
        request = urllib.request.Request(f"{self.etcd}/v3/kv/{what}", json.dumps(body).encode())  # noqa: S310
        with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310
            return json.load(answer)

    def stop(self) -> None:
        for process in reversed(self.started):
            process.kill()
            process.wait(10)

    def answered(
        self, method: str, path: str, body: Any = None, kind: str = "application/json", token: str = ADMIN
    ) -> tuple[int, Any]:
        """As the administrator, or whose token it is: (status, document)."""
        request = urllib.request.Request(  # noqa: S310 (its address is ours)
            self.address + path,
            None if body is None else json.dumps(body).encode(),
            {"Authorization": f"Bearer {token}", "Content-Type": kind},
            method=method,
        )
        try:
            context = verifying(str(self.ca))
            with urllib.request.urlopen(request, timeout=20, context=context) as answer:  # noqa: S310
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)

    def call(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        """The document; {} for what is not there."""
        status, document = self.answered(method, path, body, kind)
        if status in (404, 409):
            return {}
        assert status < 400, document
        return document

    def make(self, path: str, kind: str, name: str, **members: Any) -> Any:
        """An object."""
        meta = {"name": name, **members.pop("metadata", {})}
        made = self.call("POST", path, {"apiVersion": version_of(path), "kind": kind, "metadata": meta, **members})
        assert made, (path, name)
        return made

    def apply(self, manifests: str) -> None:
        """All the objects of a file of YAML, each into its namespace."""
        for one in yaml.safe_load_all(manifests):
            version, plural, meta = one["apiVersion"], f"{one['kind'].lower()}s", one["metadata"]
            root = f"/apis/{version}" if "/" in version else f"/api/{version}"
            inside = f"/namespaces/{meta['namespace']}" if "namespace" in meta else ""
            assert self.call("POST", f"{root}{inside}/{plural}", one), one["kind"]

    def token_of(self, namespace: str, account: str) -> str:
        """What a pod of this service account is given: TokenRequest, for ten minutes, the shortest there is."""
        path = f"/api/v1/namespaces/{namespace}/serviceaccounts/{account}/token"
        wanted = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {"expirationSeconds": 600}}
        return str(self.call("POST", path, wanted)["status"]["token"])

    def patch(self, path: str, body: Any) -> Any:
        return self.call("PATCH", path, body, "application/merge-patch+json")


def version_of(path: str) -> str:
    """`/apis/apps/v1/...` is apps/v1, `/api/v1/...` is v1."""
    parts = path.split("/")
    return parts[2] if parts[1] == "api" else f"{parts[2]}/{parts[3]}"
