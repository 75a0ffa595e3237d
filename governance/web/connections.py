"""How `outbound.py` connects: to the address that was checked, certificate verified, through the proxy, in time."""

from __future__ import annotations

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Any, Literal, Self
from urllib.parse import unquote, urlsplit

import certifi
import httpcore
from django.conf import settings

from governance.web.addresses import Allowed, NotAllowed, plain

type Resolver = Callable[[str, int], list[str]]
type Kind = Literal["refused", "unreachable", "late", "large", "garbled"]

PIECE = 64 * 1024
# Seconds an unused connection is kept.
KEEP = 30.0


class OutboundError(Exception):
    """A request that came to nothing; the sentence says what to do.

    `kind`: `refused` (by our own rules: trying again is no use), `unreachable` (name, network or TLS), `late`,
    `large`, `garbled` (not HTTP, or not in an encoding that was asked for).
    """

    def __init__(self, kind: Kind, sentence: str) -> None:
        super().__init__(sentence)
        self.kind: Kind = kind


class Clock(float):
    """Seconds one step may take. httpcore hands the number through to the stream, which also asks when all must end."""

    end: float

    def __new__(cls, seconds: float, end: float) -> Self:
        """`end` is a time of `time.monotonic`."""
        self = super().__new__(cls, seconds)
        self.end = end
        return self

    def left(self) -> float:
        """Seconds the next step may take; OutboundError when the time is over."""
        rest = self.end - time.monotonic()
        if rest <= 0:
            raise OutboundError("late", "the answer took longer than it may: try again later, or nearer to the server")
        return min(float(self), rest)


def left(timeout: float | None) -> float | None:
    """Seconds for the next step."""
    return timeout.left() if isinstance(timeout, Clock) else timeout


def spared(host: str) -> bool:
    """OUTBOUND_NO_PROXY names the host or a domain above it."""
    return any(f".{host}".endswith(f".{name.lower().strip('.')}") for name in settings.OUTBOUND_NO_PROXY)


def straight(allowed: Allowed, resolver: Resolver, ca: str) -> httpcore.ConnectionPool:
    """Connections without a proxy."""
    return httpcore.ConnectionPool(
        ssl_context=tls(settings.OUTBOUND_CA_FILE, ca),
        keepalive_expiry=KEEP,
        network_backend=Backend(allowed, resolver),
    )


def through_proxy(ca: str) -> httpcore.HTTPProxy:
    """Connections through the administrator's proxy, which resolves names itself and is trusted to refuse its own."""
    parts = urlsplit(settings.OUTBOUND_PROXY)
    login = (unquote(parts.username), unquote(parts.password or "")) if parts.username else None
    port = parts.port or (443 if parts.scheme == "https" else 80)
    host = plain(parts.hostname or "")
    return httpcore.HTTPProxy(
        httpcore.URL(scheme=parts.scheme, host=host, port=port, target="/"),
        proxy_auth=login,
        ssl_context=tls(settings.OUTBOUND_CA_FILE, ca),
        proxy_ssl_context=tls(settings.OUTBOUND_CA_FILE) if parts.scheme == "https" else None,
        keepalive_expiry=KEEP,
        network_backend=Backend(Allowed(frozenset({host})), resolve),
    )


@lru_cache(maxsize=64)
def tls(ca_file: str, ca: str = "") -> ssl.SSLContext:
    """Certificates are always verified: by the system's authorities (certifi's if it has none), `ca_file`'s and `ca`.

    `ca` is PEM text; ssl.SSLError (or ValueError) where it is none.
    """
    context = ssl.create_default_context()
    paths = ssl.get_default_verify_paths()
    if paths.cafile is None and paths.capath is None:
        context.load_verify_locations(certifi.where())
    if ca_file:
        context.load_verify_locations(ca_file)
    if ca:
        context.load_verify_locations(cadata=ca)
    return context


class Backend(httpcore.NetworkBackend):
    """Resolves a name once, checks all of its addresses and connects to one of these; TLS still asks for the name."""

    def __init__(self, allowed: Allowed, resolver: Resolver) -> None:
        self._allowed, self._resolver = allowed, resolver
        self._plain = httpcore.SyncBackend()

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address that takes it."""
        addresses = in_time(self._resolver, host, port, left(timeout))
        try:
            self._allowed.check_addresses(host, port, addresses)
        except NotAllowed as refusal:
            raise OutboundError("refused", str(refusal)) from refusal
        trouble: Exception | None = None
        for address in addresses:
            try:
                return Stream(self._plain.connect_tcp(address, port, left(timeout), local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                trouble = error
        raise trouble or httpcore.ConnectError("the name has no address")


class Stream(httpcore.NetworkStream):
    """A connection whose every step also ends when the whole request must."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Some bytes."""
        return self._inner.read(max_bytes, left(timeout))

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """All bytes, in pieces so that a slow reader is noticed."""
        for start in range(0, len(buffer), PIECE):
            self._inner.write(buffer[start : start + PIECE], left(timeout))

    def close(self) -> None:
        """End it."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """The same, encrypted."""
        return Stream(self._inner.start_tls(ssl_context, server_hostname, left(timeout)))

    def get_extra_info(self, info: str) -> Any:
        """What httpcore asks of a stream."""
        return self._inner.get_extra_info(info)


def resolve(host: str, port: int) -> list[str]:
    """All addresses of a host as the system resolves it; OSError where it cannot."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


def in_time(resolver: Resolver, host: str, port: int, seconds: float | None) -> list[str]:
    """What the resolver says within `seconds`; nothing can interrupt the system's, so a late one is left behind."""
    answers: queue.SimpleQueue[list[str] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolver(host, port))
        except (OSError, UnicodeError) as error:
            answers.put(error)

    threading.Thread(target=ask, daemon=True).start()
    try:
        found = answers.get(timeout=seconds)
    except queue.Empty:
        found = OSError("the name server does not answer")
    if isinstance(found, Exception):
        raise OutboundError("unreachable", f"{host} has no address here ({found}): check the name and the name server")
    return found
