"""One Portwarden on this machine: its services, its environment, its programs."""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from governance.local import datadir
from governance.local import postgres as pg
from governance.local import valkey as vk
from governance.local.datadir import DataDirectory
from governance.local.problem import Problem
from governance.local.process import Program
from governance.local.supervisor import Supervisor

ROOT = Path(__file__).resolve().parent.parent.parent
PYTHON = sys.executable
HOST = "127.0.0.1"


@dataclass(frozen=True)
class Options:
    """What the person chose: where the data lies, the port (0: any free one), whether the demo fleet is loaded."""

    data: Path
    port: int = 8000
    demo: bool = True


def options(environment: Mapping[str, str]) -> Options:
    """Read PORTWARDEN_DATA, PORT and DEMO; Problem when one makes no sense."""
    port = environment.get("PORT") or "8000"
    if not port.isdecimal() or int(port) > 65535:
        raise Problem(f"PORT must be a number from 1 to 65535 (0 for any free one), not {port!r}.")
    data = Path(environment.get("PORTWARDEN_DATA") or ROOT / ".portwarden").expanduser().absolute()
    return Options(data, int(port), environment.get("DEMO", "1").strip().lower() not in {"0", "no", "false", "off"})


def free_port(port: int) -> int:
    """Return `port` (a free one for 0) if we may listen on it; Problem when not."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as listener:
        # A port of a connection that has just ended is not taken.
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((HOST, port))
            listener.listen(1)
        except PermissionError as error:
            raise Problem(f"Port {port} needs more rights than we have; choose one above 1023: PORT=8000.") from error
        except OSError as error:
            raise Problem(f"Port {port} is taken; choose another one: make up PORT={other_port(port)}.") from error
        return int(listener.getsockname()[1])


def other_port(port: int) -> int:
    """Return a port to suggest instead of a taken one."""
    return port + 1 if port < 65535 else port - 1


def given(name: str) -> bool:
    """Say whether a setting is given by the environment, itself or as NAME_FILE."""
    return bool(os.environ.get(name) or os.environ.get(f"{name}_FILE"))


def start_services(data: DataDirectory, supervisor: Supervisor) -> dict[str, str]:
    """Start the services that the environment does not give and return their addresses as settings."""
    if given("DATABASE_URL") and given("REDIS_URL"):
        return {}
    sockets = datadir.socket_directory(data)
    found: dict[str, str] = {}
    if not given("DATABASE_URL"):
        found["DATABASE_URL"] = start_postgres(data, sockets, supervisor)
    if not given("REDIS_URL"):
        found["REDIS_URL"] = start_valkey(data, sockets, supervisor)
    return found


def start_postgres(data: DataDirectory, sockets: Path, supervisor: Supervisor) -> str:
    """Start the embedded PostgreSQL with the product's database and return its URL."""
    directory = sockets / "pg"
    directory.mkdir(mode=0o700)
    cluster = pg.Cluster(data.postgres, directory, data.log("postgres"))

    def renew() -> Program:
        return pg.prepare(cluster, supervisor.pause)

    supervisor.start(renew(), renew)
    supervisor.wait_until(lambda: pg.accepts(cluster), "PostgreSQL", 120.0)
    pg.create_database(cluster)
    return cluster.url()


def start_valkey(data: DataDirectory, sockets: Path, supervisor: Supervisor) -> str:
    """Start the embedded Valkey and return its URL."""

    def renew() -> Program:
        vk.clear(sockets)
        return vk.prepare(sockets, data.log("valkey"))

    supervisor.start(renew(), renew)
    supervisor.wait_until(lambda: vk.accepts(sockets), "Valkey", 30.0)
    return vk.url(sockets)


def settings(data: DataDirectory, port: int, services: Mapping[str, str]) -> dict[str, str]:
    """Return the settings that every program of this instance is given, without those the person gave."""
    made = {
        "PORTWARDEN_DATA": str(data.root),
        "DJANGO_SETTINGS_MODULE": "governance.settings",
        "PYTHONUNBUFFERED": "1",
        **services,
    }
    if not given("SECRET_KEY"):
        made["SECRET_KEY_FILE"] = str(datadir.secret(data, "secret_key"))
    if not given("ENCRYPTION_KEY"):
        made["ENCRYPTION_KEY_FILE"] = str(datadir.encryption_key(data))
    defaults = {"BASE_URL": f"http://{HOST}:{port}", "STATIC_ROOT": str(data.static), "WEB_CONCURRENCY": "2"}
    return made | {name: value for name, value in defaults.items() if not os.environ.get(name)}


def programs(data: DataDirectory, port: int, environment: Mapping[str, str]) -> list[Program]:
    """Return web, worker and beat."""
    shared_memory = Path("/dev/shm")  # noqa: S108 - gunicorn makes its own unnamed file there
    heartbeat = shared_memory if os.access(shared_memory, os.W_OK) else data.root
    web = ["gunicorn", "governance.wsgi:application", "--bind", f"{HOST}:{port}", "--worker-class", "gthread"]
    web += ["--threads", "8", "--worker-tmp-dir", str(heartbeat), "--timeout", "60", "--graceful-timeout", "30"]
    web += ["--preload", "--no-control-socket"]
    worker = ["celery", "-A", "governance", "worker", "--loglevel", "INFO", "--concurrency", "2"]
    worker += ["--prefetch-multiplier", "1", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    beat = ["governance.beat", str(data.root / "beat-schedule")]
    return [
        Program(name, [PYTHON, "-m", *words], data.log(name), environment)
        for name, words in (("web", web), ("worker", worker), ("beat", beat))
    ]
