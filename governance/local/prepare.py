"""Run by the supervisor before anything serves: one Django start for migrations, static files, accounts and demo."""

from __future__ import annotations

import hashlib
import sys
from pathlib import Path

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import OperationalError, connection

from governance.local.instance import ROOT
from governance.local.problem import Problem, say

STAMP = ".collected"


def fingerprint() -> str:
    """Return a hash of every static source: our files by name, size and time, those of packages by the lock file."""
    digest = hashlib.sha256((ROOT / "requirements.txt").read_bytes())
    for directory in settings.STATICFILES_DIRS:
        for path in sorted(Path(directory).rglob("*")):
            state = path.stat()
            digest.update(f"{path}\0{state.st_size}\0{state.st_mtime_ns}\n".encode())
    return digest.hexdigest()


def collect() -> None:
    """Collect the static files if any changed since the last time."""
    stamp = Path(settings.STATIC_ROOT) / STAMP
    now = fingerprint()
    if stamp.exists() and stamp.read_text() == now:
        return
    call_command("collectstatic", interactive=False, clear=True, verbosity=0)
    stamp.write_text(now)


def prepare(demo: bool) -> None:
    """Bring everything up to date; Problem when the database does not answer."""
    try:
        django.setup()
        connection.ensure_connection()
    except ImproperlyConfigured as error:
        raise Problem(str(error)) from error
    except OperationalError as error:
        raise Problem(f"The database does not answer ({' '.join(str(error).split())}): check DATABASE_URL.") from error
    call_command("migrate", interactive=False, verbosity=0)
    collect()
    call_command("bootstrap")
    if demo:
        call_command("demo", "load")


def main(arguments: list[str]) -> int:
    """Prepare; a failure is one sentence and exit code 1."""
    try:
        prepare("--demo" in arguments)
    except (Problem, CommandError) as problem:
        say(str(problem))
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
