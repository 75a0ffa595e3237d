"""The way out, against real local servers: what is refused, what leaks, what never ends."""

from __future__ import annotations

import gzip
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pytest_django import Settings

from governance.web.addresses import Allowed
from governance.web.outbound import Client, Limits, OutboundError, Place

type Behaviour = Callable[[BaseHTTPRequestHandler], None]


@contextmanager
def serving(answer: Behaviour, context: ssl.SSLContext | None = None) -> Iterator[tuple[int, list[Any]]]:
    """A server on 127.0.0.1: (its port, the requests it saw)."""
    seen: list[Any] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        # Headers and body are two writes: the second would wait 40 ms for the other side's delayed acknowledgement.
        disable_nagle_algorithm = True

        def do_GET(self) -> None:
            seen.append(self)
            with suppress(OSError):
                answer(self)

        do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_CONNECT = do_GET  # noqa: N815

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    if context:
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield server.server_port, seen
    finally:
        server.shutdown()
        server.server_close()


def says(body: bytes = b"hello", status: int = 200, **headers: str) -> Behaviour:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(body)

    return answer


def client(*hosts: str, **more: Any) -> Client:
    """All names are this machine; only the given hosts are listed."""
    more = {"resolver": lambda _host, _port: ["127.0.0.1"], **more}
    return Client(allowed=Allowed.of(hosts), **more)


def test_an_answer_is_read_and_the_connection_kept() -> None:
    with serving(says(b"hello", ETag='"1"')) as (port, seen), client("feed.corp") as out:
        for _ in range(2):
            answer, body = out.fetch("GET", f"http://feed.corp:{port}/a%20b?q=1", headers={"Authorization": "x"})
            assert (answer.status, answer.headers["etag"], body) == (200, '"1"', b"hello")
    assert seen[0].client_address == seen[1].client_address
    assert (seen[0].path, seen[0].headers["Host"]) == ("/a%20b?q=1", f"feed.corp:{port}")
    assert seen[0].headers["Authorization"] == "x"


def test_a_head_of_something_large_is_no_large_answer() -> None:
    with serving(says(b"x" * 5000)) as (port, _), client("feed.corp", limits=Limits(body=10)) as out:
        answer, body = out.fetch("HEAD", f"http://feed.corp:{port}/")
        assert (answer.headers["content-length"], body) == ("5000", b"")
        with pytest.raises(OutboundError, match="more than 10 bytes"):
            out.fetch("GET", f"http://feed.corp:{port}/")


# Every spelling of this machine, the link-local services and other schemes; none is listed.
HOSTS = """
127.0.0.1 127.1 2130706433 0x7f000001 0177.0.0.1 0x7f.1 127.000.000.001 localhost LOCALHOST localhost. 0 0.0.0.0
[::1] [::] [::ffff:127.0.0.1] [::ffff:7f00:1] [64:ff9b::7f00:1] [2002:7f00:1::] [0:0:0:0:0:0:0:1] [::ffff:a9fe:a9fe]
169.254.169.254 2852039166 0xa9fea9fe [fd00:ec2::254] 100.100.100.200 192.168.0.1 10.0.0.1 metadata.google.internal
rebind.example \u246b\u2466.0.0.1 127\u30020\u30020\u30021 xn--localhost-.example feed.example%00.corp
"""
FORMS = ["https://{host}:{port}/", "http://{host}:{port}/", "http://{host}/", "https://{host}/", "//{host}:{port}/"]
FORMS += ["https://feed.corp@{host}:{port}/", "https://feed.corp:pw@{host}/", "https://feed.corp\\@{host}:{port}/"]
OTHERS = [
    "file:///etc/passwd",
    "gopher://127.0.0.1:{port}/",
    "ftp://127.0.0.1:{port}/",
    "http:///x",
    "https://",
    "",
    "x",
]
OTHERS += [
    "http://127.0.0.1:{port}\r\nX: y/",
    "https://127.0.0.1:99999/",
    "https://[::1",
    "https://a b/",
    "dict://0:{port}/",
]


def here(host: str, port: int) -> list[str]:
    """As the system resolves it, and this machine for every name."""
    try:
        return [str(found[4][0]) for found in socket.getaddrinfo(host, port, flags=socket.AI_NUMERICHOST)]
    except OSError:
        return ["127.0.0.1"]


@pytest.mark.parametrize("form", [*(form.replace("{host}", host) for host in HOSTS.split() for form in FORMS), *OTHERS])
def test_nothing_inside_is_reached(form: str) -> None:
    with serving(says()) as (port, seen):
        url = form.replace("{port}", str(port))
        with serving(says(b"", 302, Location=url)) as (hop, hops), Client(resolver=here, allowed=Allowed()) as out:
            with pytest.raises(OutboundError) as caught:
                out.fetch("GET", url)
            assert caught.value.kind == "refused"
            assert not hops
        # Also as the target of a redirect, from a host that may be called.
        with serving(says(b"", 302, Location=url)) as (hop, hops), client(f"feed.corp:{hop}", resolver=here) as out:
            if not url or url in ("x", "http:///x"):
                return  # Relative to where it stands: the same host.
            with pytest.raises(OutboundError):
                out.fetch("GET", f"http://feed.corp:{hop}/", follow=3)
            assert len(hops) == 1
    assert not seen


def test_the_address_that_was_checked_is_the_one_called() -> None:
    answers = iter([["127.0.0.1"], ["127.0.0.1"]])
    asked: list[str] = []

    def rebinding(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["192.0.2.1"] if len(asked) > 1 else next(answers)

    with serving(says(b"first")) as (port, _), client("feed.corp", resolver=rebinding) as out:
        assert out.fetch("GET", f"http://feed.corp:{port}/")[1] == b"first"
    assert asked == ["feed.corp"]


def test_one_inner_address_among_public_ones_is_enough_to_refuse() -> None:
    with client(resolver=lambda *_: ["8.8.8.8", "10.0.0.1"]) as out, pytest.raises(OutboundError) as caught:
        out.fetch("GET", "https://feed.example/")
    assert caught.value.kind == "refused"
    assert "10.0.0.1" not in str(caught.value)


def test_a_host_that_is_not_listed_leads_to_none_that_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also over a connection to the listed host that is still open."""
    with serving(says(b"inner")) as (inner, seen), client(f"inner.corp:{inner}") as out:
        out.fetch("GET", f"http://inner.corp:{inner}/")
        public = serving(says(b"", 302, Location=f"http://inner.corp:{inner}/"))
        with public as (port, _):
            # As if the first server stood on the public internet.
            monkeypatch.setattr(Allowed, "check_addresses", lambda *_: None)
            check = Allowed.check_place
            monkeypatch.setattr(
                Allowed, "check_place", lambda self, *place: None if place[2] == port else check(self, *place)
            )
            with pytest.raises(OutboundError, match="plain http at inner"):
                out.fetch("GET", f"http://feed.example:{port}/", follow=1)
    assert len(seen) == 1


def test_a_credential_stays_with_its_origin() -> None:
    secrets = {"Authorization": "Bearer s3cret", "Cookie": "s3cret", "PRIVATE-TOKEN": "s3cret", "Range": "bytes=0-3"}
    with (
        serving(says(b"blob")) as (other, seen),
        serving(says(b"", 307, Location=f"http://store.corp:{other}/blob")) as (port, first),
        client("feed.corp", "store.corp") as out,
    ):
        answer, body = out.fetch("GET", f"http://feed.corp:{port}/", headers=secrets, follow=1)
        assert (body, answer.url) == (b"blob", f"http://store.corp:{other}/blob")
        assert out.fetch("GET", f"http://feed.corp:{port}/", headers=secrets)[0].status == 307
        assert out.fetch("POST", f"http://feed.corp:{port}/", body=b"x", follow=1)[0].status == 307
    assert "s3cret" in str(first[0].headers)
    assert "s3cret" not in str(seen[0].headers)
    assert seen[0].headers["Range"] == "bytes=0-3"


def test_redirects_end() -> None:
    with serving(says(b"", 302, Location="/again")) as (port, seen), client("feed.corp") as out:
        assert out.fetch("GET", f"http://feed.corp:{port}/", follow=3)[0].status == 302
    assert len(seen) == 4


def drip(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    for _ in range(200):
        request.wfile.write(b"x")
        time.sleep(0.05)


def drip_headers(request: BaseHTTPRequestHandler) -> None:
    for _ in range(200):
        request.wfile.write(b"H")
        time.sleep(0.05)


def endless(request: BaseHTTPRequestHandler) -> None:
    request.send_response(200)
    request.end_headers()
    while True:
        request.wfile.write(b"x" * 65536)


def silent(request: BaseHTTPRequestHandler) -> None:
    time.sleep(3)


@pytest.mark.parametrize(
    ("behaviour", "kind"), [(drip, "late"), (drip_headers, "late"), (silent, "late"), (endless, "large")]
)
def test_no_server_keeps_us(behaviour: Behaviour, kind: str) -> None:
    limits = Limits(connect=0.5, read=0.5, whole=0.8, body=300_000)
    with serving(behaviour) as (port, _), client("feed.corp", limits=limits) as out:
        started = time.monotonic()
        with pytest.raises(OutboundError) as caught:
            out.fetch("GET", f"http://feed.corp:{port}/")
        assert (caught.value.kind, time.monotonic() - started < 2) == (kind, True)


def test_a_name_server_that_does_not_answer_is_left_behind() -> None:
    limits = Limits(connect=0.2)
    with client("feed.corp", limits=limits, resolver=lambda *_: time.sleep(2) or []) as out:
        with pytest.raises(OutboundError, match="name server does not answer") as caught:
            out.fetch("GET", "http://feed.corp/")
        assert caught.value.kind == "unreachable"


def test_encodings() -> None:
    body = b"row\n" * 1000
    with client("feed.corp", limits=Limits(body=5000)) as out:
        with serving(says(gzip.compress(body), Content_Encoding="gzip")) as (port, _):
            assert out.fetch("GET", f"http://feed.corp:{port}/")[1] == body
        bomb = gzip.compress(b"\0" * 50_000_000)
        with serving(says(bomb, Content_Encoding="gzip")) as (port, _), pytest.raises(OutboundError, match="more than"):
            out.fetch("GET", f"http://feed.corp:{port}/")
        for coding, sent in (("gzip", gzip.compress(body)[:-9]), ("gzip", b"not gzip"), ("br", b"x")):
            with serving(says(sent, Content_Encoding=coding)) as (port, _), pytest.raises(OutboundError) as caught:
                out.fetch("GET", f"http://feed.corp:{port}/")
            assert caught.value.kind == "garbled"


def garbage(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"\x00\x01 nonsense\r\n\r\n")
    request.close_connection = True


def cut_off(request: BaseHTTPRequestHandler) -> None:
    request.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort")
    request.close_connection = True


@pytest.mark.parametrize("behaviour", [garbage, cut_off])
def test_what_is_not_http_is_said(behaviour: Behaviour) -> None:
    with serving(behaviour) as (port, _), client("feed.corp") as out, pytest.raises(OutboundError) as caught:
        out.fetch("GET", f"http://feed.corp:{port}/")
    assert caught.value.kind == "garbled"


def test_nobody_there_is_said() -> None:
    with client("feed.corp") as out, pytest.raises(OutboundError, match="cannot be reached") as caught:
        out.fetch("GET", "http://feed.corp:9/")
    assert caught.value.kind == "unreachable"


@pytest.fixture
def certificate(tmp_path: Path) -> tuple[Path, ssl.SSLContext]:
    """A certificate for feed.corp that nobody signed, and a server's context with it."""
    if not shutil.which("openssl"):
        pytest.skip("needs openssl")
    crt, key = tmp_path / "crt.pem", tmp_path / "key.pem"
    command = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=feed.corp"
    command += f" -addext subjectAltName=DNS:feed.corp -keyout {key} -out {crt}"
    subprocess.run(command.split(), check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(crt, key)
    return crt, context


def test_certificates_are_verified(certificate: tuple[Path, ssl.SSLContext], settings: Settings) -> None:
    path, context = certificate
    with serving(says(b"safe"), context) as (port, _):
        with client("feed.corp") as out, pytest.raises(OutboundError, match="OUTBOUND_CA_FILE") as caught:
            out.fetch("GET", f"https://feed.corp:{port}/")
        assert caught.value.kind == "unreachable"
        settings.OUTBOUND_CA_FILE = str(path)
        with client("feed.corp", "other.corp") as out:
            assert out.fetch("GET", f"https://feed.corp:{port}/")[1] == b"safe"
            with pytest.raises(OutboundError, match="certificate is not trusted"):
                out.fetch("GET", f"https://other.corp:{port}/")


def test_a_proxy_is_told_the_name(settings: Settings) -> None:
    with serving(says(b"by proxy")) as (port, seen):
        settings.OUTBOUND_PROXY = f"http://me:p%40ss@127.0.0.1:{port}"
        settings.OUTBOUND_NO_PROXY = ["near.corp"]
        with client("feed.corp", "near.corp") as out:
            assert out.fetch("GET", "http://feed.corp/x")[1] == b"by proxy"
            with pytest.raises(OutboundError) as caught:
                out.fetch("GET", "https://127.0.0.1/")
            assert caught.value.kind == "refused"
            out.fetch("GET", f"http://near.corp:{port}/direct")
    assert [request.path for request in seen] == ["http://feed.corp/x", "/direct"]
    assert seen[0].headers["Proxy-Authorization"] == "Basic bWU6cEBzcw=="


def test_a_body_is_streamed_out() -> None:
    received: list[bytes] = []

    def take(request: BaseHTTPRequestHandler) -> None:
        received.append(request.rfile.read(int(request.headers["Content-Length"])))
        says(b"", 201)(request)

    with serving(take) as (port, _), client("feed.corp") as out:
        headers = {"Content-Length": "200000"}
        answer, _ = out.fetch("POST", f"http://feed.corp:{port}/", headers=headers, body=iter([b"x" * 100_000] * 2))
    assert (answer.status, received) == (201, [b"x" * 200_000])


def test_addresses_are_written_as_sent() -> None:
    place = Place.of("HTTPS://Bücher.Example:443/a b/%7Eé?x=ä#part".replace(" ", "%20"))
    assert place.url == "https://xn--bcher-kva.example/a%20b/%7E%C3%A9?x=%C3%A4"
    assert Place.of("https://[2606:4700:0::1]:5000").url == "https://[2606:4700::1]:5000/"
