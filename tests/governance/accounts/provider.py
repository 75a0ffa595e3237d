"""A real provider of sign-ins and a Portwarden that knows it, each a process of its own."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import requests
from django.db import connection

from tests.parts import free_port

ROOT = Path(__file__).resolve().parents[3]
CONFIGURATION = Path(__file__).parent / "gunicorn_conf.py"
GROUPS = "platform=shop:editor,platform-leads=shop:admin,security=@auditor"
# Where the tests' own process does not know of a table it cannot empty what that points to.
LOOSEN = """
DO $$ DECLARE it record; BEGIN
  FOR it IN SELECT conrelid::regclass AS place, conname FROM pg_constraint
            WHERE contype = 'f' AND confrelid = 'accounts_user'::regclass
              AND (conrelid::regclass::text LIKE 'socialaccount%' OR conrelid::regclass::text LIKE 'account\\_%')
  LOOP EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', it.place, it.conname); END LOOP;
END $$
"""
GONE = """
DROP TABLE IF EXISTS socialaccount_socialtoken, socialaccount_socialapp, socialaccount_socialaccount,
  account_emailconfirmation, account_emailaddress;
DELETE FROM django_migrations WHERE app IN ('account', 'socialaccount')
"""


@dataclass(frozen=True)
class Site:
    """Where both are."""

    base: str
    issuer: str

    def know(self, sub: str, **claims: Any) -> None:
        """The provider says this of a person from now on."""
        answer = requests.put(f"{self.issuer}/users/{sub}", json={"sub": sub, **claims}, timeout=10)
        assert answer.status_code == 204, answer.text


@contextmanager
def site() -> Iterator[Site]:
    """Both, on this process's own database; what the sign-in keeps there is gone at the end."""
    port, own = free_port(), free_port()
    issuer = f"http://127.0.0.1:{port}"
    environment = {
        **os.environ,
        "DATABASE_URL": database_url(),
        "BASE_URL": f"http://127.0.0.1:{own}",
        "OUTBOUND_ALLOWED_HOSTS": f"127.0.0.1:{port}",
        "OIDC_ISSUER": issuer,
        "OIDC_CLIENT_ID": "portwarden",
        "OIDC_CLIENT_SECRET": "s3cret",
        "OIDC_NAME": "Example ID",
        "OIDC_GROUPS": GROUPS,
    }
    web = ["-m", "gunicorn", "-c", str(CONFIGURATION), "--bind", f"127.0.0.1:{own}", "governance.wsgi"]
    with (
        running(["-m", "oidc_provider_mock", "--port", str(port)], port, environment),
        running(web, own, environment),
        connection.cursor() as cursor,
    ):
        cursor.execute(LOOSEN)
        yield Site(f"http://127.0.0.1:{own}", issuer)
    with connection.cursor() as cursor:
        cursor.execute(GONE)


def database_url() -> str:
    """Of the database that the tests were given."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    url = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
    return url if parts.netloc or url.startswith("postgresql:///") else url.replace("postgresql:/", "postgresql:///", 1)


@contextmanager
def running(arguments: list[str], port: int, environment: dict[str, str]) -> Iterator[None]:
    """A program in Python that listens, until it does."""
    process = subprocess.Popen(
        [sys.executable, *arguments], env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        wait(process, port)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=30)


def wait(process: subprocess.Popen[bytes], port: int) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
            return
        except OSError:
            assert process.poll() is None, process.stdout and process.stdout.read().decode()
            assert time.monotonic() < until, "it does not listen"
            time.sleep(0.05)
