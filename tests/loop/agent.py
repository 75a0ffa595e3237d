"""`portwarden-agent` as people run it, beside the engine."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.loop.instance import Portwarden


@contextmanager
def agent(portwarden: Portwarden, socket: Path, directory: Path) -> Iterator[Path]:
    """The program that Portwarden hands out, with a token of its own; its log."""
    token = portwarden.ask("tokens/", {"name": "agent", "scope": "agent"})["secret"]
    (directory / "agent-token").write_text(f"{token}\n")
    program, log = portwarden.program("portwarden-agent", directory), directory / "agent.log"
    words = ["--url", portwarden.url, "--token-file", str(directory / "agent-token"), "--interval", "5"]
    words += ["--name", "shop-host", "--environment", "production", "--source", f"unix://{socket}"]
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-I", str(program), *words],
            env=portwarden.environment,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=out,
        )
    try:
        yield log
    finally:
        process.terminate()
        process.wait(20)
