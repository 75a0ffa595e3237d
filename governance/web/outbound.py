"""The one way out: every HTTP request that Portwarden makes itself goes through `Client`.

    with Client() as client, client.stream("GET", url, follow=3) as answer:
        for chunk in answer.chunks(): ...

It calls what `addresses.py` allows and connects to the very address that was checked; follows no redirect unless asked,
and then checks each hop anew; sends credentials to the first origin only; keeps no cookies; takes no proxy from the
environment; and ends every request by its own clock and byte count. What goes wrong is an `OutboundError`.
"""

from __future__ import annotations

import ssl
import time
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Self
from urllib.parse import quote, urljoin, urlsplit

import httpcore
from django.conf import settings

from governance.web.addresses import Allowed, NotAllowed, plain
from governance.web.connections import PIECE, Clock, OutboundError, Resolver, resolve, spared, straight, through_proxy

__all__ = ["Answer", "Client", "Limits", "OutboundError", "Place"]

PORTS = {"https": 443, "http": 80}
REDIRECTS = frozenset({301, 302, 303, 307, 308})
# All that goes on to another origin: whatever else a caller sends may be a credential.
HARMLESS = frozenset({"accept", "accept-encoding", "if-modified-since", "if-none-match", "range", "user-agent"})


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds to connect, between two pieces of the answer and for all of it, redirects included; bytes of the body."""

    connect: float = 5.0
    read: float = 15.0
    whole: float = 60.0
    body: int = 16 * 2**20


@dataclass(frozen=True, slots=True)
class Place:
    """An http(s) address in parts; `target` is path and query as sent."""

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def of(cls, url: str) -> Place:
        """Read an address; OutboundError says what is wrong with it."""
        try:
            if any(ord(character) < 33 or character in "\\\x7f" for character in url):
                raise ValueError("it contains a space, a control character or a backslash")
            parts = urlsplit(url)
            if parts.username is not None or parts.password is not None:
                raise ValueError("credentials do not belong into an address")
            host = plain((parts.hostname or "").encode("idna").decode() if parts.hostname else "")
            if not host or parts.scheme not in ("http", "https"):
                raise ValueError("it does not begin with https:// and a host")
            port = parts.port or PORTS[parts.scheme]
        except (ValueError, UnicodeError) as error:
            raise OutboundError("refused", f"{url[:200]!r} cannot be called: {error}") from error
        target = quote(parts.path or "/", safe="/%:=~+!$,;'@()*&") + (f"?{parts.query}" if parts.query else "")
        return cls(parts.scheme, host, port, quote(target, safe="/%:=~+!$,;'@()*&?[]"))

    def onward(self, location: str) -> Place:
        """Where a redirect leads."""
        try:
            return Place.of(urljoin(self.url, location))
        except ValueError as error:
            raise OutboundError("garbled", f"{self.origin} redirects to {location[:200]!r}, no address") from error

    @property
    def authority(self) -> str:
        """Host and, where it is not the scheme's own, port."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == PORTS[self.scheme] else f"{host}:{self.port}"

    @property
    def origin(self) -> str:
        """What a credential is for."""
        return f"{self.scheme}://{self.authority}"

    @property
    def url(self) -> str:
        """The whole address."""
        return self.origin + self.target


class Answer:
    """Status, headers (names in lower case, several of one name joined by a comma) and, once, the body."""

    def __init__(self, response: httpcore.Response, place: Place, limit: int) -> None:
        self.status: int = response.status
        self.url = place.url
        self.headers: dict[str, str] = {}
        for name, value in response.headers:
            key, text = name.decode("latin-1").lower(), value.decode("latin-1")
            self.headers[key] = f"{self.headers[key]}, {text}" if key in self.headers else text
        self._response, self._place, self._limit = response, place, limit

    def chunks(self) -> Iterator[bytes]:
        """The body in pieces, without its content encoding; OutboundError where it grows over the limit."""
        seen = 0
        with said(self._place):
            for piece in self._decoded(self._response.iter_stream()):
                seen += len(piece)
                if seen > self._limit:
                    at = self._place.origin
                    raise OutboundError("large", f"{at} sends more than {self._limit:,} bytes: it was not read on")
                yield piece

    def read(self) -> bytes:
        """The whole body."""
        return b"".join(self.chunks())

    def _decoded(self, wire: Iterable[bytes]) -> Iterator[bytes]:
        coding = self.headers.get("content-encoding", "identity").strip().lower()
        if coding in ("", "identity"):
            yield from wire
        elif coding in ("gzip", "x-gzip"):
            inflater = zlib.decompressobj(16 + zlib.MAX_WBITS)
            for piece in wire:
                yield inflater.decompress(piece, PIECE)
                while inflater.unconsumed_tail:
                    yield inflater.decompress(inflater.unconsumed_tail, PIECE)
            if not inflater.eof:
                raise OutboundError("garbled", f"{self._place.origin} sent a gzip body that is cut off")
        else:
            raise OutboundError(
                "garbled", f"{self._place.origin} answers in the encoding {coding[:30]!r}, not asked for"
            )


class Client:
    """Keeps connections between requests and may be used by several threads; close it, or use it in `with`."""

    def __init__(
        self,
        *,
        limits: Limits | None = None,
        allowed: Allowed | None = None,
        resolver: Resolver | None = None,
        ca: str = "",
    ) -> None:
        """`ca` are certificates (PEM) of authorities that are trusted for this client's requests, too."""
        self.limits = limits or Limits()
        self._allowed = settings.OUTBOUND_ALLOWED_HOSTS if allowed is None else allowed
        self._resolver = resolver or resolve
        self._ca = ca
        self._pools: dict[tuple[Allowed, bool], httpcore.ConnectionPool] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End all connections."""
        for pool in self._pools.values():
            pool.close()

    def fetch(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterator[bytes] | None = None,
        follow: int = 0,
        limits: Limits | None = None,
    ) -> tuple[Answer, bytes]:
        """Send, and read the whole body. Arguments as of `stream`."""
        with self.stream(method, url, headers=headers, body=body, follow=follow, limits=limits) as answer:
            return answer, answer.read()

    @contextmanager
    def stream(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | Iterator[bytes] | None = None,
        follow: int = 0,
        limits: Limits | None = None,
    ) -> Iterator[Answer]:
        """Send, and give the answer whatever its status; OutboundError where there is none.

        `follow` says how many redirects of a GET or HEAD are followed; one more, and the redirect is the answer.
        A redirect to another origin is sent harmless headers only; from a host that is not listed it leads to none
        that has to be.
        """
        limits = limits or self.limits
        end = time.monotonic() + limits.whole
        place = first = Place.of(url)
        trusted = self._allowed.lists(first.host, first.port)
        sent = {"user-agent": "Portwarden", "accept": "*/*", "accept-encoding": "identity"}
        sent |= {name.lower(): value for name, value in (headers or {}).items()}
        while True:
            allowed = self._allowed if trusted or place.origin == first.origin else Allowed()
            with self._answer(method, place, sent, body, allowed, limits, end) as answer:
                onward = answer.headers.get("location") if answer.status in REDIRECTS else None
                if onward is None or follow < 1 or method not in ("GET", "HEAD"):
                    yield answer
                    return
            follow -= 1
            place = place.onward(onward)
            if place.origin != first.origin:
                sent = {name: value for name, value in sent.items() if name in HARMLESS}

    @contextmanager
    def _answer(
        self,
        method: str,
        place: Place,
        headers: dict[str, str],
        body: bytes | Iterator[bytes] | None,
        allowed: Allowed,
        limits: Limits,
        end: float,
    ) -> Iterator[Answer]:
        """One hop."""
        pool = self._pool(place, allowed)
        timeout = {"connect": Clock(limits.connect, end), "pool": limits.connect}
        timeout |= {"read": Clock(limits.read, end), "write": Clock(limits.read, end)}
        port = None if place.port == PORTS[place.scheme] else place.port
        url = httpcore.URL(scheme=place.scheme, host=place.host, port=port, target=place.target)
        with said(place):
            pairs = [(b"host", place.authority.encode())]
            pairs += [(name.encode("ascii"), value.encode("latin-1")) for name, value in headers.items()]
            response = pool.stream(method, url, headers=pairs, content=body, extensions={"timeout": timeout})
            opened = response.__enter__()
        try:
            yield Answer(opened, place, limits.body)
        finally:
            response.__exit__(None, None, None)

    def _pool(self, place: Place, allowed: Allowed) -> httpcore.ConnectionPool:
        """The connections to use: by what they may reach, so that none is taken over by a request that may less."""
        proxied = bool(settings.OUTBOUND_PROXY) and not spared(place.host)
        try:
            allowed.check_place(place.scheme, place.host, place.port)
            if proxied:
                allowed.check_literal(place.host, place.port)
        except NotAllowed as refusal:
            raise OutboundError("refused", str(refusal)) from refusal
        key = (allowed, proxied)
        if key not in self._pools:
            self._pools[key] = through_proxy(self._ca) if proxied else straight(allowed, self._resolver, self._ca)
        return self._pools[key]


@contextmanager
def said(place: Place) -> Iterator[None]:
    """Say in a sentence what went wrong at a place."""
    at = place.origin
    try:
        yield
    except httpcore.TimeoutException as error:
        raise OutboundError(
            "late", f"{at} does not answer in time: try again later, or check firewall and proxy"
        ) from error
    except (httpcore.NetworkError, httpcore.ProxyError) as error:
        raise OutboundError("unreachable", f"{at} cannot be reached{why(error)}") from error
    except (httpcore.ProtocolError, httpcore.UnsupportedProtocol, zlib.error, UnicodeError, ValueError) as error:
        raise OutboundError("garbled", f"{at} does not speak HTTP as it should ({str(error)[:200]})") from error


def why(error: Exception) -> str:
    """The cause and what to do about it."""
    cause = error.args[0] if error.args else None
    if isinstance(cause, ssl.SSLCertVerificationError):
        return f": its certificate is not trusted ({cause.verify_message}); OUTBOUND_CA_FILE adds an authority"
    if isinstance(cause, ssl.SSLError):
        return f": TLS failed ({cause.reason})"
    return f" ({str(error)[:200]}): check the address, firewall and proxy"
