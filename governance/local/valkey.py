"""The embedded Valkey: a broker that carries hints only, so nothing of it is kept."""

from __future__ import annotations

import socket
from pathlib import Path

from governance.local import wheels
from governance.local.process import Program

SOCKET = "valkey.sock"


def prepare(sockets: Path, log: Path) -> Program:
    """Return the program that serves Valkey on a socket in `sockets` (a private directory)."""
    settings = {
        "port": "0",
        "unixsocket": str(sockets / SOCKET),
        "unixsocketperm": "700",
        "dir": str(sockets),
        "save": "",
        "appendonly": "no",
        "maxmemory": "256mb",
        # A broker that evicts loses messages without a word; one that refuses is noticed.
        "maxmemory-policy": "noeviction",
        "daemonize": "no",
    }
    options = [word for name, value in settings.items() for word in (f"--{name}", value)]
    return Program("valkey", [str(wheels.valkey_server()), *options], log, patience=10.0)


def url(sockets: Path) -> str:
    """Return the address for redis-py and Celery."""
    return f"unix://{sockets / SOCKET}?db=0"


def accepts(sockets: Path) -> bool:
    """Say whether the server answers a PING."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(sockets / SOCKET))
            client.sendall(b"PING\r\n")
            return client.recv(16).startswith(b"+PONG")
        except OSError:
            return False


def clear(sockets: Path) -> None:
    """Remove the socket of a server that was killed."""
    (sockets / SOCKET).unlink(missing_ok=True)
