"""The agent as the one file that people fetch: its modules packed into a zip archive that Python runs as it is.

See Python's documentation of `zipapp`: the archive begins with a `#!` line and holds a `__main__.py`. Made of the files
of this installation and always byte for byte the same, so that its hash can be compared.
"""

from __future__ import annotations

import io
import zipfile
from functools import cache
from pathlib import Path

AGENT = Path(__file__).parent.parent / "agent"
MAIN = b"import sys\n\nfrom scanning.agent.main import main\n\nsys.exit(main())\n"
# The oldest time that a zip archive can hold.
LONG_AGO = (1980, 1, 1, 0, 0, 0)


@cache
def agent_file() -> bytes:
    """The archive."""
    files = {"__main__.py": MAIN, "scanning/__init__.py": b""}
    for path in sorted(AGENT.glob("*.py")):
        if path.name != "__main__.py":
            files[f"scanning/agent/{path.name}"] = path.read_bytes()
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for name, body in files.items():
            archive.writestr(zipfile.ZipInfo(name, LONG_AGO), body, zipfile.ZIP_DEFLATED)
    return b"#!/usr/bin/env python3\n" + packed.getvalue()
