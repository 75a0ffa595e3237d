"""Our own samples, as they are or changed in one place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from governance.findings.report import ScanReport
from scanning.parsers import parse
from scanning.parsers.document import open_document

DATA = Path(__file__).parents[2] / "data"


@pytest.fixture
def sample() -> Callable[[str], Any]:
    """Load one of our samples to change it."""
    return lambda name: json.loads((DATA / name).read_text())


@pytest.fixture
def read() -> Callable[[Any], ScanReport]:
    """Read a sample by its name, bytes as they are, or any JSON value."""

    def read_any(value: Any) -> ScanReport:
        if isinstance(value, str):
            value = (DATA / value).read_bytes()
        return parse(open_document(value if isinstance(value, bytes) else json.dumps(value).encode()))

    return read_any
