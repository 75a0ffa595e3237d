"""A real API server asks our webhook before it stores a pod."""

from __future__ import annotations

import base64
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from governance.accounts.models import Token
from governance.policy.models import GateDecision
from scanning.admission import FRESH, MEMORY
from tests.governance.policy.force import enforce
from tests.make import make_image, make_token
from tests.parts import need
from tests.scanning.agent.api_server import ApiServer

GOOD, BAD = "registry.example/shop/web:1.0", "registry.example/shop/api:1.0"
PODS = "/api/v1/namespaces/default/pods"
HOOKS = "/apis/admissionregistration.k8s.io/v1/validatingwebhookconfigurations"
DEPLOYMENTS = "/apis/apps/v1/namespaces/default/deployments"


@contextmanager
def behind_tls(url: str, directory: Path) -> Iterator[tuple[str, bytes]]:
    """(address, certificate): the server at `url` behind TLS, which the API server insists on."""
    key, certificate = directory / "key.pem", directory / "certificate.pem"
    (openssl,) = need("openssl")
    words = "req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN=portwarden -addext subjectAltName=IP:127.0.0.1"
    subprocess.run([openssl, *words.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    inner = (urlsplit(url).hostname, urlsplit(url).port)
    with socket.create_server(("127.0.0.1", 0)) as door:
        threading.Thread(target=_serve, args=(door, context, inner), daemon=True).start()
        yield f"https://127.0.0.1:{door.getsockname()[1]}", certificate.read_bytes()


def _serve(door: socket.socket, context: ssl.SSLContext, inner: tuple[str, int]) -> None:
    with suppress(OSError):
        while True:
            threading.Thread(target=_pass, args=(door.accept()[0], context, inner), daemon=True).start()


def _pass(raw: socket.socket, context: ssl.SSLContext, inner: tuple[str, int]) -> None:
    with (
        suppress(OSError),
        context.wrap_socket(raw, server_side=True) as outside,
        socket.create_connection(inner) as to,
    ):
        back = threading.Thread(target=_copy, args=(to, outside), daemon=True)
        back.start()
        _copy(outside, to)
        back.join(10)


def _copy(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65_536):
            target.sendall(data)


def pod(image: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": name},
        "spec": {"containers": [{"name": "main", "image": image}], **spec},
    }


def webhook(url: str, secret: str, certificate: bytes) -> dict[str, Any]:
    """As docs/admission.md has it."""
    rule = {"operations": ["CREATE", "UPDATE"], "apiVersions": ["v1"], "scope": "Namespaced"}
    client = {"url": f"{url}/admission/validate/{secret}/", "caBundle": base64.b64encode(certificate).decode()}
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingWebhookConfiguration",
        "metadata": {"name": "portwarden"},
        "webhooks": [
            {
                "name": "admission.portwarden.io",
                "clientConfig": client,
                "rules": [
                    {**rule, "apiGroups": [""], "resources": ["pods", "pods/ephemeralcontainers"]},
                    {**rule, "apiGroups": ["apps"], "resources": ["deployments"]},
                ],
                "sideEffects": "NoneOnDryRun",
                "admissionReviewVersions": ["v1"],
                "timeoutSeconds": 5,
                "failurePolicy": "Fail",
            }
        ],
    }


def until(answers: Callable[[], bool]) -> None:
    """The API server takes a moment to notice its new configuration."""
    began = time.monotonic()
    while not answers():
        assert time.monotonic() - began < 20
        time.sleep(0.2)


@pytest.mark.django_db(transaction=True)
def test_a_denied_pod_is_refused_with_our_reasons(api_server: ApiServer, live_server, settings, tmp_path) -> None:
    settings.ADMISSION_MODE = "enforce"
    MEMORY.clear()
    make_image(BAD)
    make_image(GOOD, vulnerabilities=[])
    enforce({"kind": "findings", "severity": "high"})
    secret = make_token(Token.Scope.AGENT)[1]
    with behind_tls(live_server.url, tmp_path) as (url, certificate):
        assert api_server.answered("POST", HOOKS, webhook(url, secret, certificate))[0] == 201
        try:
            until(lambda: api_server.answered("POST", f"{PODS}?dryRun=All", pod(BAD, "probe"))[0] == 403)
            assert not GateDecision.objects.exists()

            status, said = api_server.answered("POST", PODS, pod(BAD, "bad"))
            assert status == 403
            assert f"portwarden: {BAD}: 1 high or worse finding (0 allowed): CVE-2099-0001" in said["message"]
            assert GateDecision.objects.get().verdict == "fail"

            assert api_server.answered("POST", PODS, pod(GOOD, "good"))[0] == 201
            inner = [{"name": "wait", "image": BAD}]
            assert api_server.answered("POST", PODS, pod(GOOD, "mixed", initContainers=inner))[0] == 403
            labels = {"matchLabels": {"app": "x"}}
            template = {"metadata": {"labels": {"app": "x"}}, "spec": pod(BAD, "x")["spec"]}
            deployment = {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "d"}}
            deployment |= {"spec": {"selector": labels, "template": template}}
            assert api_server.answered("POST", DEPLOYMENTS, deployment)[0] == 403

            # What it runs already is not asked about again; another image is.
            merge, strategic = "application/merge-patch+json", "application/strategic-merge-patch+json"
            label = {"metadata": {"labels": {"a": "b"}}}
            assert api_server.answered("PATCH", f"{PODS}/good", label, merge)[0] == 200
            change = {"spec": {"containers": [{"name": "main", "image": BAD}]}}
            assert api_server.answered("PATCH", f"{PODS}/good", change, strategic)[0] == 403

            settings.ADMISSION_MODE = "audit"
            time.sleep(FRESH)
            assert api_server.answered("POST", PODS, pod(BAD, "bad"))[0] == 201
        finally:
            api_server.answered("DELETE", f"{HOOKS}/portwarden")
            api_server.answered("DELETE", f"{PODS}?gracePeriodSeconds=0")
