"""HTTP for the agent: over a Unix socket or TCP, with limits of time and size everywhere."""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any
from urllib.parse import urlsplit

MOST_BYTES = 256 * 2**20
# A line of a stream holds one object; etcd keeps none above a few megabytes.
MOST_LINE = 16 * 2**20
CHUNK = 65_536


class Failed(Exception):
    """The other side did not answer as it should; `status` is 0 where it did not answer at all."""

    def __init__(self, text: str, status: int = 0, retry_after: float = 0) -> None:
        super().__init__(text)
        self.status = status
        self.retry_after = retry_after


class UnixConnection(http.client.HTTPConnection):
    """HTTP over a Unix socket."""

    def __init__(self, path: str, timeout: float) -> None:
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self) -> None:
        """To the socket instead of a port."""
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


def verifying(ca: str) -> ssl.SSLContext:
    """Chain and name are verified. Python 3.13 also wants extensions that many clusters' own authorities leave out."""
    context = ssl.create_default_context(cafile=ca or None)
    if ca:
        context.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return context


class Wire:
    """One server: `unix:///path` or `http(s)://host[:port][/prefix]`. Every request has a connection of its own."""

    def __init__(self, address: str, headers: dict[str, str] | None = None, ca: str = "", timeout: float = 30) -> None:
        self.parts = urlsplit(address)
        if self.parts.scheme not in ("unix", "http", "https") or not (self.parts.path or self.parts.hostname):
            raise ValueError(f"{address!r} is neither unix:///path nor http(s)://host")
        self.headers = headers or {}
        self.timeout = timeout
        self.tls = verifying(ca) if self.parts.scheme == "https" else None

    @property
    def prefix(self) -> str:
        """The path that stands before every request's own."""
        return "" if self.parts.scheme == "unix" else self.parts.path.rstrip("/")

    def open(self, timeout: float) -> http.client.HTTPConnection:
        """A connection; TCP notices by keep-alive that the other side is gone."""
        if self.parts.scheme == "unix":
            near = UnixConnection(self.parts.path, timeout)
            near.connect()
            return near
        host, port = self.parts.hostname or "", self.parts.port
        if self.tls:
            made: http.client.HTTPConnection = http.client.HTTPSConnection(
                host, port, timeout=timeout, context=self.tls
            )
        else:
            made = http.client.HTTPConnection(host, port, timeout=timeout)
        try:
            made.connect()
        except OSError:
            # Where TLS failed, the connection below is open still.
            made.close()
            raise
        made.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        for name, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
            if hasattr(socket, name):
                made.sock.setsockopt(socket.IPPROTO_TCP, getattr(socket, name), value)
        return made

    def answer(self, connection: http.client.HTTPConnection, method: str, path: str, **request: Any) -> Any:
        """The response, if its status is a good one. Raises `Failed`."""
        headers = {"Accept": "application/json", **self.headers, **request.pop("headers", {})}
        connection.request(method, self.prefix + path, headers=headers, **request)
        response = connection.getresponse()
        if 200 <= response.status < 300:
            return response
        said = response.read(2_000).decode(errors="replace").strip()
        pause = response.headers.get("Retry-After", "")
        raise Failed(
            f"{method} {path.partition('?')[0]}: {response.status} {said[:300]}",
            response.status,
            float(pause) if pause.isdecimal() else 0,
        )

    def call(self, method: str, path: str, **request: Any) -> Any:
        """The answer's JSON. Raises `Failed`, whatever went wrong."""
        try:
            with closing(self.open(self.timeout)) as connection:
                response = self.answer(connection, method, path, **request)
                body = response.read(MOST_BYTES + 1)
                if len(body) > MOST_BYTES:
                    raise Failed(f"{method} {path.partition('?')[0]}: more than {MOST_BYTES // 2**20} MiB")
                return json.loads(body) if body else None
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            raise Failed(f"{method} {path.partition('?')[0]}: {error or type(error).__name__}") from error

    def get(self, path: str, **request: Any) -> Any:
        """The JSON at `path`."""
        return self.call("GET", path, **request)

    def stream(self, path: str, timeout: float, opened: Callable[[], object] = int) -> Iterator[Any]:
        """JSON objects, one a line, until the other side ends; `timeout` seconds of silence end it too.

        `opened` is called once the other side has begun to answer.
        """
        try:
            with closing(self.open(self.timeout)) as connection:
                wire = connection.sock
                response = self.answer(connection, "GET", path)
                wire.settimeout(timeout)
                opened()
                rest = b""
                while chunk := response.read1(CHUNK):
                    *lines, rest = (rest + chunk).split(b"\n")
                    if len(rest) > MOST_LINE:
                        raise Failed(f"GET {path.partition('?')[0]}: a line of more than {MOST_LINE // 2**20} MiB")
                    for line in lines:
                        if line.strip():
                            yield json.loads(line)
        except (OSError, http.client.HTTPException, ValueError, RecursionError) as error:
            raise Failed(f"GET {path.partition('?')[0]}: {error or type(error).__name__}") from error
