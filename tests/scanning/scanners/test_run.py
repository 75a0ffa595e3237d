"""A scanner's program that hangs, dies, prints garbage, floods, forks or hides: bounded, and gone afterwards."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from scanning.scanners.run import CONFINE, run
from scanning.scanners.values import ScanFailed

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="process limits are those of Linux")

MARK = "portwarden-test-scanner"


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    """Where the program runs, and where its credentials would lie."""
    made = tmp_path / "scan"
    made.mkdir()
    (made / "config.json").write_text("{}")
    return made


@pytest.fixture(autouse=True)
def _bounds(settings: Any) -> None:
    settings.SCANNER_SECONDS, settings.SCANNER_MEMORY_MB, settings.BODY_LIMIT = 20, 512, 2**20


def program(text: str, directory: Path, stop: float = 1e9) -> bytes:
    """Run a piece of Python as the scanner; asks it to stop after `stop` seconds."""
    begun = time.monotonic()
    command = [sys.executable, "-I", "-S", "-c", text, MARK]
    return run(command, {"PATH": os.environ["PATH"]}, directory, lambda: time.monotonic() - begun > stop)


def alive() -> list[str]:
    """Processes that the programs of these tests left behind."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().decode(errors="replace")
            state = file.with_name("stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if MARK in words and state != "Z":
            found.append(words)
    return found


def refused(text: str, directory: Path, **more: float) -> str:
    with pytest.raises(ScanFailed) as failure:
        program(text, directory, **more)
    assert not directory.exists()
    assert not alive()
    return str(failure.value)


def test_what_it_writes_is_the_report(directory: Path) -> None:
    assert program("print('{}')", directory) == b"{}\n"
    assert not directory.exists()


def test_it_gets_no_environment_but_its_own(directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DATABASE_PASSWORD", "s3cret")
    assert b"s3cret" not in program("import os; print(dict(os.environ))", directory)


def test_one_that_hangs_is_ended(directory: Path, settings: Any) -> None:
    settings.SCANNER_SECONDS = 1
    assert "not done after 1 seconds" in refused("import time; time.sleep(600)", directory)


def test_one_that_listens_to_nothing_is_ended(directory: Path, settings: Any) -> None:
    settings.SCANNER_SECONDS = 1
    deaf = "import signal, time\nfor n in (1, 2, 15): signal.signal(n, signal.SIG_IGN)\nwhile True: time.sleep(1)"
    refused(deaf, directory)


def test_one_that_dies_says_why(directory: Path) -> None:
    said = refused("import sys; sys.stderr.write('no such image\\n'); sys.exit(3)", directory)
    assert said.endswith("ended with code 3. It says: no such image")
    (directory).mkdir()
    assert "code 137" in refused("import os; os.kill(os.getpid(), 9)", directory)


def test_one_that_writes_nothing_failed(directory: Path) -> None:
    assert "wrote nothing" in refused("pass", directory)


def test_a_flood_is_cut_off(directory: Path) -> None:
    began = time.monotonic()
    flood = "import sys\npiece = b'x' * 65536\nfor _ in range(16384): sys.stdout.buffer.write(piece)"
    assert "more than 1 MiB" in refused(flood, directory)
    assert time.monotonic() - began < 10


def test_a_flood_of_complaints_does_not_grow(directory: Path) -> None:
    flood = "import sys\nfor _ in range(20000): sys.stderr.write('x' * 1000)\nsys.exit(1)"
    assert len(refused(flood, directory)) < 1_000


def test_one_that_wants_too_much_memory_gets_none(directory: Path) -> None:
    assert "MemoryError" in refused("x = bytearray(2 * 2**30); print(len(x))", directory)


FORKS = """
import os, time
for _ in range(40):
    if not os.fork():
        os.setsid()
        if os.fork():
            os._exit(0)
        os.close(1); os.close(2)
        time.sleep(600)
print("{}")
"""


def test_what_it_forked_off_is_gone_too(directory: Path) -> None:
    # In sessions of their own and without their parents, as daemons do.
    assert program(FORKS, directory) == b"{}\n"
    assert not alive()


BOMB = """
import os, time
end = time.monotonic() + 600
for _ in range(7):
    os.fork()
while time.monotonic() < end:
    time.sleep(1)
"""


def test_one_that_forks_and_forks_is_ended(directory: Path, settings: Any) -> None:
    settings.SCANNER_SECONDS = 3
    refused(BOMB, directory)


def test_a_worker_that_stops_takes_it_along(directory: Path) -> None:
    began = time.monotonic()
    assert "the worker was stopped" in refused("import time; time.sleep(600)", directory, stop=0.5)
    assert time.monotonic() - began < 10


def test_a_worker_that_is_killed_leaves_nothing(directory: Path) -> None:
    # A process between us and the wrapper, as the worker is: killed, the wrapper ends everything and cleans up.
    text = (
        "import subprocess, sys, os\n"
        f"subprocess.run([sys.executable, '-I', '-S', {str(CONFINE)!r}, str(os.getpid()), '60', '512',"
        f" {str(directory)!r}, sys.executable, '-c', 'import time; time.sleep(600)', {MARK!r}])"
    )
    with subprocess.Popen([sys.executable, "-c", text]) as worker:
        until = time.monotonic() + 10
        while len(alive()) < 2 and time.monotonic() < until:
            time.sleep(0.05)
        assert alive()
        worker.send_signal(signal.SIGKILL)
    until = time.monotonic() + 10
    while (alive() or directory.exists()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive()
    assert not directory.exists()


def test_one_that_is_not_there_says_so(directory: Path) -> None:
    with pytest.raises(ScanFailed, match="cannot be started"):
        run(["/nowhere/scanner", "x"], {}, directory, lambda: False)
