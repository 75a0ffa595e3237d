"""The embedded PostgreSQL: its cluster, its settings, and taking over from one that was left behind."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
from psycopg import sql

from governance.local import identity, wheels
from governance.local.problem import Problem
from governance.local.process import Pause, Program, run, tail

MAJOR = "18"
NAME = "portwarden"

# Two cores and a small machine; durability is never traded for speed here.
DURABLE = {
    "shared_buffers": "192MB",
    "effective_cache_size": "1GB",
    "work_mem": "8MB",
    "maintenance_work_mem": "128MB",
    "max_connections": "100",
    "max_wal_size": "2GB",
    "wal_compression": "on",
    "random_page_cost": "1.1",
    "jit": "off",
    "fsync": "on",
    "synchronous_commit": "on",
    "log_checkpoints": "off",
    "log_line_prefix": "%m [%p] ",
}
# For tests: the data is thrown away, so nothing need reach the disk.
THROWAWAY = DURABLE | {
    "shared_buffers": "64MB",
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    # A table that is looked at while it happens to be empty gets plans for an empty one, and the next test fills it.
    "autovacuum": "off",
}


@dataclass(frozen=True)
class Cluster:
    """One PostgreSQL: `data` (made when missing), the directory of its socket, its log, whether it must be durable."""

    data: Path
    sockets: Path
    log: Path
    durable: bool = True

    def url(self, user: str = NAME, database: str = NAME) -> str:
        """Return the libpq URI of a database on the cluster's socket."""
        return f"postgresql:///{database}?host={quote(str(self.sockets), safe='')}&user={user}"


def prepare(cluster: Cluster, pause: Pause = time.sleep) -> Program:
    """Make the cluster if there is none, end a server left over on it, and return the program that serves it.

    Raises Problem for data of another major version, a full disk, or a cluster that cannot be made.
    """
    check_version(cluster.data)
    programs = wheels.postgres_programs(MAJOR)
    if cluster.data.exists():
        stop_leftover(cluster.data, pause)
        whose = identity.choose(programs / "postgres", cluster.data)
    else:
        whose = initialise(cluster, programs, pause)
    identity.give(cluster.data, whose)
    identity.give(cluster.sockets, whose)
    settings = (DURABLE if cluster.durable else THROWAWAY) | {
        "listen_addresses": "",
        "unix_socket_directories": str(cluster.sockets),
        "unix_socket_permissions": "0700",
    }
    options = [word for name, value in settings.items() for word in ("-c", f"{name}={value}")]
    command = [str(programs / "postgres"), "-D", str(cluster.data), *options]
    # SIGINT is PostgreSQL's "fast shutdown": sessions are ended, everything is written.
    return Program("postgres", command, cluster.log, {}, signal.SIGINT, 60.0, whose)


def check_version(data: Path) -> None:
    """Raise Problem when a cluster was made by another major version."""
    try:
        version = (data / "PG_VERSION").read_text().strip()
    except FileNotFoundError:
        return
    except PermissionError as error:
        raise Problem(f"{data} belongs to another user; start Portwarden as that user.") from error
    if version != MAJOR:
        raise Problem(
            f"{data} was made by PostgreSQL {version} and this Portwarden brings PostgreSQL {MAJOR}: dump it with "
            f"the Portwarden that made it (docs/operations.md, Upgrading PostgreSQL), or set PORTWARDEN_DATA to a new "
            "directory."
        )


def initialise(cluster: Cluster, programs: Path, pause: Pause) -> str:
    """Make a new cluster beside its place and move it there, so that a killed attempt leaves nothing half made."""
    draft = cluster.data.with_name(f"{cluster.data.name}.new")
    shutil.rmtree(draft, ignore_errors=True)
    draft.mkdir(mode=0o700)
    whose = identity.choose(programs / "initdb", draft)
    identity.give(draft, whose)
    locale = ["--encoding=UTF8", "--locale=C", "--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    sync = [] if cluster.durable else ["--no-sync"]
    command = [str(programs / "initdb"), "-D", str(draft), "-U", "postgres", "--auth=trust", *locale, *sync]
    if run(command, log=cluster.log, identity=whose, pause=pause) != 0:
        raise Problem(explain(cluster.log, "PostgreSQL could not make its data directory"))
    draft.rename(cluster.data)
    return whose


def explain(log: Path | None, what: str) -> str:
    """Turn the end of PostgreSQL's log into one sentence."""
    lines = tail(log, 40)
    if any("No space left on device" in line for line in lines):
        return f"{what}: the disk is full; free some space and start again."
    reasons = [line for line in lines if "FATAL" in line or "PANIC" in line or "error:" in line] or lines
    reason = reasons[-1].split("] ", 1)[-1] if reasons else "it said nothing"
    return f"{what}: {reason.strip()} (more in {log})."


def leftover(data: Path) -> list[int]:
    """Return the ids of server processes that still work in a data directory, the first one first."""
    main = recorded_id(data)
    if not Path("/proc/self/cwd").exists():
        return [main] if main and _serves(main, data) else []
    resolved = str(data.resolve())
    processes = (entry for entry in Path("/proc").iterdir() if entry.name.isdecimal())
    found = [int(entry.name) for entry in processes if _works_in(entry, resolved)]
    return sorted(found, key=lambda number: (number != main, number))


def _serves(number: int, data: Path) -> bool:
    """Say, where there is no /proc, whether a process is the server of `data` and not one that got its number."""
    command = ["/bin/ps", "-o", "command=", "-p", str(number)]
    words = subprocess.run(command, check=False, capture_output=True, text=True).stdout  # noqa: S603 - our own command
    return "postgres" in words and str(data) in words


def _works_in(process: Path, directory: str) -> bool:
    try:
        return str((process / "cwd").readlink()) == directory and "postgres" in (process / "comm").read_text()
    except OSError:
        return False


def recorded_id(data: Path) -> int:
    """Return the process id that postmaster.pid names, 0 without one."""
    try:
        return int((data / "postmaster.pid").read_text().split("\n", 1)[0])
    except (OSError, ValueError):
        return 0


def stop_leftover(data: Path, pause: Pause = time.sleep) -> None:
    """End a server that an earlier start left on this directory, first politely, and remove its stale lock file.

    The caller holds the lock of the data directory, so nobody else's server can be meant.
    """
    for number, seconds in ((signal.SIGINT, 20.0), (signal.SIGQUIT, 5.0), (signal.SIGKILL, 5.0)):
        processes = leftover(data)
        if not processes:
            break
        for process in processes[:1] if number == signal.SIGINT else processes:
            _send(process, number)
        deadline = time.monotonic() + seconds
        while leftover(data) and time.monotonic() < deadline:
            pause(0.05)
    if leftover(data):
        raise Problem(f"A PostgreSQL that cannot be stopped still uses {data}; end process {leftover(data)[0]}.")
    # Its number may by now be somebody else's, which PostgreSQL would take for a running server.
    (data / "postmaster.pid").unlink(missing_ok=True)


def _send(process: int, number: signal.Signals) -> None:
    try:
        os.kill(process, number)
    except (ProcessLookupError, PermissionError):
        return


def accepts(cluster: Cluster) -> bool:
    """Say whether the server answers."""
    try:
        psycopg.connect(cluster.url("postgres", "postgres"), connect_timeout=3).close()
    except psycopg.OperationalError:
        return False
    return True


def create_database(cluster: Cluster) -> None:
    """Make the product's role (no superuser) and database, once."""
    name = sql.Identifier(NAME)
    with psycopg.connect(cluster.url("postgres", "postgres"), autocommit=True) as connection:
        if not connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [NAME]).fetchone():
            connection.execute(sql.SQL("CREATE ROLE {} LOGIN CREATEDB").format(name))
        if not connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [NAME]).fetchone():
            connection.execute(sql.SQL("CREATE DATABASE {} OWNER {}").format(name, name))
