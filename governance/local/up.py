"""`make up`: everything, in the foreground, until it is told to stop."""

from __future__ import annotations

import http.client
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from governance.local import datadir, instance
from governance.local.datadir import DataDirectory
from governance.local.instance import HOST, PYTHON, Options
from governance.local.problem import Problem, Stopped, say
from governance.local.process import Pause, Program, alive, run
from governance.local.supervisor import Supervisor

# Seconds to wait for an instance that was killed and is being cleared away.
CLEARING = 30.0


@dataclass(frozen=True)
class Parts:
    """What `up` runs on top of the services: a preparation and programs of which one serves /readyz."""

    prepare: Callable[[DataDirectory, bool, Mapping[str, str], Pause], None]
    programs: Callable[[DataDirectory, int, Mapping[str, str]], list[Program]]


def up(options: Options, parts: Parts | None = None) -> int:
    """Run Portwarden (or other `parts`) until a signal asks us to stop; Problem when it cannot start."""
    data = datadir.open_directory(options.data)
    lock = take_lock(data)
    try:
        port = instance.free_port(options.port)
        with Supervisor(lock) as supervisor:
            try:
                serve(data, port, options.demo, supervisor, parts or Parts(prepare, instance.programs))
            except Stopped:
                say("stopping …")
        return 0
    finally:
        data.note.unlink(missing_ok=True)
        datadir.forget_sockets(data)
        os.close(lock)


def take_lock(data: DataDirectory) -> int:
    """Take the lock of the data directory; Problem when another Portwarden runs on it."""
    deadline = time.monotonic() + CLEARING
    while (lock := datadir.try_lock(data)) is None:
        owner = datadir.holder(data)
        if alive(owner) or time.monotonic() > deadline:
            address = datadir.read_note(data).get("address", "still starting")
            raise Problem(
                f"Portwarden already runs on {data.root} (process {owner}, {address}): stop it first, or give the "
                "second one its own PORTWARDEN_DATA and PORT."
            )
        # Its guard is still ending what it had started.
        time.sleep(0.1)
    return lock


def serve(data: DataDirectory, port: int, demo: bool, supervisor: Supervisor, parts: Parts) -> None:
    """Start services, database and programs, say that we are ready, and keep them running until Stopped."""
    services = instance.start_services(data, supervisor)
    environment = instance.settings(data, port, services)
    address = f"http://{HOST}:{port}"
    datadir.write_note(data, {"address": address, "environment": environment})
    parts.prepare(data, demo, environment, supervisor.pause)
    for program in parts.programs(data, port, environment):
        supervisor.start(program)
    base = environment.get("BASE_URL") or os.environ.get("BASE_URL") or address
    supervisor.wait_until(lambda: answers(port, urlsplit(base).netloc), "Portwarden", 120.0)
    say(f"logs are in {data.root / 'logs'}; Ctrl-C stops everything")
    say(f"ready {address}")
    supervisor.forever()


def prepare(data: DataDirectory, demo: bool, environment: Mapping[str, str], pause: Pause) -> None:
    """Bring the database and the static files up to date; on the first run make the accounts and load the demo."""
    first = not data.first_run.exists()
    if first:
        say("first run: preparing the database" + (" and loading the demo fleet …" if demo else " …"))
    words = ["--demo"] if first and demo else []
    command = [PYTHON, "-m", "governance.local.prepare", *words]
    if run(command, log=None, environment=environment, pause=pause, patience=1800.0) != 0:
        raise Problem("Portwarden could not be prepared; the reason is above.")
    data.first_run.touch()


def answers(port: int, host: str) -> bool:
    """Say whether our web process serves and finds everything it needs."""
    connection = http.client.HTTPConnection(HOST, port, timeout=5)
    try:
        connection.request("GET", "/readyz", headers={"Host": host})
        return connection.getresponse().status == http.client.OK
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()
