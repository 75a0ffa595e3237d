"""A whole Portwarden of real processes in a temporary directory, and ways to hurt it."""

from __future__ import annotations

import http.client
import json
import os
import secrets
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any

import psycopg
import redis

from governance.local import postgres as pg
from governance.local import valkey as vk
from governance.local.datadir import DataDirectory
from governance.local.instance import HOST, PYTHON, ROOT, free_port, programs
from governance.local.process import Program, signal_group, start, tail
from governance.local.sockets import make_directory

LEASE_SECONDS = 4
# Each is pulled once, by whichever process comes to it first after its marker was laid.
WEB_TRAPS = ("accept.after_commit", "accept.before_hint")
WORKER_TRAPS = ("process.in_parse", "process.before_commit", "process.after_commit")


def wait_until(ready: Callable[[], bool], what: str, seconds: float = 30.0) -> float:
    """Return how long it took; fail after `seconds`."""
    began = time.monotonic()
    while not ready():
        assert time.monotonic() - began < seconds, f"after {seconds:.0f} s still not: {what}"
        time.sleep(0.02)
    return time.monotonic() - began


def children(process: int) -> list[int]:
    """The direct children of a process (Linux)."""
    with suppress(OSError):
        return [int(word) for word in Path(f"/proc/{process}/task/{process}/children").read_text().split()]
    return []


class Instance:
    """PostgreSQL, Valkey, web and worker, started as `make up` starts them; only these are ever signalled."""

    def __init__(self) -> None:
        self._temporary = tempfile.TemporaryDirectory(prefix="pw-faults-")
        self.data = DataDirectory(Path(self._temporary.name))
        self.markers = self.data.root / "markers"
        for directory in (self.markers, self.data.root / "logs"):
            directory.mkdir()
        self.sockets = make_directory()
        (self.sockets / "pg").mkdir(mode=0o700)
        self.cluster = pg.Cluster(self.data.postgres, self.sockets / "pg", self.data.log("postgres"))
        self.running: dict[str, tuple[Program, subprocess.Popen[bytes]]] = {}
        self.port = free_port(0)
        self.environment = {
            "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH", "")])),
            "PYTHONUNBUFFERED": "1",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "DATABASE_URL": self.cluster.url(),
            "REDIS_URL": vk.url(self.sockets),
            "PORTWARDEN_DATA": str(self.data.root),
            "STATIC_ROOT": str(self.data.static),
            "BASE_URL": f"http://{HOST}:{self.port}",
            "LOG_LEVEL": "WARNING",
            "WEB_CONCURRENCY": "2",
            "LEASE_SECONDS": str(LEASE_SECONDS),
            "SWEEP_SECONDS": "1",
            "REPORTS_PER_MINUTE": "1000000",
        }
        self.token = ""

    def __enter__(self) -> Instance:
        try:
            self.start_postgres()
            pg.create_database(self.cluster)
            self.manage("migrate", "--verbosity", "0")
            self.token = self.manage("token", "create", "faults", "--scope", "ingest")
            self.start_valkey()
            self.start_web()
            self.start_worker()
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        for name in reversed(list(self.running)):
            self.kill(name)
        for path in sorted(self.sockets.rglob("*"), reverse=True):
            path.rmdir() if path.is_dir() else path.unlink(missing_ok=True)
        self.sockets.rmdir()
        self._temporary.cleanup()

    def manage(self, *words: str) -> str:
        """Run a management command; what it printed."""
        command = [PYTHON, str(ROOT / "manage.py"), *words]
        run = subprocess.run(
            command, env={**os.environ, **self.environment}, capture_output=True, text=True, timeout=120, check=False
        )
        assert run.returncode == 0, run.stderr[-2000:]
        return run.stdout.strip()

    # Starting. Always from the main thread: the kernel ends a child with the thread that started it.

    def _start(self, name: str, program: Program, failpoints: str = "") -> subprocess.Popen[bytes]:
        environment = {**program.environment, "PW_FAILPOINT": failpoints}
        program = Program(name, program.command, program.log, environment, program.stop_signal, program.patience)
        self.running[name] = (program, start(program))
        return self.running[name][1]

    def begin(self, program: Program) -> None:
        """Start anything else beside it; `mend` ends it."""
        self._start(program.name, program)

    def start_postgres(self) -> None:
        """Start PostgreSQL on the data that is there, and wait until it answers."""
        program = pg.prepare(self.cluster)
        self.running["postgres"] = (program, start(program))
        wait_until(lambda: pg.accepts(self.cluster), "PostgreSQL answers", 60)

    def start_valkey(self, *options: str) -> None:
        """Start an empty Valkey and wait until it answers."""
        vk.clear(self.sockets)
        program = vk.prepare(self.sockets, self.data.log("valkey"))
        program = Program("valkey", [*program.command, *options], program.log, {}, patience=10.0)
        self.running["valkey"] = (program, start(program))
        wait_until(lambda: vk.accepts(self.sockets), "Valkey answers")

    def _program(self, kind: str) -> Program:
        return next(program for program in programs(self.data, self.port, self.environment) if program.name == kind)

    def start_web(self) -> None:
        """Start gunicorn and wait until it serves."""
        self._start("web", self._program("web"), self._traps(WEB_TRAPS))
        wait_until(lambda: self.status("/healthz") == http.client.OK, "the web process answers", 60)

    def start_worker(self, name: str = "worker", failpoints: str = "", processes: int = 2, **settings: str) -> None:
        """Start a Celery worker and wait until its processes are there."""
        program = self._program("worker")
        words = list(program.command)
        words[words.index("--concurrency") + 1] = str(processes)
        words += ["--hostname", f"{name}@faults"]
        environment = {**program.environment, **settings}
        program = Program(name, words, self.data.log(name), environment, program.stop_signal, program.patience)
        traps = self._traps(WORKER_TRAPS) + ",process.in_parse/poison:kill"
        process = self._start(name, program, failpoints or traps)
        wait_until(lambda: len(children(process.pid)) == processes, f"{name} has its processes", 60)

    def _traps(self, points: Iterable[str]) -> str:
        return ",".join(f"{point}:kill@{self.markers / point}" for point in points)

    # Hurting.

    def pid(self, name: str) -> int:
        """The process id of a program."""
        return self.running[name][1].pid

    def children(self, name: str) -> list[int]:
        """The worker processes of a program."""
        return children(self.pid(name))

    def lay(self, name: str) -> Path:
        """Lay a marker: the next process that comes to the failpoint takes it away and does what it says."""
        path = self.markers / name
        path.touch()
        return path

    def spring(self, point: str, seconds: float = 20.0) -> None:
        """Let one process die at this failpoint, and wait until it has."""
        marker = self.lay(point)
        wait_until(lambda: not marker.exists(), f"somebody reached {point}", seconds)

    def kill(self, name: str) -> None:
        """End a program and all its processes with SIGKILL."""
        _, process = self.running.pop(name)
        signal_group(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, name: str) -> float:
        """Ask a program to stop; returns how many seconds it took. It must end by itself."""
        program, process = self.running[name]
        began = time.monotonic()
        process.send_signal(program.stop_signal)
        try:
            process.wait(program.patience)
        finally:
            self.kill(name)
        return time.monotonic() - began

    def mend(self) -> list[str]:
        """Start again what is not running, as a supervisor would; returns what had died by itself."""
        died = [name for name, (_, process) in self.running.items() if process.poll() is not None]
        for name in died:
            self.kill(name)
        for name in sorted(set(self.running) - set(PROGRAMS)):
            self.kill(name)
        for marker in self.markers.iterdir():
            marker.unlink()
        for name, begin in PROGRAMS.items():
            if name in self.running:
                self.thaw(name)
            else:
                begin(self)
        return died

    def freeze(self, name: str) -> None:
        """Stop the clock of a program and its processes, as a suspended machine would."""
        signal_group(self.pid(name), signal.SIGSTOP)

    def thaw(self, name: str) -> None:
        """Let it go on."""
        signal_group(self.pid(name), signal.SIGCONT)

    def cut_connections(self) -> int:
        """End every database session of web and worker; returns how many."""
        query = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'portwarden'"
        return len(self.rows(query))

    def valkey(self, *words: str) -> Any:
        """Run a Valkey command."""
        client = redis.Redis(unix_socket_path=str(self.sockets / vk.SOCKET))
        try:
            return client.execute_command(*words)
        finally:
            client.close()

    # Looking.

    def rows(self, query: str, *arguments: Any) -> list[tuple[Any, ...]]:
        """Ask the database, past everything of ours."""
        with psycopg.connect(self.cluster.url("postgres", "portwarden"), connect_timeout=5) as connection:
            return connection.execute(query, arguments).fetchall()

    def write(self, statement: str, *arguments: Any) -> None:
        """Change the database, past everything of ours."""
        with psycopg.connect(self.cluster.url("postgres", "portwarden"), connect_timeout=5) as connection:
            connection.execute(statement, arguments)

    def done(self) -> int:
        """How many deliveries are finished."""
        return int(self.rows("SELECT count(*) FROM scanning_delivery WHERE state = 'done'")[0][0])

    def delivery(self, pk: int | None) -> dict[str, Any]:
        """All columns of a delivery."""
        return dict(self.rows("SELECT to_jsonb(row) FROM scanning_delivery row WHERE id = %s", pk)[0][0])

    def is_final(self, pk: int | None) -> bool:
        """The delivery is finished or put aside."""
        return self.delivery(pk)["finished_at"] is not None

    def post(self, path: str, document: object) -> Any:
        """Send a document; the answer's."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=20)
        try:
            connection.request("POST", path, json.dumps(document), {"Content-Type": "application/json"})
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()

    def status(self, path: str, **headers: str) -> int:
        """Status of a GET, 0 where nobody answers."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=20)
        try:
            connection.request("GET", path, headers=headers)
            return connection.getresponse().status
        except (OSError, http.client.HTTPException):
            return 0
        finally:
            connection.close()

    def hints_taken(self) -> int:
        """How many hints the worker has taken from the broker since the instance was started."""
        return self.data.log("worker").read_text().count("Task scanning.tasks.work_off")

    def log(self, name: str, lines: int = 40) -> str:
        """The end of a program's log."""
        return "\n".join(tail(self.data.log(name), lines))


PROGRAMS: dict[str, Callable[[Instance], None]] = {
    "postgres": Instance.start_postgres,
    "valkey": Instance.start_valkey,
    "web": Instance.start_web,
    "worker": Instance.start_worker,
}
