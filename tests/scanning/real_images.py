"""Images as people really build them: buildah and podman build, skopeo moves them, each in a store of its own.

base/os:12, base/os:latest        from nothing
└ base/python:3.12                built on what was pulled
  ├ shop/api:1.0, shop/api:1.1    `--layers`: buildah then notes the digest of its own last step as the base's
  ├ shop/config:1                 nothing but its configuration is its own
  ├ shop/squash:1                 `podman build --squash`: its own layers are one
  └ shop/flat:1                   `buildah build --squash`: all layers are one, only the annotation tells the base
base/multi:1                      an index of two platforms, whose layers are the same bytes
└ shop/multi:1, shop/multi:1.0    an index, too
shop/gone:old, shop/gone:older    deleted later
"""

from __future__ import annotations

import io
import subprocess
import tarfile
from pathlib import Path

from tests.parts import need
from tests.scanning.real_registry import PASSWORD, USER, RealRegistry

LOGIN = f"{USER}:{PASSWORD}"
PLATFORMS = ("linux/amd64", "linux/arm64")
# What runs in a container without systemd, cgroups of its own or a journal.
CONTAINERS = """
[containers]
default_ulimits = ["nofile=1024:20000", "nproc=4096:4096"]
[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
"""


class Tools:
    """The programs, with one store for all."""

    def __init__(self, root: Path, run: Path) -> None:
        self.buildah, self.podman, self.skopeo, _ = need("buildah", "podman", "skopeo", "runc")
        self.root, self.context = root, root / "context"
        self.context.mkdir()
        (root / "containers.conf").write_text(CONTAINERS)
        self.environment = {
            "CONTAINERS_CONF": str(root / "containers.conf"),
            "HOME": str(root),
            "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin",
            "TMPDIR": str(root),
        }
        self.store = ["--root", str(root / "store"), "--runroot", str(run), "--storage-driver", "vfs"]

    def run(self, *command: str, text: str = "") -> None:
        done = subprocess.run(
            command, input=text, env=self.environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, (command, done.stderr)

    def build(self, reference: str, dockerfile: str, *options: str, tool: str = "buildah", push: bool = True) -> None:
        """Build and push it, or only build it."""
        program = [getattr(self, tool), *self.store]
        if tool == "podman":
            program += ["--tmpdir", str(self.root / "podman")]
        common = ["--isolation", "chroot", "--format", "oci", "--tls-verify=false", "--creds", LOGIN, "--pull-always"]
        self.run(*program, "build", *common, *options, "-t", reference, "-f", "-", str(self.context), text=dockerfile)
        if push:
            self.push(reference, *program)

    def push(self, reference: str, *program: str) -> None:
        """What was built."""
        self.run(*(program or [self.buildah, *self.store]), "push", "--tls-verify=false", "--creds", LOGIN, reference)

    def build_index(self, reference: str, dockerfile: str) -> None:
        """Build one for each platform, and push the index."""
        common = ["--isolation", "chroot", "--tls-verify=false", "--creds", LOGIN, "--pull-always"]
        platforms = ["--platform", ",".join(PLATFORMS), "--manifest", reference]
        buildah = [self.buildah, *self.store]
        self.run(*buildah, "build", *common, *platforms, "-f", "-", str(self.context), text=dockerfile)
        login = ["--tls-verify=false", "--creds", LOGIN]
        self.run(*buildah, "manifest", "push", "--all", *login, reference, f"docker://{reference}")

    def copy(self, source: str, target: str) -> None:
        """From registry to registry, or another tag of the same, byte for byte."""
        insecure = ["--src-tls-verify=false", "--dest-tls-verify=false", "--src-creds", LOGIN, "--dest-creds", LOGIN]
        places = [f"docker://{source}", f"docker://{target}"]
        self.run(self.skopeo, "copy", "--all", "--preserve-digests", *insecure, *places)

    def delete(self, reference: str) -> None:
        """The manifest that the tag names, and with it all tags that name it."""
        self.run(self.skopeo, "delete", "--tls-verify=false", "--creds", LOGIN, f"docker://{reference}")

    def file(self, name: str, text: str) -> None:
        (self.context / name).write_text(text)

    def archive(self, name: str, **files: str) -> None:
        """A root file system to ADD."""
        with tarfile.open(self.context / name, mode="w") as tar:
            for path, text in files.items():
                entry = tarfile.TarInfo(path.replace("__", "/"))
                entry.size = len(text)
                tar.addfile(entry, io.BytesIO(text.encode()))


def build_all(tools: Tools, host: str) -> None:
    """All images of the table above, in the registry at `host`, which the annotations name."""
    for name in ("python", "api", "next", "one", "two", "multi", "gone"):
        tools.file(name, f"{name}\n")
    tools.archive("os.tar", etc__os__release='ID=debian\nVERSION_ID="12"\n')
    tools.archive("multi.tar", etc__os__release="ID=alpine\n")
    base = f"FROM {host}/base/python:3.12\n"
    tools.build(f"{host}/base/os:12", 'FROM scratch\nADD os.tar /\nCMD ["/bin/sh"]\n')
    tools.copy(f"{host}/base/os:12", f"{host}/base/os:latest")
    tools.build(f"{host}/base/python:3.12", f"FROM {host}/base/os:12\nCOPY python /usr/bin/python\nENV LANG=C\n")
    tools.build(f"{host}/shop/api:1.0", f'{base}COPY api /srv/api\nCMD ["/srv/api"]\n', "--layers")
    tools.build(f"{host}/shop/api:1.1", f'{base}COPY next /srv/api\nCMD ["/srv/api"]\n', "--layers")
    tools.build(f"{host}/shop/config:1", f"{base}ENV MODE=test\nUSER 1000\n", "--layers")
    tools.build(f"{host}/shop/squash:1", f"{base}COPY one /one\nCOPY two /two\n", "--squash", tool="podman")
    tools.build(f"{host}/shop/flat:1", f"{base}COPY one /one\nCOPY two /two\n", "--squash")
    tools.build_index(f"{host}/base/multi:1", "FROM scratch\nADD multi.tar /\n")
    tools.build_index(f"{host}/shop/multi:1", f"FROM {host}/base/multi:1\nCOPY multi /multi\n")
    tools.copy(f"{host}/shop/multi:1", f"{host}/shop/multi:1.0")
    tools.build(f"{host}/shop/gone:old", "FROM scratch\nCOPY gone /\n")
    tools.copy(f"{host}/shop/gone:old", f"{host}/shop/gone:older")


# Every tag, and what its images were built on: a tag, or nothing that anybody said.
BUILT_ON = {
    "base/os:12": "",
    "base/os:latest": "",
    "base/python:3.12": "base/os:12",
    "shop/api:1.0": "base/python:3.12",
    "shop/api:1.1": "base/python:3.12",
    "shop/config:1": "base/python:3.12",
    "shop/squash:1": "base/python:3.12",
    "shop/flat:1": "base/python:3.12",
    "base/multi:1": "",
    "shop/multi:1": "base/multi:1",
    "shop/multi:1.0": "base/multi:1",
    "shop/gone:old": "",
    "shop/gone:older": "",
}
# Whose layers prove nothing.
UNSURE = {"shop/flat:1"}


def truth(registry: RealRegistry) -> dict[str, dict[str, str]]:
    """Of every tag the config digest by platform, as the registry's own manifests say."""
    found: dict[str, dict[str, str]] = {}
    for reference in BUILT_ON:
        name, _, tag = reference.partition(":")
        _, manifest = registry.manifest(name, tag)
        entries = manifest.get("manifests")
        if entries is None:
            found[reference] = {PLATFORMS[0]: manifest["config"]["digest"]}
            continue
        found[reference] = {}
        for entry in entries:
            platform = f"{entry['platform']['os']}/{entry['platform']['architecture']}"
            found[reference][platform] = registry.manifest(name, entry["digest"])[1]["config"]["digest"]
    return found
