"""`make lint`: every check that is not a test, all of them even when one fails."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Sequence

from governance.local.instance import PYTHON, ROOT
from governance.local.problem import say

# Settings as a production server would have them; nothing here connects to anything.
SETTINGS = {
    "SECRET_KEY": "only-for-checks-" + "0123456789abcdefghijklmnopqrstuvwxyz" * 2,
    "ENCRYPTION_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
    "BASE_URL": "https://portwarden.example.com",
    "DATABASE_URL": "postgresql:///portwarden?host=/nonexistent",
}
CHECKS: dict[str, Sequence[str]] = {
    "ruff": ["-m", "ruff", "check", "."],
    "ruff format": ["-m", "ruff", "format", "--check", "."],
    "mypy": ["-m", "mypy"],
    "djlint": ["-m", "djlint", "templates", "--lint", "--quiet"],
    "deployment": ["manage.py", "check", "--deploy", "--fail-level", "WARNING"],
    "migrations": ["-W", "ignore::RuntimeWarning", "manage.py", "makemigrations", "--check", "--dry-run"],
}
LOCKS = ["package-lock.json", *(path.name for path in ROOT.glob("requirements*.txt"))]
ADDRESS = re.compile(r"https?://|file://|--(extra-)?index-url|--find-links|\bresolved\b")


def addresses() -> list[str]:
    """Return the lines of lock files that name a host or an index."""
    found = []
    for name in LOCKS:
        for number, line in enumerate((ROOT / name).read_text().splitlines(), 1):
            if ADDRESS.search(line):
                found.append(f"{name}:{number}: {line.strip()}")
    return found


def main() -> int:
    """Run every check; 1 when any failed."""
    failed = []
    for name, command in CHECKS.items():
        say(f"== {name}")
        environment = {**os.environ, **SETTINGS}
        if subprocess.run([PYTHON, *command], cwd=ROOT, check=False, env=environment).returncode != 0:  # noqa: S603
            failed.append(name)
    say("== lock files name no host")
    for line in addresses():
        say(line)
        failed = [*failed, "lock files"]
    say("lint failed: " + ", ".join(dict.fromkeys(failed)) if failed else "lint passed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
