"""GitHub's package events (octokit/webhooks `registry_package`, `package`): a version of a container was published."""

from __future__ import annotations

import msgspec
from msgspec import field

from governance.findings.report import ScanReport
from scanning.parsers.document import Document, decode
from scanning.parsers.events import event, facts_of
from scanning.parsers.scalars import Scalar, moment, text_of

NAME = "github-event"
REGISTRY = "ghcr.io"
CONTAINERS = {"docker", "container"}


class Tag(msgspec.Struct, gc=False):
    """`tag`; its name is empty for a manifest without one."""

    name: str | None = None


class Manifest(msgspec.Struct, gc=False):
    """`manifest`; samples carry a commit's hash for its digest."""

    digest: str | None = None


class Container(msgspec.Struct, gc=False):
    """`container_metadata`."""

    tag: Tag | None = None
    manifest: Manifest | None = None


class Version(msgspec.Struct, gc=False):
    """`package_version`; of containers the version is the digest."""

    version: Scalar = None
    url: str | None = field(default=None, name="package_url")
    created_at: str | None = None
    container: Container | None = field(default=None, name="container_metadata")


class Package(msgspec.Struct, gc=False):
    """A package."""

    name: str | None = None
    namespace: str | None = None
    ecosystem: str | None = None
    type: str | None = field(default=None, name="package_type")
    version: Version | None = field(default=None, name="package_version")


class Payload(msgspec.Struct, gc=False):
    """Either event."""

    registry_package: Package | None = None
    package: Package | None = None


DECODER = msgspec.json.Decoder(Payload)


def recognises(document: Document) -> bool:
    """An action on a package with a version."""
    packages = (document.inside("registry_package"), document.inside("package"))
    return document.has("action") and any({"package_version", "package_type"} <= members.keys() for members in packages)


def payload_of(document: Document) -> Payload:
    """The payload. Raises `ReportError`."""
    return decode(DECODER, document.body)


def parse(document: Document) -> ScanReport:
    """Read the container's name and digest; other packages are no images."""
    read = payload_of(document)
    package = read.registry_package or read.package or Package()
    version = package.version or Version()
    kinds = {(package.ecosystem or "").lower(), (package.type or "").lower()}
    if not kinds & CONTAINERS:
        return event(NAME, "github", [], moment(version.created_at), ("the package is no container image",))
    container = version.container or Container()
    manifest = (container.manifest and container.manifest.digest) or ""
    said = text_of(version.version)
    # `ghcr.io/owner/name:tag`, with the colon alone where there is no tag.
    name, _, tag = (version.url or "").partition(":")
    repository = name or f"{REGISTRY}/{package.namespace or ''}/{package.name or ''}"
    image = facts_of(
        repository,
        (container.tag and container.tag.name) or tag,
        said if said.startswith("sha256:") else manifest,
    )
    return event(NAME, "github", [image], moment(version.created_at))
