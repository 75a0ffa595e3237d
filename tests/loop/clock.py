"""A wall clock that can be put forward under running programs, as if they had run until then."""

from __future__ import annotations

import mmap
import struct
import subprocess
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

from tests.parts import need

SOURCE = Path(__file__).with_name("clock.c")


class Clock:
    """Programs that are started with `environment` go by it, if they ask the C library what time it is."""

    def __init__(self, directory: Path) -> None:
        (compiler,) = need("gcc")
        self.library, self.file = directory / "clock.so", directory / "clock"
        options = ["-O2", "-Wall", "-Werror", "-fno-builtin", "-shared", "-fPIC", "-nostdlib"]
        subprocess.run([compiler, *options, "-o", str(self.library), str(SOURCE)], check=True)
        self.file.write_bytes(bytes(8))
        self.file.chmod(0o644)
        self.environment = {"LD_PRELOAD": str(self.library), "CLOCK_FILE": str(self.file)}

    def ahead(self) -> int:
        """Seconds."""
        return int(struct.unpack("l", self.file.read_bytes())[0])

    def now(self) -> datetime:
        """What these programs take for now."""
        return datetime.fromtimestamp(time.time() + self.ahead(), UTC)

    def forward(self, step: timedelta) -> None:
        """Let so much time pass."""
        with self.file.open("r+b") as file, mmap.mmap(file.fileno(), 8) as shared:
            # Eight bytes at once: nobody reads a time that is half the one and half the other.
            shared[:8] = struct.pack("l", self.ahead() + int(step.total_seconds()))

    def forward_to(self, moment: datetime) -> None:
        """Until then, if that is not over."""
        self.forward(max(moment - self.now(), timedelta()) + timedelta(seconds=1))
