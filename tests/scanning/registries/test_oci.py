"""The distribution API: what is read, how one signs in, and what a registry cannot make us do."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest

from governance.web.addresses import Allowed
from scanning.registries import Registry, RegistryError
from scanning.registries.auth import challenges
from scanning.registries.oci import pause
from scanning.registries.paging import next_page
from tests.registry import Shelf, make_artifact, make_built, make_index, make_layer, reply, sha256, shelved, target_at

USER = {"username": "robot", "secret": "s3cret"}
BASIC = "Basic " + base64.b64encode(b"robot:s3cret").decode()


@pytest.fixture(autouse=True)
def _here(settings: Any) -> None:
    """The administrator allowed loopback for the registry's port only; each test names its ports."""
    settings.OUTBOUND_ALLOWED_HOSTS = Allowed()


@contextmanager
def reading(shelf: Callable[[BaseHTTPRequestHandler], None], settings: Any, **more: Any) -> Iterator[Registry]:
    with shelved(shelf) as (port, _):
        settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of([f"127.0.0.1:{port}"])
        with Registry(target_at(port, **more)) as registry:
            yield registry


def test_tags_follow_links_to_the_end(settings: Any) -> None:
    shelf = Shelf(page=2)
    built = make_built(make_layer(a="1"))
    shelf.push("shop/api", built, "1", "2", "3", "4", "5")
    with reading(shelf, settings) as registry:
        listing = registry.tags("shop/api")
    assert listing.names == ("1", "2", "3", "4", "5")
    assert listing.complete


def test_an_emptied_repository_has_no_tags(settings: Any) -> None:
    with reading(lambda request: reply(request, b'{"name":"x","tags":null}'), settings) as registry:
        assert registry.tags("x").names == ()


def test_a_tag_is_an_index_of_images(settings: Any) -> None:
    shelf = Shelf()
    index = make_index(make_built(make_layer(a="1")), make_built(make_layer(a="2"), arch="arm64"))
    shelf.push("shop/api", index, "1")
    with reading(shelf, settings) as registry:
        head, document = registry.head("shop/api", "1"), registry.document("shop/api", "1")
        image = registry.document("shop/api", document.children[1].digest)
        assert image.config
        config = registry.blob("shop/api", image.config.digest)
    assert head.digest == document.digest == index.digest
    assert document.kind == "index"
    assert [child.platform.architecture for child in document.children if child.platform] == ["amd64", "arm64"]
    assert image.kind == "image"
    assert json.loads(config)["architecture"] == "arm64"


@pytest.mark.parametrize(
    ("body", "content_type", "kind"),
    [
        ({"schemaVersion": 1, "fsLayers": []}, "application/vnd.docker.distribution.manifest.v1+prettyjws", "schema1"),
        ({"schemaVersion": 2, "manifests": []}, "text/plain; charset=utf-8", "index"),
        (
            {
                "schemaVersion": 2,
                "config": {"mediaType": "application/vnd.cncf.helm.config.v1+json", "digest": "sha256:1"},
            },
            "application/vnd.oci.image.manifest.v1+json",
            "artifact",
        ),
    ],
)
def test_what_a_manifest_is(settings: Any, body: Any, content_type: str, kind: str) -> None:
    data = json.dumps(body).encode()
    with reading(lambda request: reply(request, data, content_type=content_type), settings) as registry:
        assert registry.document("x", "1").kind == kind


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"<html>", "garbled"),
        (b"[" * 100_000, "garbled"),
        (b'{"schemaVersion":2,"manifests":[],"layers":[]}', "refused"),
        (b'{"schemaVersion":2}', "garbled"),
        (json.dumps({"schemaVersion": 2, "manifests": [{"digest": "sha256:1"}] * 1001}).encode(), "refused"),
    ],
)
def test_a_broken_manifest_is_an_error(settings: Any, body: bytes, why: str) -> None:
    with reading(lambda request: reply(request, body), settings) as registry, pytest.raises(RegistryError) as error:
        registry.document("x", "1")
    assert error.value.why == why


def test_other_bytes_than_the_digest_names_are_refused(settings: Any) -> None:
    shelf = Shelf()
    built = shelf.push("x", make_built(make_layer(a="1")), "1")
    other = make_built(make_layer(a="2"))
    shelf.manifests["x"][built.digest] = (other.manifest, other.media_type)
    shelf.blobs[built.config] = b"{}"
    with reading(shelf, settings) as registry:
        for read in (
            lambda: registry.document("x", built.digest),
            lambda: registry.document("x", "1"),
            lambda: registry.blob("x", built.config),
        ):
            with pytest.raises(RegistryError) as error:
                read()
            assert error.value.why == "digest"


def test_referrers_by_the_api_and_by_the_tag(settings: Any) -> None:
    shelf = Shelf()
    built = shelf.push("x", make_built(make_layer(a="1")), "1")
    sbom = shelf.push("x", make_artifact(b"{}", "application/spdx+json", "application/spdx+json", built))
    shelf.referrers = True
    with reading(shelf, settings) as registry:
        assert [one.digest for one in registry.referrers("x", built.digest)] == [sbom.digest]
        assert registry.referrers("x", sbom.digest) == ()
    shelf.referrers = False
    index = make_index(entries=[sbom.descriptor(artifactType="application/spdx+json")])
    tag = built.digest.replace(":", "-")
    with reading(shelf, settings) as registry:
        assert registry.referrers("x", built.digest) == ()
        shelf.push("x", index, tag)
        assert [one.artifact_type for one in registry.referrers("x", built.digest)] == ["application/spdx+json"]
        before = len(shelf.asked)
        assert registry.referrers("x", built.digest, tags={"1"}) == ()
        assert len(shelf.asked) == before


# Signing in


def asks_basic(request: BaseHTTPRequestHandler) -> None:
    if request.headers.get("Authorization") != BASIC:
        return reply(request, b"", 401, WWW_Authenticate='Basic realm="x"')
    return reply(request, b'{"tags":["1"]}')


def test_basic_is_sent_once_it_was_asked_for(settings: Any) -> None:
    with reading(asks_basic, settings, **USER) as registry:
        assert registry.tags("x").names == ("1",)
    with reading(asks_basic, settings, username="robot", secret="wrong") as registry:
        with pytest.raises(RegistryError) as error:
            registry.tags("x")
        assert error.value.why == "denied"
    with reading(asks_basic, settings) as registry:
        with pytest.raises(RegistryError) as error:
            registry.tags("x")
        assert error.value.why == "auth"


class Tokens:
    """A registry that hands out tokens itself, or sends people elsewhere for them."""

    def __init__(self, realm: str = "/token", **answer: Any) -> None:
        self.realm, self.given = realm, {"token": "t1", **answer}
        self.asked: list[tuple[str, str | None]] = []

    def __call__(self, request: BaseHTTPRequestHandler) -> None:
        self.asked.append((request.path, request.headers.get("Authorization")))
        if request.path.startswith("/token"):
            return reply(request, json.dumps(self.given).encode())
        if request.headers.get("Authorization") != "Bearer t1":
            header = f'Bearer realm="{self.realm}",service="reg, istry",scope="repository:x:pull"'
            return reply(request, b"", 401, WWW_Authenticate=header)
        return reply(request, b'{"tags":["1"]}')


def test_a_token_is_fetched_with_the_credentials_and_kept(settings: Any) -> None:
    server = Tokens()
    with reading(server, settings, **USER) as registry:
        registry.tags("x")
        registry.tags("x")
    asked = [one for one in server.asked if one[0].startswith("/token")]
    assert asked == [("/token?service=reg%2C%20istry&scope=repository%3Ax%3Apull&account=robot", BASIC)]
    assert len(server.asked) == 4


@pytest.mark.parametrize("answer", [{"token": None}, {"token": "a\r\nX: y"}, {"token": "é"}, {"token": 5}])
def test_a_token_that_is_none_is_an_error(settings: Any, answer: dict[str, Any]) -> None:
    with reading(Tokens(**answer), settings, **USER) as registry, pytest.raises(RegistryError) as error:
        registry.tags("x")
    assert error.value.why == "garbled"


def test_rights_that_were_silently_taken_out_of_a_token_end_the_asking(settings: Any) -> None:
    server = Tokens(token="t2")
    with reading(server, settings, **USER) as registry, pytest.raises(RegistryError) as error:
        registry.tags("x")
    assert error.value.why == "denied"
    assert len(server.asked) == 3


def test_credentials_go_to_no_foreign_realm(settings: Any) -> None:
    thief = Tokens()
    with shelved(thief) as (port, _):
        server = Tokens(f"http://127.0.0.1:{port}/token")
        with reading(server, settings, **USER) as registry:
            settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of(["127.0.0.1"])
            with pytest.raises(RegistryError, match="token server") as error:
                registry.tags("x")
            assert error.value.why == "refused"
            assert thief.asked == []
        # Anonymously it is asked like any address, and one that an administrator named gets them.
        with reading(server, settings) as registry:
            settings.OUTBOUND_ALLOWED_HOSTS = Allowed.of(["127.0.0.1"])
            registry.client._allowed = settings.OUTBOUND_ALLOWED_HOSTS
            assert registry.tags("x").names == ("1",)
            assert thief.asked[-1][1] is None
        with reading(server, settings, trusted=(f"127.0.0.1:{port}",), **USER) as registry:
            registry.client._allowed = Allowed.of(["127.0.0.1"])
            assert registry.tags("x").names == ("1",)
            assert thief.asked[-1][1] == BASIC


def test_a_realm_of_the_metadata_service_is_not_called(settings: Any) -> None:
    server = Tokens("http://169.254.169.254/token")
    with reading(server, settings) as registry, pytest.raises(RegistryError) as error:
        registry.tags("x")
    assert error.value.why == "refused"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        (
            'Bearer realm="https://a/t",service="r",scope="repository:a/b:pull,push"',
            [("bearer", {"realm": "https://a/t", "service": "r", "scope": "repository:a/b:pull,push"})],
        ),
        ('Basic realm="a", bearer Realm=x', [("basic", {"realm": "a"}), ("bearer", {"realm": "x"})]),
        (r'Bearer realm="a\"b"', [("bearer", {"realm": 'a"b'})]),
        ("Negotiate", [("negotiate", {})]),
        ("", []),
        ('="', []),
    ],
)
def test_challenges_are_read(header: str, expected: list[Any]) -> None:
    assert [(one.scheme, one.parameters) for one in challenges(header)] == expected


def test_long_challenges_take_no_time() -> None:
    start = time.monotonic()
    for header in ('Bearer realm="' + "\\" * 100_000, "a " * 100_000, 'a="b",' * 100_000, " ," * 100_000):
        challenges(header)
    assert time.monotonic() - start < 0.5


# What a registry cannot make us do


def test_a_list_that_never_ends_is_given_up(settings: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("scanning.registries.paging.Bounds.__init__.__defaults__", (20, 100_000, 150.0))
    count = iter(range(10_000))

    def endless(request: BaseHTTPRequestHandler) -> None:
        number = next(count)
        reply(
            request, json.dumps({"tags": [f"t{number}"]}).encode(), Link=f'</v2/x/tags/list?last=t{number}>; rel="next"'
        )

    with reading(endless, settings) as registry:
        listing = registry.tags("x")
    assert not listing.complete
    assert len(listing.names) == 20


def test_a_list_that_goes_in_a_circle_is_left(settings: Any) -> None:
    def circle(request: BaseHTTPRequestHandler) -> None:
        reply(request, b'{"tags":["1"]}', Link='</v2/x/tags/list?n=1&last=1>; rel="next"')

    with reading(circle, settings) as registry:
        listing = registry.tags("x")
    assert listing.names == ("1",)
    assert not listing.complete


def test_a_list_at_another_host_is_not_followed(settings: Any) -> None:
    def away(request: BaseHTTPRequestHandler) -> None:
        reply(request, b'{"tags":["1"]}', Link='<http://169.254.169.254/latest/>; rel="next"')

    with reading(away, settings, **USER) as registry, pytest.raises(RegistryError, match="another host") as error:
        registry.tags("x")
    assert error.value.why == "refused"


def test_manifests_are_not_fetched_elsewhere_and_blobs_without_credentials(settings: Any) -> None:
    seen: list[str | None] = []
    blob = b"elsewhere"

    def storage(request: BaseHTTPRequestHandler) -> None:
        seen.append(request.headers.get("Authorization"))
        reply(request, blob)

    with shelved(storage) as (port, _):

        def moved(request: BaseHTTPRequestHandler) -> None:
            if request.headers.get("Authorization") != BASIC:
                return reply(request, b"", 401, WWW_Authenticate="Basic")
            return reply(request, b"", 307, Location=f"http://127.0.0.1:{port}/x")

        with reading(moved, settings, **USER) as registry:
            registry.client._allowed = Allowed.of(["127.0.0.1"])
            with pytest.raises(RegistryError, match="redirects"):
                registry.document("x", "1")
            assert seen == []
            assert registry.blob("x", sha256(blob)) == blob
            assert seen == [None]
        with reading(moved, settings, **USER) as registry, pytest.raises(RegistryError) as error:
            registry.blob("x", "sha256:" + "0" * 64)
        assert error.value.why == "refused"


def test_a_manifest_without_end_is_cut_off(settings: Any) -> None:
    def endless(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("Content-Length", str(2**30))
        request.end_headers()
        for _ in range(2**14):
            request.wfile.write(b"x" * 2**16)

    with reading(endless, settings) as registry, pytest.raises(RegistryError, match="more than"):
        registry.document("x", "1")


@pytest.mark.parametrize("name", ["../admin", "a//b", "A", "a b", "a?x", "a#b", "", "a" * 256])
def test_no_name_leaves_its_place_in_the_path(settings: Any, name: str) -> None:
    with reading(Shelf(), settings) as registry, pytest.raises(RegistryError, match="no repository"):
        registry.tags(name)


@pytest.mark.parametrize("tag", ["../x", "a/b", "", "sha256:12", "ü", "a" * 129])
def test_no_tag_does_either(settings: Any, tag: str) -> None:
    with reading(Shelf(), settings) as registry, pytest.raises(RegistryError, match="neither"):
        registry.head("x", tag)


def test_too_many_requests_say_how_long(settings: Any) -> None:
    busy = partial(reply, body=b"", status=429, Retry_After="7")
    with reading(busy, settings) as registry, pytest.raises(RegistryError) as error:
        registry.head("x", "1")
    assert (error.value.why, error.value.seconds) == ("limited", 7)
    assert pause("Wed, 21 Oct 2099 07:28:00 GMT") == 3600
    assert pause("Wed, 21 Oct 1999 07:28:00 GMT") == 1
    assert (pause(""), pause("soon"), pause("9" * 400)) == (60, 60, 3600)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ('</v2/x?last=1>; rel="next"', "http://r/v2/x?last=1"),
        ("<?last=1>; rel=next", "http://r/v2/?last=1"),
        ('<a>; rel="prev", <b>; rel="next"', "http://r/v2/b"),
        ("", None),
        ("<<<<>>>", None),
    ],
)
def test_links_are_read(header: str, expected: str | None) -> None:
    assert next_page("http://r/v2/", header) == expected
