"""Image references as Docker reads them, in canonical form (distribution/reference grammar)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from governance.images.clean import clean_digest

DOCKER_HUB = "docker.io"
DOCKER_HUB_ALIASES = {"index.docker.io", "registry-1.docker.io", "registry.hub.docker.com"}
COMPONENT = r"[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*"
PATH = re.compile(rf"{COMPONENT}(?:/{COMPONENT})*")
HOST = re.compile(r"(?:[A-Za-z0-9](?:[A-Za-z0-9.-]{0,250})|\[[0-9a-fA-F:]+\])(?::\d{1,5})?")
TAG = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,127}")
IMAGE_ID = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Reference:
    """`host/repository[:tag][@digest]`, every part normalised; `tag` and `digest` may be empty."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    @property
    def name(self) -> str:
        """`host/repository`."""
        return f"{self.host}/{self.repository}"

    @property
    def familiar(self) -> str:
        """The short form people type: without `docker.io/` and `library/`."""
        return familiar_name(self.host, self.repository) + (f":{self.tag}" if self.tag else "")

    def __str__(self) -> str:
        return self.name + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")


def familiar_name(host: str, repository: str) -> str:
    """`docker.io/library/alpine` is shown as `alpine`."""
    if host != DOCKER_HUB:
        return f"{host}/{repository}"
    return repository.removeprefix("library/")


def parse_reference(text: str) -> Reference | None:
    """Normalise a reference; None for what is no reference (a path, an image ID, a masked name).

    Without tag and digest, `tag` stays empty: whether that means `latest` is for the caller to say.
    """
    rest, at, written = text.strip().partition("@")
    digest = clean_digest(written) if at else ""
    if at and not digest:
        return None
    host, path = split_host(rest)
    path, colon, tag = path.rpartition(":") if ":" in path else (path, "", "")
    if colon and not TAG.fullmatch(tag):
        return None
    if host == DOCKER_HUB and "/" not in path:
        path = f"library/{path}"
    valid = HOST.fullmatch(host) and PATH.fullmatch(path) and len(host) + len(path) < 255
    if not valid or (host == DOCKER_HUB and IMAGE_ID.fullmatch(path.removeprefix("library/"))):
        return None
    return Reference(host, path, tag, digest)


def split_host(rest: str) -> tuple[str, str]:
    """The first component is a host only with a dot, a colon, an upper-case letter, or as `localhost`."""
    first, slash, path = rest.partition("/")
    is_host = "." in first or ":" in first or first == "localhost" or first != first.lower()
    if not slash or not is_host:
        return DOCKER_HUB, rest
    host = first.lower()
    return (DOCKER_HUB if host in DOCKER_HUB_ALIASES else host), path
