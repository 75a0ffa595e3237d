"""A scanner's program on the worker: Trivy (alone or with a server), Syft, or what the settings name."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sys
import tempfile
from functools import lru_cache
from pathlib import Path

from django.conf import settings

from governance.images.reference import DOCKER_HUB
from scanning.registries import RegistryError, Target, open_registry
from scanning.scanners.run import run
from scanning.scanners.values import Outcome, Place, Report, ScanFailed
from scanning.stopping import is_stopping

NAME = "command"
IMAGE = "{image}"
# What programs are told by the worker's own environment.
HANDED_ON = ("TRIVY_", "SYFT_", "GRYPE_")
# Under which name Docker's configuration knows Docker Hub.
HUB_KEY = "https://index.docker.io/v1/"


def suits(kind: str) -> bool:
    """For every registry, where there is a program."""
    return bool(vector())


def vector() -> list[str]:
    """The program's path and its arguments; nothing where there is none."""
    wanted = settings.SCANNER
    if isinstance(wanted, list):
        words = wanted
    elif wanted == "trivy" or (wanted == "auto" and settings.TRIVY_SERVER):
        server = ["--server", settings.TRIVY_SERVER] if settings.TRIVY_SERVER else []
        seconds = ["--timeout", f"{settings.SCANNER_SECONDS}s"]
        words = ["trivy", "image", "--quiet", "--format", "json", "--list-all-pkgs", *seconds, *server, IMAGE]
    elif wanted in ("syft", "auto"):
        words = ["syft", "scan", "--quiet", "--output", "syft-json", f"registry:{IMAGE}"]
    else:
        return []
    program = found(words[0], os.environ.get("PATH", os.defpath))
    return [program, *words[1:]] if program else []


@lru_cache(maxsize=16)
def found(program: str, path: str) -> str:
    """Its path: as given, beside our Python (where wheels put programs), or in PATH."""
    beside = str(Path(sys.executable).parent)
    return shutil.which(program, path=f"{beside}{os.pathsep}{path}") or ""


def scan(place: Place, remote_ref: str) -> Outcome:
    """Run it. What it wrote is a report in whatever format; the parsers find out which."""
    words = vector()
    if not words:
        raise ScanFailed("there is no program to scan with (SCANNER)", final=True)
    command = [word.replace(IMAGE, place.reference) for word in words]
    directory = Path(tempfile.mkdtemp(prefix="portwarden-scan-"))
    try:
        body = run(command, environment(place.target, directory), directory, is_stopping)
    except ScanFailed as failure:
        raise ScanFailed(scrubbed(str(failure), place.target), final=failure.final) from None
    finally:
        shutil.rmtree(directory, ignore_errors=True)
    return Report(body)


def environment(target: Target, directory: Path) -> dict[str, str]:
    """Only what the program needs; the credentials are in a file that only we may read, and never among arguments."""
    cache = settings.DATA_DIRECTORY / "scanner-cache"
    try:
        cache.mkdir(parents=True, exist_ok=True)
    except OSError:
        # A container that may write nowhere else: what the program keeps is fetched each time.
        cache = directory
    said = {name: value for name, value in os.environ.items() if name.startswith(HANDED_ON)}
    said |= {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(directory),
        "TMPDIR": str(directory),
        "XDG_CACHE_HOME": str(cache),
        "DOCKER_CONFIG": str(directory),
        "SYFT_CHECK_FOR_APP_UPDATE": "false",
    }
    said.setdefault("TRIVY_CACHE_DIR", str(cache / "trivy"))
    if settings.OUTBOUND_PROXY:
        said |= {"HTTPS_PROXY": settings.OUTBOUND_PROXY, "HTTP_PROXY": settings.OUTBOUND_PROXY}
        said["NO_PROXY"] = ",".join(settings.OUTBOUND_NO_PROXY)
    if target.base_url.startswith("http://"):
        said |= {"TRIVY_INSECURE": "true", "SYFT_REGISTRY_INSECURE_USE_HTTP": "true"}
    write(directory / "config.json", json.dumps(docker_config(target)))
    if authorities := certificates(target):
        write(directory / "authorities.pem", authorities)
        said["SSL_CERT_FILE"] = str(directory / "authorities.pem")
    return said


def certificates(target: Target) -> str:
    """The system's authorities with those of the settings and of the registry; nothing where there are none beside."""
    own = [Path(settings.OUTBOUND_CA_FILE).read_text()] if settings.OUTBOUND_CA_FILE else []
    own += [target.ca] if target.ca else []
    if not own:
        return ""
    system = next((file for file in SYSTEM_CERTIFICATES if file.is_file()), None)
    return "\n".join([system.read_text() if system else "", *own])


SYSTEM_CERTIFICATES = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/pki/tls/certs/ca-bundle.crt"))


def docker_config(target: Target) -> dict[str, dict[str, dict[str, str]]]:
    """Docker's configuration with the credentials to pull with, exchanged where this kind of registry needs that."""
    if not target.secret:
        return {"auths": {}}
    try:
        with open_registry(target) as registry:
            pulls = registry.target
    except RegistryError as error:
        raise ScanFailed(str(error)) from error
    word = base64.b64encode(f"{pulls.username}:{pulls.secret}".encode()).decode()
    key = HUB_KEY if target.host == DOCKER_HUB else target.host
    return {"auths": {key: {"auth": word}}}


def write(file: Path, text: str) -> None:
    """A file that only we may read."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(text)


def scrubbed(text: str, target: Target) -> str:
    """What a program says without the password, should it print that."""
    if not target.secret:
        return text
    packed = base64.b64encode(f"{target.username}:{target.secret}".encode()).decode()
    return text.replace(target.secret, "…").replace(packed, "…")
