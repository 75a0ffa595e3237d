"""The agent's command line, and its loop: look, send, wait."""

from __future__ import annotations

import argparse
import hashlib
import logging
import os
import signal
import socket
import sys
import time
from pathlib import Path
from typing import Any

from scanning.agent import VERSION
from scanning.agent.engine import Engine
from scanning.agent.kubernetes import ACCOUNT, Kubernetes
from scanning.agent.report import Report
from scanning.agent.state import Source
from scanning.agent.wire import Failed, Wire

LOG = logging.getLogger("portwarden-agent")
SOCKETS = ("/run/docker.sock", "/var/run/docker.sock", "/run/podman/podman.sock")
# However fast things change, no two snapshots follow each other closer than this.
BREATH = 2.0


def options(arguments: list[str] | None = None) -> argparse.Namespace:
    """Every option may also stand in the environment, as PORTWARDEN_ and its name."""

    def add(name: str, words: str, default: str = "") -> None:
        given = os.environ.get(f"PORTWARDEN_{name.upper().replace('-', '_')}", default)
        parser.add_argument(f"--{name}", default=given, help=words)

    parser = argparse.ArgumentParser("portwarden-agent", description="Tells Portwarden what runs here.")
    add("url", "address of Portwarden, https://portwarden.example.com")
    add("token-file", "file with a token of scope agent")
    add("ca", "file with certificates (PEM) that vouch for Portwarden, beside the system's")
    add("source", "kubernetes, or the engine's socket: unix:///run/docker.sock; found out by default")
    add("name", "what people call this host or cluster; the host's name by default")
    add("environment", "production, staging and the like")
    add("uid", "what identifies this host or cluster for ever; found out by default")
    add("agent-name", "tells several sources of one host apart; the engine's name by default")
    add("interval", "seconds between two words, at most", "60")
    add("kubernetes-url", "address of the API server, where the agent runs outside of the cluster")
    add("kubernetes-token-file", "file with a token for it")
    add("kubernetes-ca", "file with certificates that vouch for it")
    add("namespaces", "namespaces to watch, comma separated; all by default")
    parser.add_argument("--once", action="store_true", help="look and send once, then end")
    parser.add_argument("--verbose", action="store_true", help="say more")
    parser.add_argument("--version", action="version", version=VERSION)
    given = parser.parse_args(arguments)
    if not given.url or not given.token_file:
        parser.error("--url and --token-file must be given")
    if not str(given.interval).isdecimal() or not 5 <= int(given.interval) <= 3600:
        parser.error("--interval must be a number of seconds from 5 to 3600")
    return given


def source_of(given: argparse.Namespace) -> Source:
    """What is watched. Raises ValueError where nothing is found."""
    host = os.environ.get("KUBERNETES_SERVICE_HOST", "")
    in_cluster = bool(host) and (ACCOUNT / "token").exists()
    if given.source == "kubernetes" or given.kubernetes_url or (not given.source and in_cluster):
        port = os.environ.get("KUBERNETES_SERVICE_PORT", "443")
        inside = f"https://[{host}]:{port}" if ":" in host else f"https://{host}:{port}"
        return Kubernetes(
            given.kubernetes_url or inside,
            given.kubernetes_token_file or (str(ACCOUNT / "token") if in_cluster else ""),
            given.kubernetes_ca or (str(ACCOUNT / "ca.crt") if in_cluster and not given.kubernetes_url else ""),
            tuple(word.strip() for word in given.namespaces.split(",") if word.strip()),
        )
    own = f"{os.environ.get('XDG_RUNTIME_DIR', '')}/podman/podman.sock"
    found = given.source or next((path for path in (*SOCKETS, own) if Path(path).is_socket()), "")
    if not found:
        raise ValueError(f"no engine's socket found ({', '.join(SOCKETS)}): name it with --source")
    return Engine(found if "://" in found else f"unix://{found}", given.agent_name)


def host_uid() -> str:
    """The machine's own id, hashed so that it tells nothing (systemd, machine-id(5)); else the host's name."""
    for path in ("/etc/machine-id", "/var/lib/dbus/machine-id"):
        if Path(path).is_file() and (word := Path(path).read_text(encoding="ascii").strip()):
            return hashlib.sha256(f"portwarden {word}".encode()).hexdigest()[:32]
    return hashlib.sha256(f"portwarden {socket.getfqdn()}".encode()).hexdigest()[:32]


def run(source: Source, report: Report, given: argparse.Namespace) -> None:
    """Look and send for ever, or once. Whatever fails is tried again; only the newest state is ever sent."""
    while True:
        began = time.monotonic()
        try:
            state = source.look()
            report.place["uid"] = given.uid or state.uid or host_uid()
            report.send(state, given.agent_name or source.name)
            report.failures = 0
            pause, is_failed = float(report.interval), False
        except Failed as error:
            if given.once:
                raise
            pause, is_failed = report.pause(error), True
            LOG.warning("%s; trying again in %.0f s", error, pause)
        if given.once:
            return
        if is_failed:
            time.sleep(pause)
        else:
            source.wait(pause)
        time.sleep(max(0.0, BREATH - (time.monotonic() - began)))


def place_of(given: argparse.Namespace, source: Source) -> dict[str, str]:
    """What this host or cluster is called."""
    name = given.name or (socket.gethostname() if source.KIND == "host" else "")
    return {"uid": given.uid, "kind": source.KIND, "name": name, "environment": given.environment}


def stop(*_: Any) -> None:
    """SIGTERM: nothing is lost, the next process sends everything again."""
    sys.exit(0)


def main() -> int:
    """Start from the command line; 0 when asked to stop, 1 where `--once` failed, 2 for wrong options."""
    given = options()
    logging.basicConfig(
        level=logging.DEBUG if given.verbose else logging.INFO, format="%(levelname)s %(message)s", stream=sys.stderr
    )
    signal.signal(signal.SIGTERM, stop)
    try:
        source = source_of(given)
        wire = Wire(given.url, ca=given.ca)
    except (ValueError, OSError) as error:
        LOG.error("%s", error)
        return 2
    report = Report(wire, given.token_file, place_of(given, source), int(given.interval))
    try:
        run(source, report, given)
    except Failed as error:
        LOG.error("%s", error)
        return 1
    except KeyboardInterrupt:
        pass
    return 0
