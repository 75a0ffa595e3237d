"""`make manage` and `make pg`: a program against the running instance, or with the services started for the call."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from governance.local import datadir, instance, wheels
from governance.local.instance import PYTHON, ROOT, Options
from governance.local.postgres import MAJOR
from governance.local.problem import Problem, Stopped
from governance.local.supervisor import Supervisor

# Seconds to wait for an instance that is just starting, or for another call to end.
WAIT = 60.0


def manage(options: Options, arguments: Sequence[str]) -> int:
    """Run manage.py with `arguments` in our terminal and return its exit code."""
    command = [PYTHON, str(ROOT / "manage.py"), *arguments]
    return call(options, lambda environment: run(command, environment))


def postgres_program(options: Options, arguments: Sequence[str]) -> int:
    """Run one of PostgreSQL's own programs (psql, pg_dump …) on the instance's database; Problem for an unknown one."""
    name, *rest = arguments or ["psql"]
    program = wheels.postgres_programs(MAJOR) / name
    if "/" in name or not program.exists():
        known = ", ".join(sorted(path.name for path in wheels.postgres_programs(MAJOR).iterdir()))
        raise Problem(f"PostgreSQL has no program {name!r}; there are {known}.")
    return call(options, lambda environment: run([str(program), *rest], environment | connection(environment)))


def connection(environment: Mapping[str, str]) -> dict[str, str]:
    """Return PGHOST, PGUSER … for the instance's database."""
    url = environment.get("DATABASE_URL") or os.environ.get("DATABASE_URL", "")
    if not url:
        url = Path(os.environ["DATABASE_URL_FILE"]).read_text().strip()
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "password": "PGPASSWORD", "dbname": "PGDATABASE"}
    return {names[key]: str(value) for key, value in conninfo_to_dict(url).items() if key in names}


def call(options: Options, program: Callable[[dict[str, str]], int]) -> int:
    """Run `program` with the environment of the running instance, or with services started for it."""
    data = datadir.open_directory(options.data)
    deadline = time.monotonic() + WAIT
    while (lock := datadir.try_lock(data)) is None:
        environment = datadir.read_note(data).get("environment")
        if environment:
            return program(environment)
        if time.monotonic() > deadline:
            raise Problem(f"Portwarden on {data.root} is busy starting or stopping; try again in a minute.")
        time.sleep(0.1)
    # A note without a lock is a dead instance's.
    data.note.unlink(missing_ok=True)
    try:
        with Supervisor(lock) as supervisor:
            services = instance.start_services(data, supervisor)
            return program(instance.settings(data, options.port, services))
    except Stopped:
        return 128 + signal.SIGINT
    finally:
        datadir.forget_sockets(data)
        os.close(lock)


def run(command: Sequence[str], environment: Mapping[str, str]) -> int:
    """Run a program in our terminal; Ctrl-C is its business, so we wait for it."""
    process = subprocess.Popen(command, env={**os.environ, **environment})  # noqa: S603 - a list, no shell
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code
