"""How each product lists its repositories and wants to be signed in to, against doubles of their documented APIs."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from governance.web.addresses import Allowed
from scanning.registries import ADAPTERS, Registry, RegistryError, Target, find, open_registry
from scanning.registries.ecr import signature
from tests.registry import reply, shelved

type Routes = dict[str, Callable[[BaseHTTPRequestHandler], Any] | Any]


class Api:
    """Answers by path and query; remembers what was asked with which credentials."""

    def __init__(self, routes: Routes) -> None:
        self.routes = routes
        self.asked: list[tuple[str, dict[str, str], bytes]] = []

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        body = request.rfile.read(int(request.headers.get("Content-Length", 0)))
        self.asked.append((request.path, dict(request.headers), body))
        found = self.routes.get(request.path)
        if found is None:
            return reply(request, b"{}", 404)
        if callable(found):
            found = found(body)
        value, headers = found if isinstance(found, tuple) else (found, {})
        return reply(request, json.dumps(value).encode(), **headers)


@contextmanager
def listing(routes: Routes, settings: Any, kind: str, **more: Any) -> Iterator[tuple[Api, Registry]]:
    api = Api(routes)
    with shelved(api) as (port, _):
        settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([f"127.0.0.1:{port}"])
        base = f"http://127.0.0.1:{port}"
        host = more.pop("host", f"127.0.0.1:{port}")
        with open_registry(Target(host, base, kind, api_url=base, **more)) as registry:
            yield api, registry


def names(kind: str, registry: Registry) -> tuple[str, ...]:
    found = find(kind).repositories(registry)
    assert found.complete
    return found.names


def test_every_kind_is_named_once_and_says_what_it_needs() -> None:
    assert len({adapter.NAME for adapter in ADAPTERS}) == len({adapter.TITLE for adapter in ADAPTERS}) == 10
    assert all(adapter.RIGHTS for adapter in ADAPTERS)


def test_standard_and_azure_list_a_catalogue(settings: Any) -> None:
    link = {"Link": '</acr/v1/_catalog?last=a&n=1000>; rel="next"'}
    routes: Routes = {
        "/v2/_catalog?n=1000": {"repositories": ["a/b"]},
        "/acr/v1/_catalog?n=1000": ({"repositories": ["a"]}, link),
        "/acr/v1/_catalog?last=a&n=1000": {"repositories": ["b"]},
    }
    with listing(routes, settings, "standard") as (_, registry):
        assert names("standard", registry) == ("a/b",)
    with listing(routes, settings, "acr") as (_, registry):
        assert names("acr", registry) == ("a", "b")


def test_docker_hub_lists_a_namespace_with_a_token_of_its_own(settings: Any) -> None:
    routes: Routes = {
        "/v2/users/login": lambda body: {"token": "jwt"} if json.loads(body)["password"] == "pat" else {},
        "/v2/repositories/shop/?page_size=100": {"results": [{"name": "api", "namespace": "shop"}], "next": None},
    }
    with listing(routes, settings, "dockerhub", username="u", secret="pat", namespace="shop") as (api, registry):
        assert names("dockerhub", registry) == ("shop/api",)
    assert api.asked[-1][1]["authorization"] == "JWT jwt"
    with listing(routes, settings, "dockerhub") as (_, registry), pytest.raises(RegistryError, match="organisation"):
        names("dockerhub", registry)


def test_a_next_page_at_another_host_is_refused(settings: Any) -> None:
    evil = {"results": [], "next": "https://169.254.169.254/x"}
    routes: Routes = {"/v2/repositories/shop/?page_size=100": evil}
    away = pytest.raises(RegistryError, match="another host")
    with listing(routes, settings, "dockerhub", namespace="shop") as (_, registry), away:
        names("dockerhub", registry)


def test_harbor_lists_what_the_robot_sees_or_one_project(settings: Any) -> None:
    second = "/api/v2.0/repositories?page=2&page_size=100"
    routes: Routes = {
        "/api/v2.0/repositories?page=1&page_size=100": ([{"name": "shop/api"}], {"Link": f'<{second}>; rel="next"'}),
        second: [{"name": "shop/a/b"}, {"name": "../etc"}],
        "/api/v2.0/projects/shop%252Fx/repositories?page=1&page_size=100": [{"name": "shop/x"}],
    }
    login = {"username": "robot$ci", "secret": "s"}
    with listing(routes, settings, "harbor", **login) as (api, registry):
        assert names("harbor", registry) == ("shop/api", "shop/a/b")
    assert api.asked[0][1]["authorization"] == "Basic " + base64.b64encode(b"robot$ci:s").decode()
    with listing(routes, settings, "harbor", namespace="shop/x", **login) as (_, registry):
        assert names("harbor", registry) == ("shop/x",)


def test_quay_lists_with_an_oauth_token_only(settings: Any) -> None:
    first = "/api/v1/repository?namespace=shop"
    routes: Routes = {
        first: {"repositories": [{"name": "api", "namespace": "shop"}], "next_page": "abc="},
        f"{first}&next_page=abc%3D": {"repositories": [{"name": "web", "namespace": "shop"}]},
        f"{first}&public=true": {"repositories": []},
    }
    oauth = {"username": "$oauthtoken", "secret": "oauth"}
    with listing(routes, settings, "quay", namespace="shop", **oauth) as (api, registry):
        assert names("quay", registry) == ("shop/api", "shop/web")
    assert api.asked[0][1]["authorization"] == "Bearer oauth"
    with listing(routes, settings, "quay", namespace="shop", username="shop+ci", secret="robot") as (api, registry):
        assert names("quay", registry) == ()
    assert "authorization" not in api.asked[0][1]


def test_github_lists_packages_of_an_organisation_or_a_user(settings: Any) -> None:
    query = "packages?package_type=container&per_page=100"
    routes: Routes = {f"/users/Shop/{query}": [{"name": "Api"}, {"name": "a/b"}]}
    with listing(routes, settings, "ghcr", namespace="Shop", username="u", secret="pat") as (api, registry):
        assert names("ghcr", registry) == ("shop/api", "shop/a/b")
    assert [path for path, _, _ in api.asked] == [f"/orgs/Shop/{query}", f"/users/Shop/{query}"]
    assert api.asked[0][1]["authorization"] == "Bearer pat"


def test_gitlab_lists_repositories_of_a_group_or_a_project(settings: Any) -> None:
    routes: Routes = {"/api/v4/groups/shop%2Fback/registry/repositories?per_page=100": [{"path": "shop/back/api"}]}
    with listing(routes, settings, "gitlab", namespace="shop/back", username="u", secret="pat") as (api, registry):
        assert names("gitlab", registry) == ("shop/back/api",)
    assert api.asked[0][1]["private-token"] == "pat"
    routes = {"/api/v4/projects/shop%2Fapi/registry/repositories?per_page=100": [{"path": "shop/api/web"}]}
    with listing(routes, settings, "gitlab", namespace="shop/api") as (_, registry):
        assert names("gitlab", registry) == ("shop/api/web",)


def test_artifactory_lists_a_keys_catalogue(settings: Any) -> None:
    routes: Routes = {"/artifactory/api/docker/docker-local/v2/_catalog?n=1000": {"repositories": ["shop/api"]}}
    with listing(routes, settings, "artifactory", namespace="docker-local", secret="s") as (_, registry):
        assert names("artifactory", registry) == ("docker-local/shop/api",)


ECR_HOST = "123456789012.dkr.ecr.eu-west-1.amazonaws.com"


def test_ecr_exchanges_a_key_for_a_login_and_lists_page_by_page(settings: Any) -> None:
    asked: list[dict[str, Any]] = []

    def call(body: bytes) -> dict[str, Any]:
        asked.append(json.loads(body))
        if not asked[-1]:
            return {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:pw").decode()}]}
        if "nextToken" in asked[-1]:
            return {"repositories": [{"repositoryName": "shop/web"}]}
        return {"repositories": [{"repositoryName": "shop/api"}], "nextToken": "n"}

    with listing({"/": call}, settings, "ecr", host=ECR_HOST, username="AKIA", secret="key") as (api, registry):
        assert (registry.target.username, registry.target.secret) == ("AWS", "pw")
        assert names("ecr", registry) == ("shop/api", "shop/web")
    assert asked[1] == {"maxResults": 1000, "registryId": "123456789012"}
    head = api.asked[-1][1]
    assert head["x-amz-target"].endswith(".DescribeRepositories")
    assert head["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIA/")
    assert all(b"key" not in body and b"pw" not in body for _, _, body in api.asked)


def test_ecr_signs_as_aws_does() -> None:
    """`post-vanilla` of the published test suite of Signature Version 4."""
    target = Target("x", "https://x", "ecr", "AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
    at = datetime(2015, 8, 30, 12, 36, tzinfo=UTC)
    signed = signature(target, "https://example.amazonaws.com/", {}, b"", at, "service")
    assert signed["X-Amz-Date"] == "20150830T123600Z"
    assert signed["Authorization"] == (
        "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request,"
        " SignedHeaders=host;x-amz-date,"
        " Signature=5da7c1a2acd57cee7505fc6676e4e544621c30862966e37dddb68e92efbe5d6b"
    )


def test_google_exchanges_a_service_accounts_key(settings: Any) -> None:
    private = generate_private_key(65537, 2048)
    pem = private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    key = json.dumps({"client_email": "ci@shop.example", "private_key": pem})

    def token(body: bytes) -> dict[str, str]:
        form = parse_qs(body.decode())
        head, claims, proof = form["assertion"][0].split(".")
        padded = base64.urlsafe_b64decode(proof + "==")
        private.public_key().verify(padded, f"{head}.{claims}".encode(), PKCS1v15(), SHA256())
        assert json.loads(base64.urlsafe_b64decode(claims + "=="))["iss"] == "ci@shop.example"
        return {"access_token": "ya29"}

    path = "/v1/projects/shop/locations/europe-west1/repositories/images/dockerImages?pageSize=1000"
    uri = "europe-west1-docker.pkg.dev/shop/images"
    routes: Routes = {
        "/token": token,
        path: {"dockerImages": [{"uri": f"{uri}/api@sha256:1"}, {"uri": f"{uri}/api@sha256:2"}], "nextPageToken": "x"},
        f"{path}&pageToken=x": {"dockerImages": [{"uri": f"{uri}/web/front@sha256:3"}]},
    }
    more = {"host": "europe-west1-docker.pkg.dev", "namespace": "shop/images"}
    with listing(routes, settings, "google", username="_json_key", secret=key, **more) as (api, registry):
        assert (registry.target.username, registry.target.secret) == ("oauth2accesstoken", "ya29")
        assert names("google", registry) == ("shop/images/api", "shop/images/web/front")
    assert api.asked[-1][1]["authorization"] == "Bearer ya29"
    with (
        pytest.raises(RegistryError, match="service account"),
        listing(routes, settings, "google", username="_json_key", secret="{}", **more),
    ):
        pass


@pytest.mark.parametrize("kind", ["dockerhub", "ghcr", "ecr", "google"])
def test_credentials_go_to_the_products_own_hosts_and_no_others(kind: str) -> None:
    host = {"ecr": ECR_HOST, "google": "europe-west1-docker.pkg.dev"}.get(kind, "registry.example")
    target = Target(host, f"https://{host}", kind, secret="s", trusted=find(kind).trusted(host))
    assert target.trusted
    for place in target.trusted:
        assert target.may_have_secret(f"https://{place}/x")
        assert not target.may_have_secret(f"http://{place}/x")
        assert not target.may_have_secret(f"https://{place}.evil.example/x")
        assert not target.may_have_secret(f"https://{place}:444/x")
        assert not target.may_have_secret(f"https://evil.example/{place}")


@pytest.mark.parametrize("body", [b"", b"[", b"null", b'{"repositories": [1]}', b"[" * 50_000, b"\xff"])
@pytest.mark.parametrize("kind", ["standard", "harbor", "quay", "gitlab", "artifactory", "google", "ecr", "dockerhub"])
def test_a_broken_answer_is_an_error_or_an_empty_list(settings: Any, kind: str, body: bytes) -> None:
    with shelved(lambda request: reply(request, body)) as (port, _):
        settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([f"127.0.0.1:{port}"])
        base = f"http://127.0.0.1:{port}"
        host = urlsplit(base).netloc if kind != "google" else "europe-west1-docker.pkg.dev"
        with open_registry(Target(host, base, kind, api_url=base, namespace="a/b")) as registry:
            assert outcome(kind, registry) in ("garbled", ())


def outcome(kind: str, registry: Registry) -> object:
    try:
        return find(kind).repositories(registry).names
    except RegistryError as error:
        return error.why
