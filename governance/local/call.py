"""`make manage`: manage.py against the running instance, or with the services started for the call."""

from __future__ import annotations

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence

from governance.local import datadir, instance
from governance.local.datadir import DataDirectory
from governance.local.instance import PYTHON, ROOT, Options
from governance.local.problem import Problem, Stopped
from governance.local.supervisor import Supervisor

# Seconds to wait for an instance that is just starting, or for another call to end.
WAIT = 60.0


def manage(options: Options, arguments: Sequence[str]) -> int:
    """Run manage.py with `arguments` in our terminal and return its exit code."""
    data = datadir.open_directory(options.data)
    deadline = time.monotonic() + WAIT
    while (lock := datadir.try_lock(data)) is None:
        environment = datadir.read_note(data).get("environment")
        if environment:
            return run_manage(environment, arguments)
        if time.monotonic() > deadline:
            raise Problem(f"Portwarden on {data.root} is busy starting or stopping; try again in a minute.")
        time.sleep(0.1)
    # A note without a lock is a dead instance's.
    data.note.unlink(missing_ok=True)
    try:
        return with_services(data, options, lock, arguments)
    finally:
        datadir.forget_sockets(data)
        os.close(lock)


def with_services(data: DataDirectory, options: Options, lock: int, arguments: Sequence[str]) -> int:
    """Start the services, run manage.py, stop them."""
    with Supervisor(lock) as supervisor:
        try:
            services = instance.start_services(data, supervisor)
        except Stopped:
            return 128 + signal.SIGINT
        return run_manage(instance.settings(data, options.port, services), arguments)


def run_manage(environment: Mapping[str, str], arguments: Sequence[str]) -> int:
    """Run manage.py in our terminal; Ctrl-C is its business, so we wait for it."""
    command = [PYTHON, str(ROOT / "manage.py"), *arguments]
    process = subprocess.Popen(command, env={**os.environ, **environment})  # noqa: S603 - a list, no shell
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        code = process.wait()
    finally:
        signal.signal(signal.SIGINT, before)
    return code if code >= 0 else 128 - code
