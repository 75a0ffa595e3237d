"""Real programs that tests run: found, or installed by apt where we are root; else the test is skipped and says why."""

from __future__ import annotations

import fcntl
import os
import secrets
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

import pytest

# The Debian package of a program whose name is another.
PACKAGES = {
    "ctr": "containerd",
    "docker": "docker.io",
    "dockerd": "docker.io",
    "etcd": "etcd-server",
    "htpasswd": "apache2-utils",
    "kubectl": "kubernetes-client",
}
SECONDS = 300
APT = ["apt-get", "-q", "-o", "DPkg::Lock::Timeout=120", "-o", "Acquire::http::Timeout=20", "-o", "Acquire::Retries=1"]
PATH = os.pathsep.join([os.environ.get("PATH", ""), "/usr/local/bin", "/usr/bin", "/usr/local/sbin", "/usr/sbin"])


def need(*programs: str) -> list[str]:
    """The paths of these programs, installed first where that is possible; else the test is skipped by name."""
    if why := _trouble(programs):
        pytest.skip(why)
    return [_find(name) for name in programs]


@contextmanager
def short_directory() -> Iterator[Path]:
    """For what engines keep while they run: Podman refuses a path of more than 50 characters."""
    path = Path(tempfile.mkdtemp(prefix="pw-"))
    try:
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _find(program: str) -> str:
    return shutil.which(program, path=PATH) or ""


@cache
def _trouble(programs: tuple[str, ...]) -> str:
    """Why they cannot be had, asked and tried once a process; nothing if they are there."""
    if all(map(_find, programs)):
        return ""
    if os.getuid() != 0 or not shutil.which("apt-get"):
        return f"{_missing(programs)}: not installed, and only root can install it, by apt"
    # One worker installs; the others wait and find it there.
    with (Path(tempfile.gettempdir()) / "portwarden-tests-apt.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        said = "" if all(map(_find, programs)) else _install(programs)
    return f"{_missing(programs)}: could not be installed: {said}" if not all(map(_find, programs)) else ""


def _missing(programs: tuple[str, ...]) -> str:
    return ", ".join(name for name in programs if not _find(name))


def _install(programs: tuple[str, ...]) -> str:
    """Returns what apt last said. Its lists are fetched anew only where those at hand do not do."""
    install = [*APT, "install", "-y", "--no-install-recommends", *{PACKAGES.get(one, one) for one in programs}]
    done = _run(install)
    if not all(map(_find, programs)):
        _run([*APT, "update"])
        done = _run(install)
    return done.strip().rpartition("\n")[2]


def _run(command: list[str]) -> str:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    pipe, merged, nothing = subprocess.PIPE, subprocess.STDOUT, subprocess.DEVNULL
    try:
        done = subprocess.run(
            command, env=environment, stdin=nothing, stdout=pipe, stderr=merged, text=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return f"{command[0]} took longer than {SECONDS} seconds"
    return done.stdout


def free_port() -> int:
    """One that nobody listens on, and none that a system gives away by itself: other tests ask for those meanwhile."""
    while True:
        port = secrets.choice(range(20_000, 30_000))
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
