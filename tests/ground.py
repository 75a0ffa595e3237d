"""The ground the tests stand on: a real PostgreSQL and Valkey, started for the run unless addresses are given.

A plugin of its own (`-p tests.ground`), because pytest-django reads the settings before any conftest is loaded.
"""

from __future__ import annotations

import atexit
import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

from governance.local.services import postgres, valkey

os.environ.setdefault("SECRET_KEY", "only-for-tests-" + "x" * 50)
os.environ.setdefault("ENCRYPTION_KEY", "b25seS1mb3ItdGVzdHMtMDEyMzQ1Njc4OWFiY2RlZmc=")
os.environ.setdefault("LOG_LEVEL", "ERROR")
STACK = ExitStack()
# An empty directory: static files are found where they lie.
os.environ.setdefault("STATIC_ROOT", STACK.enter_context(tempfile.TemporaryDirectory(prefix="portwarden-static-")))


def _start() -> None:
    directory = Path(STACK.enter_context(tempfile.TemporaryDirectory(prefix="portwarden-tests-")))
    os.environ["DATABASE_URL"] = STACK.enter_context(postgres(directory / "postgres", durable=False))
    os.environ["REDIS_URL"] = STACK.enter_context(valkey(directory / "valkey"))
    atexit.register(STACK.close)


# Parallel workers are children of the first process and inherit its addresses.
if "DATABASE_URL" not in os.environ:
    _start()
