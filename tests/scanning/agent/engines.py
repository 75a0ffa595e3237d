"""Real engines on a socket of their own, each with a store of its own, driven by their own programs."""

from __future__ import annotations

import json
import os
import subprocess
import tarfile
import time
from contextlib import suppress
from pathlib import Path

import pytest

from tests.parts import need
from tests.scanning.real_images import CONTAINERS

PATHS = "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"
# No network, which needs rights over the host's own; control groups that nobody else manages. Containers outlive it.
DAEMON = {
    "iptables": False,
    "ip6tables": False,
    "bridge": "none",
    "live-restore": True,
    "storage-driver": "vfs",
    "exec-opts": ["native.cgroupdriver=cgroupfs"],
}


class Engine:
    """What Docker's and Podman's command lines have in common."""

    name = ""
    quiet: tuple[str, ...] = ()
    privileged: tuple[str, ...] = ("--privileged",)

    def __init__(self, directory: Path, run: Path) -> None:
        if os.getuid() != 0:
            pytest.skip(f"{self.name}: without root it needs ranges of user ids that not every machine has")
        self.directory, self.socket = directory, run / f"{self.name}.sock"
        self.environment = {"HOME": str(directory), "PATH": PATHS}
        self.command: list[str] = []
        self.service: list[str] = []
        self.process: subprocess.Popen[bytes] | None = None

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

    def serve(self) -> None:
        """Until it answers."""
        with (self.directory / "engine.log").open("ab") as log:
            self.process = subprocess.Popen(
                self.service, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        until = time.monotonic() + 20
        while time.monotonic() < until:
            with suppress(AssertionError):
                self.says()
                if self.socket.is_socket():
                    return
            time.sleep(0.05)
        pytest.fail(f"{self.name}: {(self.directory / 'engine.log').read_text()[-2_000:]}")

    def kill(self) -> None:
        """The service, in the middle of whatever it does."""
        assert self.process
        self.process.kill()
        self.process.wait(10)

    def stop(self) -> None:
        """Nothing of it runs afterwards."""
        if self.process is None:
            return
        if self.process.poll() is not None:
            self.serve()
        self.remove(*self.run("ps", "--all", "--quiet").split())
        self.process.terminate()
        self.process.wait(20)

    def remove(self, *names: str) -> None:
        """Whatever they do at that moment."""
        if names:
            self.run("rm", "--force", *names)

    def make_image(self, name: str, word: str) -> None:
        """Nothing but `sleep` and what it is linked with."""
        archive = self.directory / "root.tar"
        if not archive.exists():
            pack_sleep(archive)
        said = ("-c", 'CMD ["/bin/sleep", "1000"]', "-c", f"ENV WORD={word}")
        self.run("import", *self.quiet, *said, str(archive), name)

    def start(self, name: str, image: str, *options: str) -> None:
        self.run("run", *self.quiet, "-d", "--net", "none", "--name", name, *options, image)

    def says(self) -> set[tuple[str, str]]:
        """(container, config digest of its image) of what runs."""
        names = self.run("ps", "--quiet").split()
        found = json.loads(self.run("inspect", *names)) if names else []
        return {(one["Name"].lstrip("/"), f"sha256:{one['Image'].removeprefix('sha256:')}") for one in found}


def has_all_capabilities() -> bool:
    """Whether nothing is missing in what we may hand on (`CapBnd`, proc_pid_status(5))."""
    last, status = Path("/proc/sys/kernel/cap_last_cap"), Path("/proc/self/status")
    if not last.exists():
        return False
    words = dict(line.split(":", 1) for line in status.read_text().splitlines())
    return int(words["CapBnd"], 16) == (1 << int(last.read_text()) + 1) - 1


def pack_sleep(archive: Path) -> None:
    """A root file system of `sleep` and what it is linked with, of this machine."""
    linked = subprocess.check_output(["ldd", "/bin/sleep"], text=True).split()
    with tarfile.open(archive, "w", dereference=True) as tar:
        paths = [Path("/bin/sleep"), *(Path(part) for part in linked if part.startswith("/"))]
        # Whoever is not root inside must get through the folders, too.
        for folder in sorted({parent for path in paths for parent in path.parents}):
            tar.addfile(directory(folder))
        for path in dict.fromkeys(paths):
            tar.add(path.resolve(), path)


def directory(path: Path) -> tarfile.TarInfo:
    """One that everybody may enter."""
    found = tarfile.TarInfo(str(path))
    found.type, found.mode = tarfile.DIRTYPE, 0o755
    return found


class Podman(Engine):
    """Its service may die; the containers live on by themselves."""

    name = "podman"
    quiet = ("--quiet",)

    def __init__(self, directory: Path, run: Path) -> None:
        program, _ = need("podman", "runc")
        super().__init__(directory, run)
        (directory / "containers.conf").write_text(CONTAINERS)
        self.environment["CONTAINERS_CONF"] = str(directory / "containers.conf")
        places = ["--root", str(directory / "store"), "--runroot", str(run), "--tmpdir", str(directory / "tmp")]
        self.command = [program, *places, "--storage-driver", "vfs"]
        self.service = [*self.command, "system", "service", "--time", "0", f"unix://{self.socket}"]

    def remove(self, *names: str) -> None:
        """It would wait for ten seconds first."""
        if names:
            super().remove("--time", "0", *names)


class Docker(Engine):
    """Its daemon starts a containerd of its own. It gives a privileged container what this machine may not have."""

    name = "docker"
    privileged = ("--privileged",) if has_all_capabilities() else ()

    def __init__(self, directory: Path, run: Path) -> None:
        daemon, program, _ = need("dockerd", "docker", "runc")
        super().__init__(directory, run)
        places = {"data-root": directory / "data", "exec-root": run / "exec", "pidfile": run / "pid"}
        said = {name: str(place) for name, place in places.items()}
        (directory / "daemon.json").write_text(json.dumps(DAEMON | said))
        self.command = [program, "--host", f"unix://{self.socket}"]
        self.service = [daemon, "--config-file", str(directory / "daemon.json"), *self.command[1:]]
        self.below = run / "exec" / "containerd" / "containerd.pid"

    def kill(self) -> None:
        """Its containerd dies with it, a moment later; who starts too early takes it for one that lives."""
        below = Path("/proc") / self.below.read_text()
        super().kill()
        while below.exists():
            time.sleep(0.02)

    def stop(self) -> None:
        """A daemon that containers may outlive leaves its folder mounted."""
        super().stop()
        subprocess.run(["umount", self.directory / "data"], capture_output=True, check=False)
