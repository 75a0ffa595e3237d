"""Portwarden for an agent that runs as a process of its own: the real endpoint, and a worker behind it.

It can be switched off and on again at the same port.
"""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from django.db import connection

from governance.accounts.models import Token
from scanning.deliveries import claim
from scanning.ingest import process
from scanning.programs.archive import agent_file
from tests.conftest import Machine
from tests.make import make_token

WAIT = 30.0


class Receiver:
    """What arrived is counted by its answer's status."""

    def __init__(self) -> None:
        self.secret = make_token(Token.Scope.AGENT)[1]
        self.statuses: list[int] = []
        self.server: ThreadingHTTPServer | None = None
        self.port = 0

    def __enter__(self) -> Receiver:
        receiver = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                kept = {"HTTP_AUTHORIZATION": self.headers["Authorization"]}
                kept["HTTP_IDEMPOTENCY_KEY"] = self.headers["Idempotency-Key"]
                kept["HTTP_CONTENT_ENCODING"] = self.headers["Content-Encoding"]
                path = self.path.replace("wait=5", "wait=0")
                answer = Machine(receiver.secret).generic("POST", path, body, "application/json", **kept)
                while (held := claim()) is not None:
                    process(held)
                connection.close()
                receiver.statuses.append(answer.status_code)
                self.send_response(answer.status_code)
                self.send_header("Content-Length", str(len(answer.content)))
                # An agent that was killed does not wait for it.
                with suppress(BrokenPipeError, ConnectionResetError):
                    self.end_headers()
                    self.wfile.write(answer.content)

            def log_message(self, *_: object) -> None:
                """Quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", self.port), Handler)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, args=(0.05,), daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self.server
        self.server.shutdown()
        self.server.server_close()


class Agent:
    """The agent as people run it: the one file, another Python if there is one, and its options."""

    def __init__(self, directory: Path, receiver: Receiver, *options: str) -> None:
        program, token = directory / "portwarden-agent", directory / "token"
        program.write_bytes(agent_file())
        token.write_text(f"{receiver.secret}\n")
        address = f"http://127.0.0.1:{receiver.port}"
        said = ["--url", address, "--token-file", str(token), "--interval", "5", "--name", "test", *options]
        self.command = [sys.executable, "-I", str(program), *said]
        self.log = directory / "agent.log"
        self.process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Agent:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def start(self) -> None:
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env={"PATH": os.environ["PATH"]}
            )

    def kill(self) -> None:
        """No word of farewell."""
        assert self.process
        self.process.kill()
        self.process.wait(10)


def eventually(look: Callable[[], object], wanted: object, log: Path) -> None:
    """It comes to that, within half a minute."""
    until = time.monotonic() + WAIT
    while (seen := look()) != wanted:
        assert time.monotonic() < until, f"{seen} is not {wanted}; the agent says: {log.read_text()[-2_000:]}"
        time.sleep(0.1)
