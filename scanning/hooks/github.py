"""GitHub's package events (octokit/webhooks `registry_package`, `package`), signed over the body's bytes."""

from __future__ import annotations

from typing import Any

from governance.findings.report import ReportError
from scanning.hooks.hints import MEBIBYTE, Heard, Hint
from scanning.hooks.proof import Scheme
from scanning.parsers.document import Document
from scanning.parsers.github_event import CONTAINERS, REGISTRY, Container, Package, Version, payload_of, recognises
from scanning.parsers.scalars import moment, text_of

NAME = "github"
TITLE = "GitHub packages (ghcr.io)"
SCHEME: Scheme = "hub"
HOST = "ghcr.io"
LIMIT = 25 * MEBIBYTE


def settings(address: str, secret: str) -> tuple[tuple[str, str], ...]:
    """A webhook of the organisation or repository."""
    return (
        ("In the settings of the organisation, under Webhooks, choose Add webhook, and as payload URL", address),
        ("Secret", secret),
        ("Content type: application/json. Individual events: Packages (and Registry packages). Leave TLS verified", ""),
    )


def read(document: Document) -> Heard:
    """A version of a container that was published."""
    if document.has("zen"):
        return Heard(notes=("GitHub's ping: the webhook works",))
    if not recognises(document):
        raise ReportError("this is no package event of GitHub (its content type must be application/json)")
    payload = payload_of(document)
    package = payload.registry_package or payload.package or Package()
    version = package.version or Version()
    at = moment(version.created_at)
    kinds = {(package.ecosystem or "").lower(), (package.type or "").lower()}
    if not kinds & CONTAINERS:
        return Heard(notes=("the package is no container image",), at=at)
    container = version.container or Container()
    # `ghcr.io/owner/name:tag`, with the colon alone where there is no tag.
    name, _, tag = (version.url or "").partition(":")
    path = name.removeprefix(f"{REGISTRY}/") or f"{package.namespace or ''}/{package.name or ''}"
    said = text_of(version.version)
    digest = said if said.startswith("sha256:") and len(said) == 71 else ""
    return Heard((Hint(path.lower(), (container.tag and container.tag.name) or tag, digest),), at=at)


def sample(host: str, repository: str, tag: str) -> dict[str, Any]:
    """A version that was published."""
    namespace, _, name = repository.partition("/")
    version = {"package_url": f"{REGISTRY}/{repository}:{tag}", "container_metadata": {"tag": {"name": tag}}}
    package = {"name": name, "namespace": namespace, "package_type": "CONTAINER", "package_version": version}
    return {"action": "published", "registry_package": package}
