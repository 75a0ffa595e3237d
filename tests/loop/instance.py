"""Portwarden as `make up` runs it, in a directory of its own and by a clock of its own, and talking to it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from types import TracebackType
from typing import Any

from governance.local.instance import ROOT
from tests.loop.clock import Clock

# What is kept of our environment: not the addresses and keys of the other tests.
KEPT = ("PATH", "HOME", "LANG", "TMPDIR", "PYTHONPATH", "VIRTUAL_ENV")
LONGEST = 180


class Portwarden:
    """The command itself, in the foreground: PostgreSQL, Valkey, web, worker and beat are its children."""

    def __init__(self, data: Path, clock: Clock, settings: dict[str, str]) -> None:
        kept = {name: os.environ[name] for name in KEPT if name in os.environ}
        own = {"PORTWARDEN_DATA": str(data), "PORT": "0", "DEMO": "0", "PYTHONPATH": str(ROOT)}
        self.environment = {**kept, **clock.environment, **own, **settings}
        self.logs = data / "logs"
        self.lines: list[str] = []
        self.url = self.password = self.ci = self.admin = ""

    def __enter__(self) -> Portwarden:
        self.process = subprocess.Popen(
            self.command("up"),
            env=self.environment,
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        # So that a line that never comes fails the test instead of hanging it.
        timer = threading.Timer(LONGEST, self.process.kill)
        timer.daemon = True
        timer.start()
        try:
            self.read()
            self.admin = self.manage("token", "create", "loop", "--scope", "admin")
        except BaseException:
            self.__exit__(None, None, None)
            raise
        finally:
            timer.cancel()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.process.terminate()
        rest, _ = self.process.communicate(timeout=60)
        self.lines += rest.splitlines()

    def command(self, *words: str) -> list[str]:
        """What the Makefile calls once all is installed."""
        return [sys.executable, "-m", "governance.local", *words]

    def read(self) -> None:
        """Until it serves, with what it says once: the administrator's password and the token for CI."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith("administrator: admin / "):
                self.password = line.split()[3]
            if line.startswith("CI token: "):
                self.ci = line.split()[2]
            if line.startswith("ready "):
                self.url = line.split()[1]
                return
        raise AssertionError(f"it did not come up: {self.lines}")

    def manage(self, *words: str) -> str:
        """`make manage`; what it printed."""
        command, ours = self.command("manage", *words), self.environment
        done = subprocess.run(command, env=ours, cwd=ROOT, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout.strip()

    def ask(self, path: str, document: Any = None, method: str = "") -> Any:
        """Call the API as an administrator's machine; what it answers."""
        headers = {"Authorization": f"Bearer {self.admin}", "Content-Type": "application/json"}
        body = None if document is None else json.dumps(document).encode()
        request = urllib.request.Request(f"{self.url}/api/v1/{path}", body, headers, method=method or None)  # noqa: S310
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
                return json.loads(answer.read() or b"null")
        except urllib.error.HTTPError as error:
            with error:
                raise AssertionError((path, error.code, error.read()[:2000])) from None

    def rows(self, path: str) -> list[dict[str, Any]]:
        """The first page of a list."""
        return list(self.ask(path)["results"])

    def program(self, name: str, directory: Path) -> Path:
        """Fetch one of the programs that it hands out."""
        with urllib.request.urlopen(f"{self.url}/programs/{name}", timeout=30) as answer:  # noqa: S310
            body = answer.read()
        path = directory / name
        path.write_bytes(body)
        return path

    def log(self, name: str) -> str:
        """The end of a program's log."""
        path = self.logs / f"{name}.log"
        return path.read_text(errors="replace")[-3000:] if path.exists() else ""
