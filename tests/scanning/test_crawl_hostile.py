"""A registry that means harm: it gets no credential, stops nothing, and everything beside it is crawled."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from governance.images.models import Image
from governance.web.addresses import Allowed
from governance.web.outbound import Limits
from scanning import crawl
from scanning.connections import crawl_now, save_connection
from scanning.models import Connection, RepositoryCrawl, TagMark
from scanning.registries import oci
from tests.registry import Built, Shelf, make_artifact, make_built, make_index, make_layer, reply, sha256, shelved

pytestmark = pytest.mark.django_db
SECRETS = (b"s3cret", base64.b64encode(b"robot:s3cret"))


class Trap:
    """A server that must get nothing: it remembers whatever reaches it."""

    def __init__(self) -> None:
        self.seen: list[str] = []

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        self.seen.append(f"{request.command} {request.path} {request.headers}")
        reply(request, b'{"token": "t", "tags": ["x"], "repositories": ["x"]}')


@pytest.fixture
def trap() -> Iterator[tuple[Trap, str]]:
    server = Trap()
    with shelved(server) as (port, _):
        yield server, f"http://127.0.0.1:{port}"


@pytest.fixture
def shelf(settings: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Shelf, Connection]]:
    """The hostile one, listed by its port alone; three good tags are in it. Times are cut to a tenth."""
    quick = {"read": 0.5, "whole": 1.5, "connect": 1.0}
    monkeypatch.setattr(oci, "Limits", lambda **limits: Limits(**{**limits, **quick}))
    shelf = Shelf()
    for number in range(3):
        shelf.push("shop/api", make_built(make_layer(n=str(number))), f"good{number}")
    with shelved(shelf) as (port, _):
        settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([f"127.0.0.1:{port}"])
        said = {"base_url": f"http://127.0.0.1:{port}", "is_insecure": True, "username": "robot"}
        yield shelf, save_connection(None, None, said, "s3cret")


def crawled(row: Connection) -> float:
    """Crawl it all; returns how long it took."""
    start = time.monotonic()
    crawl_now(None, row)
    while crawl.work(only=row.pk):
        pass
    return time.monotonic() - start


def only(*words: str) -> Any:
    """A function that says whether a request is about one of these."""
    return lambda request: any(word in request.path for word in words)


def test_a_foreign_realm_gets_no_credentials(shelf: Any, trap: Any) -> None:
    double, row = shelf
    server, address = trap

    def realm(request: BaseHTTPRequestHandler) -> bool:
        reply(request, b"", 401, WWW_Authenticate=f'Bearer realm="{address}/token",service="x"')
        return True

    double.instead = realm
    crawled(row)
    row.refresh_from_db()
    assert "token server" in row.error
    assert server.seen == []


@pytest.mark.parametrize("status", [302, 307])
@pytest.mark.parametrize(
    "where", ["trap", "http://169.254.169.254/latest/", "http://[::1]:1/", "file:///etc/passwd", "//x"]
)
def test_redirects_lead_nowhere(shelf: Any, trap: Any, where: str, status: int) -> None:
    double, row = shelf
    server, address = trap
    location = f"{address}/x" if where == "trap" else where

    def away(request: BaseHTTPRequestHandler) -> bool:
        if "/good1" not in request.path and "/blobs/" not in request.path:
            return False
        reply(request, b"", status, Location=location)
        return True

    double.instead = away
    crawled(row)
    assert server.seen == []
    assert RepositoryCrawl.objects.get().unread == 3
    double.instead = lambda _: False
    crawled(row)
    assert Image.objects.count() == 3


def test_a_list_goes_on_at_no_other_host(shelf: Any, trap: Any) -> None:
    double, row = shelf
    server, address = trap

    def linked(request: BaseHTTPRequestHandler) -> bool:
        if "_catalog" not in request.path and "tags/list" not in request.path:
            return False
        reply(request, b'{"repositories": ["shop/api"], "tags": []}', Link=f'<{address}/v2/x>; rel="next"')
        return True

    double.instead = linked
    crawled(row)
    row.refresh_from_db()
    assert "another host" in row.error
    assert server.seen == []


def test_a_name_that_means_an_inner_address_by_now_is_not_called(
    shelf: Any, settings: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _, row = shelf
    crawled(row)
    settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([])
    save_connection(None, row, {"base_url": "https://registry.example:8443", "is_insecure": False}, "s3cret")
    met: list[str] = []
    monkeypatch.setattr("httpcore.SyncBackend.connect_tcp", lambda _, host, *more: met.append(host))
    for inner in ("127.0.0.1", "10.0.0.1", "169.254.169.254", "::1"):
        answer = [(2, 1, 6, "", ("8.8.8.8", 8443)), (2, 1, 6, "", (inner, 8443))]
        monkeypatch.setattr("socket.getaddrinfo", lambda *_, answer=answer, **__: answer)
        crawled(row)
        row.refresh_from_db()
        assert "is refused, its address is not a public one" in row.error
    assert met == []
    assert Image.objects.filter(tags__until=None).distinct().count() == 3


@pytest.mark.parametrize("what", ["_catalog", "tags/list"])
def test_a_list_without_end_is_left_and_concludes_nothing(
    shelf: Any, what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    double, row = shelf
    crawled(row)
    monkeypatch.setattr("scanning.registries.paging.Bounds.__init__.__defaults__", (5, 100_000, 150.0))
    count = iter(range(100_000))

    def endless(request: BaseHTTPRequestHandler) -> bool:
        if what not in request.path:
            return False
        number = next(count)
        body = {"repositories": [f"shop/x{number}"], "tags": [f"x{number}"]}
        link = f'</v2/{"_catalog" if what == "_catalog" else "shop/api/tags/list"}?last=x{number}>; rel="next"'
        reply(request, json.dumps(body).encode(), Link=link)
        return True

    double.instead = endless
    assert crawled(row) < 20
    assert Image.objects.filter(tags__until=None).distinct().count() == 3
    assert RepositoryCrawl.objects.get(name="shop/api").gone_at is None


def test_large_slow_and_wrong_things_stop_no_other_tag(shelf: Any) -> None:
    double, row = shelf
    for name in ("huge", "slow", "wrong", "deep", "both", "cut"):
        double.push("shop/api", make_built(make_layer(n=name)), name)
    wrong = double.tags["shop/api"]["wrong"]
    double.manifests["shop/api"][wrong] = (b'{"schemaVersion": 2}', "application/json")
    digests = {double.tags["shop/api"][name]: name for name in ("huge", "slow", "deep", "both", "cut")}

    def harmful(request: BaseHTTPRequestHandler) -> bool:
        name = digests.get(request.path.rpartition("/")[2])
        if name is None or request.command == "HEAD":
            return False
        if name in ("deep", "both"):
            body = {"deep": b'{"config":' * 100_000, "both": b'{"manifests": [], "layers": []}'}[name]
            reply(request, body)
            return True
        request.send_response(200)
        request.send_header("Content-Length", str(2**30))
        request.end_headers()
        if name == "huge":
            for _ in range(2**14):
                request.wfile.write(b"x" * 2**16)
        elif name == "slow":
            for _ in range(30):
                request.wfile.write(b"x")
                request.wfile.flush()
                time.sleep(0.2)
        request.close_connection = True
        return True

    double.instead = harmful
    assert crawled(row) < 30
    errors = dict(TagMark.objects.filter(kind=TagMark.Kind.UNREAD).values_list("name", "error"))
    assert set(errors) == {"huge", "slow", "wrong", "deep", "both", "cut"}
    assert all(errors.values())
    assert {image.reference.rpartition(":")[2] for image in Image.objects.all()} == {"good0", "good1", "good2"}
    assert RepositoryCrawl.objects.get().error == ""


def test_names_from_the_registry_reach_no_path_and_no_row(shelf: Any) -> None:
    double, row = shelf
    names = ["../../etc", "a b", "A", "x" * 300, "", "é", "a\x00b", "shop/api"]

    def named(request: BaseHTTPRequestHandler) -> bool:
        if "_catalog" in request.path:
            reply(request, json.dumps({"repositories": names}).encode())
        elif "tags/list" in request.path:
            reply(request, json.dumps({"tags": ["../x", "a b", "x" * 129, "", "a\x00", "good0", "good0"]}).encode())
        else:
            return False
        return True

    double.instead = named
    crawled(row)
    assert [one.name for one in RepositoryCrawl.objects.all()] == ["shop/api"]
    assert [one.name for one in TagMark.objects.all()] == ["good0"]
    assert all(".." not in path and " " not in path for _, path in double.asked)


def test_what_no_column_holds_is_that_tags_trouble(shelf: Any) -> None:
    double, row = shelf
    odd = {"a": {"os": "li\x00nux"}, "b": {"created": "9" * 400}, "c": {"architecture": "x" * 5_000}}
    for tag, said in odd.items():
        config = json.dumps({"rootfs": {"diff_ids": ["sha256:zz"]}, "history": [{"created_by": "\x00"}], **said})
        built = make_built(make_layer(odd=tag))
        manifest = json.loads(built.manifest)
        manifest["config"]["digest"] = sha256(config.encode())
        manifest["annotations"] = {"org.opencontainers.image.base.name": "\x00", "x": "y" * 100_000}
        body = json.dumps(manifest).encode()
        double.push("shop/api", Built(body, built.media_type, {sha256(config.encode()): config.encode()}), tag)
    notes = {"vnd.docker.reference.type": "attestation-manifest", "vnd.docker.reference.digest": "sha256:\x00"}
    statement = make_artifact(b"{}", "application/vnd.in-toto+json", "")
    double.push("shop/api", statement)
    double.push("shop/api", make_index(entries=[statement.descriptor(annotations=notes)]), "d")
    crawled(row)
    assert RepositoryCrawl.objects.get().error == ""
    assert TagMark.objects.count() == 7
    assert Image.objects.filter(reference__contains="good").count() == 3


def test_no_secret_stands_anywhere(shelf: Any, caplog: pytest.LogCaptureFixture) -> None:
    double, row = shelf
    double.instead = lambda request: bool(reply(request, b"", 401, WWW_Authenticate="Basic")) or True
    crawled(row)
    row.refresh_from_db()
    assert row.error
    told = f"{row.error}{caplog.text}{list(RepositoryCrawl.objects.values())}".encode()
    assert all(secret not in told for secret in SECRETS)
