"""The agent against a real Podman: whatever happens in between, what is known ends equal to what the engine says."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from governance.images.models import Image
from governance.runtime.models import Agent as AgentRow
from governance.runtime.models import Running
from tests.parts import need, short_directory
from tests.scanning.agent.receiver import Agent, Receiver, eventually
from tests.scanning.real_images import CONTAINERS

pytestmark = pytest.mark.django_db(transaction=True)
API = "registry.example/shop/api"


class Podman:
    """An engine with a store of its own, served on a socket."""

    def __init__(self, directory: Path, run: Path) -> None:
        self.program, _ = need("podman", "runc")
        if os.getuid() != 0:
            pytest.skip("podman: without root it needs ranges of user ids that not every machine has")
        self.socket = directory / "podman.sock"
        (directory / "containers.conf").write_text(CONTAINERS)
        self.environment = {
            "CONTAINERS_CONF": str(directory / "containers.conf"),
            "HOME": str(directory),
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
        }
        places = ["--root", str(directory / "store"), "--runroot", str(run)]
        self.command = [self.program, *places, "--tmpdir", str(directory / "tmp"), "--storage-driver", "vfs"]
        self.archive = directory / "root.tar"

    def run(self, *command: str) -> str:
        done = subprocess.run(
            [*self.command, *command],
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
        assert done.returncode == 0, (command, done.stderr)
        return done.stdout.strip()

    def serve(self) -> subprocess.Popen[bytes]:
        command = [*self.command, "system", "service", "--time", "0", f"unix://{self.socket}"]
        quiet = subprocess.DEVNULL
        service = subprocess.Popen(command, env=self.environment, stdin=quiet, stdout=quiet, stderr=quiet)
        until = time.monotonic() + 20
        while not self.socket.is_socket() and time.monotonic() < until:
            time.sleep(0.02)
        return service

    def make_image(self, name: str, word: str) -> None:
        """Nothing but `sleep` and what it is linked with."""
        linked = [
            part
            for line in subprocess.check_output(["ldd", "/bin/sleep"], text=True).split("\n")
            for part in line.split()
        ]
        paths = ["/bin/sleep", *(part for part in linked if part.startswith("/"))]
        with tarfile.open(self.archive, "w", dereference=True) as tar:
            for path in dict.fromkeys(paths):
                tar.add(Path(path).resolve(), path)
        self.run(
            "import", "--quiet", "-c", 'CMD ["/bin/sleep", "1000"]', "-c", f"ENV WORD={word}", str(self.archive), name
        )

    def start(self, name: str, image: str, *options: str) -> None:
        self.run("run", "--quiet", "-d", "--net", "none", "--name", name, *options, image)

    def says(self) -> set[tuple[str, str]]:
        """(container, config digest of its image) of what runs."""
        listed = json.loads(self.run("ps", "--format", "json"))
        return {(one["Names"][0], f"sha256:{one['ImageID']}") for one in listed}


@pytest.fixture(scope="module")
def podman(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Podman]:
    """With two images, under one name by and by."""
    with short_directory() as run:
        engine = Podman(tmp_path_factory.mktemp("podman"), run)
        service = engine.serve()
        try:
            engine.make_image(f"{API}:1.0", "one")
            engine.make_image(f"{API}:1.1", "two")
            yield engine
            engine.run("rm", "--all", "--force", "--time", "0")
        finally:
            service.terminate()
            service.wait(10)


def known() -> set[tuple[str, str]]:
    """The same, as Portwarden knows it."""
    rows = Running.objects.now().select_related("workload", "image")
    return {(row.workload.name, str(row.image.config_digest) if row.image else "") for row in rows}


def test_what_is_known_follows_the_engine_through_everything(podman: Podman, tmp_path: Path) -> None:
    podman.start("api", f"{API}:1.0", "--user", "1000", "--label", "team=shop")
    receiver = Receiver()
    with receiver, Agent(tmp_path, receiver, "--source", f"unix://{podman.socket}") as agent:
        eventually(known, podman.says(), agent.log)
        podman.start("web", f"{API}:1.1", "--privileged")
        eventually(known, podman.says(), agent.log)
        # The tag moves; what runs does not.
        podman.run("tag", f"{API}:1.1", f"{API}:1.0")
        podman.start("new", f"{API}:1.0")
        eventually(known, podman.says(), agent.log)
        assert {(row.workload.name, row.written) for row in Running.objects.now().select_related("workload")} == {
            ("api", f"{API}:1.0"),
            ("web", f"{API}:1.1"),
            ("new", f"{API}:1.0"),
        }
        agent.kill()
        podman.run("rm", "--force", "--time", "0", "new")
        agent.start()
        eventually(known, podman.says(), agent.log)
    assert {200, 202} >= set(receiver.statuses)
    with Agent(tmp_path, receiver, "--source", f"unix://{podman.socket}") as agent:
        # The server is away, and things go on.
        podman.run("stop", "--time", "0", "web")
        podman.start("late", f"{API}:1.1")
        time.sleep(3)
        assert known() != podman.says()
        with receiver:
            eventually(known, podman.says(), agent.log)
    told = {row.workload.name: row for row in Running.objects.select_related("workload", "agent")}
    assert (told["api"].user, told["api"].privileged, told["api"].runtime, told["api"].sandbox) == (
        *("1000", False),
        *("runc", "none"),
    )
    assert told["api"].workload.owner == "shop"
    assert (told["web"].user, told["web"].privileged, told["web"].rootless) == ("root", True, False)
    assert told["web"].stopped_at is not None
    row = AgentRow.objects.get()
    assert (row.name, row.engine, row.state, row.is_doubled) == ("podman", "podman", "heard", False)
    assert sorted(Image.objects.values_list("running", flat=True)) == [1, 1]
