"""The supervisor: what starts, ends, is in the way or was left behind, with real services and a tiny product."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import psycopg
import pytest

from governance.local.datadir import DataDirectory, read_note
from governance.local.instance import ROOT

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(not Path("/proc/self/cwd").exists(), reason="looks for processes in /proc"),
]
TINY = Path(__file__).with_name("tiny.py")


class Start:
    """One start of the supervisor on a data directory."""

    made: ClassVar[list[Start]] = []

    def __init__(self, data: Path, port: str = "0", **environment: str) -> None:
        self.data = data
        kept = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "REDIS_URL")}
        settings = {"PORTWARDEN_DATA": str(data), "PORT": port, "PYTHONPATH": str(ROOT)}
        self.process = subprocess.Popen(
            [sys.executable, str(TINY)], env=kept | settings | environment, stdout=subprocess.PIPE, text=True, cwd=ROOT
        )
        self.made.append(self)
        self.lines: list[str] = []
        # So that a line that never comes fails the test instead of hanging it.
        self.timer = threading.Timer(45, self.process.kill)
        self.timer.daemon = True
        self.timer.start()

    def until(self, beginning: str) -> str:
        """Read on until a line begins so, and return it."""
        assert self.process.stdout
        for line in self.process.stdout:
            self.lines.append(line.rstrip())
            if line.startswith(beginning):
                return line.rstrip()
        raise AssertionError(f"no line begins with {beginning!r}: {self.lines}")

    def end(self) -> tuple[int, str]:
        """Wait for the end and return the exit code and all that was said."""
        rest, _ = self.process.communicate(timeout=45)
        self.timer.cancel()
        return self.process.returncode, "\n".join([*self.lines, *rest.splitlines()])

    def stop(self, number: signal.Signals = signal.SIGTERM) -> tuple[int, str]:
        """Send a signal and wait for the end."""
        self.process.send_signal(number)
        return self.end()

    def close(self) -> None:
        """End what a test left running and close its pipe."""
        self.timer.cancel()
        self.process.kill()
        self.process.wait()
        assert self.process.stdout
        self.process.stdout.close()


@pytest.fixture(autouse=True)
def _closed() -> Iterator[None]:
    yield
    while Start.made:
        Start.made.pop().close()


def processes(data: Path) -> list[str]:
    """Return every living process of an instance: those that name its data directory, its sockets, or work in it."""
    needles = [str(data)]
    if (data / "sockets").exists():
        needles.append((data / "sockets").read_text())
    found = []
    for entry in Path("/proc").iterdir():
        if not entry.name.isdecimal() or int(entry.name) == os.getpid():
            continue
        try:
            words = (entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            where = str((entry / "cwd").readlink())
        except OSError:
            continue
        if any(needle in words or where.startswith(needle) for needle in needles):
            found.append(f"{entry.name} {words[:200]}")
    return found


def gone(data: Path, seconds: float) -> list[str]:
    """Wait until no process of an instance is left; return those that are after all."""
    deadline = time.monotonic() + seconds
    while (left := processes(data)) and time.monotonic() < deadline:
        time.sleep(0.1)
    return left


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    """A data directory whose processes are all ended afterwards, whatever the test did."""
    directory = tmp_path / "data"
    yield directory
    for line in processes(directory):
        os.kill(int(line.split()[0]), signal.SIGKILL)


def test_it_serves_and_stops_in_order(data: Path) -> None:
    start = Start(data)
    start.until("ready http://127.0.0.1:")
    assert len(processes(data)) >= 4
    assert all(path.stat().st_mode & 0o077 == 0 for path in [data, *(data / "secrets").iterdir()])
    code, said = start.stop(signal.SIGINT)
    assert code == 0
    assert said.count("ready ") == 1
    assert not processes(data)
    assert not (data / "instance.json").exists()
    assert not (data / "postgres" / "postmaster.pid").exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_it_stops_when_the_system_asks(data: Path, number: signal.Signals) -> None:
    start = Start(data)
    start.until("ready")
    assert start.stop(number)[0] == 0
    assert not processes(data)


def test_it_can_be_stopped_while_it_starts(data: Path) -> None:
    start = Start(data)
    while not (data / "logs" / "postgres.log").exists():
        time.sleep(0.01)
    assert start.stop(signal.SIGINT)[0] == 0
    assert not processes(data)


def test_killed_it_leaves_no_process_and_the_next_start_finds_the_data(data: Path) -> None:
    start = Start(data)
    start.until("ready")
    url = read_note(DataDirectory(data))["environment"]["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    os.kill(start.process.pid, signal.SIGKILL)
    # At once, while the stuck grandchild is still being waited for: the new start waits for the guard.
    again = Start(data)
    again.until("ready")
    url = read_note(DataDirectory(data))["environment"]["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        assert connection.execute("SELECT answer FROM kept").fetchone() == (42,)
    start.process.wait()
    again.stop()
    assert not processes(data)


def test_killed_together_with_its_guard_only_the_stuck_are_left(data: Path) -> None:
    start = Start(data)
    start.until("ready")
    guards = [entry for entry in children(start.process.pid) if "guard.py" in entry[1]]
    for number in (*(entry[0] for entry in guards), start.process.pid):
        os.kill(number, signal.SIGKILL)
    start.process.wait()
    deadline = time.monotonic() + 10
    while any("postgres" in line or "valkey" in line or "http.server" in line for line in processes(data)):
        assert time.monotonic() < deadline, processes(data)
        time.sleep(0.1)


def test_what_dies_is_started_again_with_the_same_data(data: Path) -> None:
    start = Start(data)
    start.until("ready")
    url = read_note(DataDirectory(data))["environment"]["DATABASE_URL"]
    with psycopg.connect(url) as connection:
        connection.execute("CREATE TABLE kept AS SELECT 42 AS answer")
    for number, words in children(start.process.pid):
        if "guard.py" not in words:
            os.kill(number, signal.SIGKILL)
    waiting = {"postgres", "valkey", "web", "family"}
    while waiting:
        line = start.until("").split()
        if line[1:4] == ["was", "ended", "by"]:
            waiting.discard(line[0])
    assert answer(url) == (42,)
    assert start.stop()[0] == 0
    assert not processes(data)


def answer(url: str) -> tuple[int, ...] | None:
    """Read the kept row once the database is back."""
    deadline = time.monotonic() + 20
    while True:
        try:
            with psycopg.connect(url) as connection:
                return connection.execute("SELECT answer FROM kept").fetchone()
        except psycopg.OperationalError:
            assert time.monotonic() < deadline
            time.sleep(0.2)


def children(parent: int) -> list[tuple[int, str]]:
    """Return number and command line of the children of a process."""
    numbers = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return [(int(n), Path(f"/proc/{n}/cmdline").read_text().replace("\0", " ")) for n in numbers]


def test_a_postgres_left_behind_is_taken_over(data: Path) -> None:
    """What is left when nothing at all could clean up: a server on the directory and a lock file naming it."""
    start = Start(data)
    start.until("ready")
    start.stop()
    words = ["-c", "listen_addresses=", "-c", f"unix_socket_directories={data}"]
    shim = [sys.executable, "-c", LAUNCH, str(data / "postgres"), *words]
    orphan = subprocess.Popen(shim, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=ROOT)
    while not (data / "postgres" / "postmaster.pid").exists():
        time.sleep(0.05)
    again = Start(data)
    again.until("ready")
    assert orphan.wait(timeout=10) is not None
    again.stop()


LAUNCH = """
import os, sys
from pathlib import Path
from governance.local import identity, wheels
from governance.local.process import wrap
program = wheels.postgres_programs("18") / "postgres"
data = Path(sys.argv[1])
command = wrap([str(program), "-D", str(data), *sys.argv[2:]], identity.choose(program, data), 0)
os.execv(command[0], command)
"""


def test_a_lock_file_naming_a_stranger_does_not_stop_it(data: Path) -> None:
    start = Start(data)
    start.until("ready")
    start.stop()
    lines = [str(os.getpid()), str(data / "postgres"), "1700000000", "5432", str(data), "", "  1  1", "ready   "]
    (data / "postgres" / "postmaster.pid").write_text("\n".join(lines) + "\n")
    again = Start(data)
    again.until("ready")
    again.stop()


def test_two_starts_of_one_directory_give_one_sentence(data: Path) -> None:
    first = Start(data)
    address = first.until("ready").split()[1]
    code, said = Start(data).end()
    assert code == 1
    assert said.startswith(f"Portwarden already runs on {data}")
    assert address in said
    assert said.count("\n") == 0
    first.stop()


def test_two_directories_run_side_by_side(tmp_path: Path) -> None:
    starts = [Start(tmp_path / name) for name in ("one", "two")]
    addresses = {start.until("ready") for start in starts}
    assert len(addresses) == 2
    for start in starts:
        assert start.stop()[0] == 0
        assert not processes(start.data)


def test_a_taken_port_gives_one_sentence(data: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        code, said = Start(data, str(port)).end()
    assert code == 1
    assert said == f"Port {port} is taken; choose another one: make up PORT={port + 1}."


def test_a_deep_checkout_works(tmp_path: Path) -> None:
    data = tmp_path.joinpath(*["a-directory-with-a-rather-long-name"] * 5) / "data"
    start = Start(data)
    start.until("ready")
    assert start.stop()[0] == 0


@pytest.mark.parametrize(
    ("content", "begins"),
    [("17\n", "was made by PostgreSQL 17 and this Portwarden brings PostgreSQL 18")],
)
def test_data_of_another_major_version_gives_one_sentence(data: Path, content: str, begins: str) -> None:
    (data / "postgres").mkdir(parents=True)
    (data / "postgres" / "PG_VERSION").write_text(content)
    code, said = Start(data).end()
    assert code == 1
    assert said.startswith(f"{data / 'postgres'} {begins}")
    assert said.count("\n") == 0


def test_a_directory_that_cannot_be_made_gives_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    code, said = Start(tmp_path / "file" / "data").end()
    assert code == 1
    assert "cannot be written" in said
    assert said.count("\n") == 0


def test_given_services_are_used_and_none_started(data: Path, tmp_path: Path) -> None:
    given = {"DATABASE_URL": "postgresql://nobody@127.0.0.1:1/x", "REDIS_URL": "redis://127.0.0.1:1/0"}
    start = Start(data, **given)
    start.until("ready")
    assert not (data / "postgres").exists()
    note = json.loads((data / "instance.json").read_text())
    assert "DATABASE_URL" not in note["environment"]
    start.stop()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("runuser"), reason="needs root to become somebody else")
def test_an_ordinary_user_can_run_it() -> None:
    """And root afterwards on the same data, without taking it away from its owner."""
    home = Path(tempfile.mkdtemp(prefix="portwarden-"))
    shutil.chown(home, "nobody")
    try:
        if subprocess.run(["runuser", "-u", "nobody", "--", sys.executable, "-c", ""], check=False).returncode:
            pytest.skip("this Python cannot be reached by other users")
        command = [
            "runuser",
            "-u",
            "nobody",
            "--",
            "env",
            "-u",
            "DATABASE_URL",
            "-u",
            "REDIS_URL",
            f"PORTWARDEN_DATA={home / 'data'}",
            "PORT=0",
        ]
        command += [f"PYTHONPATH={ROOT}", "XDG_RUNTIME_DIR=", sys.executable, str(TINY)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd="/") as process:
            assert process.stdout
            assert any(line.startswith("ready") for line in process.stdout)
            for number, _ in children(process.pid):
                os.kill(number, signal.SIGTERM)
        start = Start(home / "data")
        start.until("ready")
        assert start.stop()[0] == 0
        assert {path.owner() for path in (home / "data" / "postgres").rglob("*")} == {"nobody"}
    finally:
        shutil.rmtree(home)
