"""What the benchmarks run on: durable PostgreSQL and Valkey of their own, a database for each part."""

from __future__ import annotations

import json
import os
import secrets
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from governance.local.instance import ROOT
from governance.local.services import postgres, valkey

PATIENCE = 3600


@dataclass(frozen=True, slots=True)
class Ground:
    """The running services and where everything lies."""

    directory: Path
    database: str
    broker: str

    def environment(self, name: str) -> dict[str, str]:
        """Settings of a Portwarden on the database `name`."""
        return {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "governance.settings",
            "SECRET_KEY": secrets.token_urlsafe(48),
            "DATABASE_URL": self.database.replace("/postgres?", f"/{name}?", 1),
            "REDIS_URL": self.broker,
            "PORTWARDEN_DATA": str(self.directory),
            "STATIC_ROOT": str(self.directory / "static"),
            "REPORTS_PER_MINUTE": "1000000",
            "LOG_LEVEL": "WARNING",
            "PYTHONPATH": str(ROOT),
        }

    def fresh(self, name: str) -> dict[str, str]:
        """Make an empty, migrated database and return the settings for it."""
        with psycopg.connect(self.database, autocommit=True) as connection:
            connection.execute(f'CREATE DATABASE "{name}"')
        environment = self.environment(name)
        manage(environment, "migrate", "--verbosity", "0")
        return environment


@contextmanager
def ground() -> Iterator[Ground]:
    """Start everything, take it away again."""
    with tempfile.TemporaryDirectory(prefix="portwarden-bench-") as name:
        directory = Path(name)
        (directory / "logs").mkdir()
        with postgres(directory / "services") as database, valkey(directory / "services") as broker:
            found = Ground(directory, database, broker)
            manage(found.environment("postgres"), "collectstatic", "--no-input", "--verbosity", "0")
            yield found


def manage(environment: dict[str, str], *words: str) -> str:
    """Run a management command and return what it said; its complaint is ours."""
    return run([sys.executable, str(ROOT / "manage.py"), *words], environment)


def part(environment: dict[str, str], *words: object) -> dict[str, Any]:
    """Run one part in a process of its own and return its figures."""
    said = run([sys.executable, "-m", "tests.bench.part", *map(str, words)], environment)
    return dict(json.loads(said.splitlines()[-1]))


def run(command: list[str], environment: dict[str, str]) -> str:
    """Run a program to its end."""
    done = subprocess.run(
        command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(command[1:])} failed:\n{done.stderr[-4000:]}")
    return done.stdout.strip()
