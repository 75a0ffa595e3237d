"""What registry clients are told and what they give back: plain values, and the one error they raise."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import urlsplit

import msgspec

type Why = Literal["auth", "denied", "missing", "limited", "refused", "unreachable", "garbled", "digest", "unsupported"]

OCI_INDEX = "application/vnd.oci.image.index.v1+json"
OCI_MANIFEST = "application/vnd.oci.image.manifest.v1+json"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"
# A registry that is asked for less converts, or chooses a platform (formats of distribution-spec 1.1 and Docker).
ACCEPT = ", ".join((OCI_INDEX, DOCKER_LIST, OCI_MANIFEST, DOCKER_MANIFEST))
SCHEMA_1 = "application/vnd.docker.distribution.manifest.v1"
IMAGE_CONFIGS = ("application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json")


class RegistryError(Exception):
    """A request that came to nothing; the sentence is for people and says what to do.

    `why`: `auth` (no sign-in), `denied` (signed in, not allowed), `missing` (404, which may mean denied), `limited`
    (429; `seconds` says how long to stay away), `refused` (by our own rules), `unreachable` (network, TLS, time),
    `garbled` (not what the specification says), `digest` (other bytes than the digest names), `unsupported`.
    """

    def __init__(self, why: Why, sentence: str, seconds: float = 0.0) -> None:
        super().__init__(sentence)
        self.why: Why = why
        self.seconds = seconds


@dataclass(frozen=True, slots=True)
class Target:
    """A registry and how to sign in to it. `repr` shows no secret.

    `host` is the one in references, `base_url` where its API is (`https://registry.example`, `http://` only where the
    administrator said so), `api_url` that of the product's own API where it is another. `trusted` are the hosts
    (`host` or `host:port`) that may be sent the credentials beside that of `base_url`. `namespace` says what to list
    where the API must be told (organisation, project, group, repository key).
    """

    host: str
    base_url: str
    kind: str = "standard"
    username: str = ""
    secret: str = field(default="", repr=False)
    api_url: str = ""
    namespace: str = ""
    trusted: tuple[str, ...] = ()
    ca: str = field(default="", repr=False)
    # The same with the credentials that were entered, where they were exchanged for others.
    before: Target | None = field(default=None, repr=False)

    @property
    def own_place(self) -> str:
        """`host[:port]` of the registry's API."""
        return urlsplit(self.base_url).netloc.lower()

    @property
    def api(self) -> str:
        """Where the product's own API is."""
        return (self.api_url or self.base_url).rstrip("/")

    def may_have_secret(self, url: str) -> bool:
        """May the credentials be sent there? Encrypted, or plain where the registry itself is; to hosts it names."""
        parts = urlsplit(url)
        plain = parts.scheme == "http" and not self.base_url.startswith("http://")
        named = {self.own_place, *(place.lower() for place in self.trusted)}
        if self.api_url:
            named.add(urlsplit(self.api_url).netloc.lower())
        return not plain and parts.netloc.lower() in named


class Platform(msgspec.Struct, frozen=True):
    """What an image runs on (image-spec `image-index.md`)."""

    os: str = ""
    architecture: str = ""
    variant: str = ""


class Descriptor(msgspec.Struct, frozen=True, rename="camel"):
    """A pointer to content (image-spec `descriptor.md`)."""

    digest: str
    media_type: str = ""
    size: int = 0
    platform: Platform | None = None
    annotations: Mapping[str, str] | None = None
    artifact_type: str | None = None

    def note(self, name: str) -> str:
        """An annotation, or nothing."""
        return (self.annotations or {}).get(name, "")

    @property
    def is_attestation(self) -> bool:
        """BuildKit's statement about another entry of the same index."""
        return self.note("vnd.docker.reference.type") == "attestation-manifest"


@dataclass(frozen=True, slots=True)
class Head:
    """What a registry says of a manifest without sending it; `digest` is empty where it does not say it."""

    digest: str
    media_type: str
    size: int


@dataclass(frozen=True, slots=True)
class Document:
    """A manifest or index: its bytes, their digest and what stands in it.

    `kind`: `index` (`children`), `image` (`config` is an image's configuration), `artifact` (anything else) or
    `schema1` (Docker's first format: no configuration, no diffIDs).
    """

    digest: str
    kind: Literal["index", "image", "artifact", "schema1"]
    media_type: str
    body: bytes
    config: Descriptor | None = None
    layers: tuple[Descriptor, ...] = ()
    children: tuple[Descriptor, ...] = ()
    subject: Descriptor | None = None
    artifact_type: str = ""
    annotations: Mapping[str, str] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """Bytes of the compressed layers and the configuration."""
        return sum(max(layer.size, 0) for layer in self.layers) + (self.config.size if self.config else 0)


def sha256_of(body: bytes) -> str:
    """`sha256:…` of some bytes."""
    return f"sha256:{hashlib.sha256(body).hexdigest()}"


def has_digest(body: bytes, digest: str) -> bool:
    """The bytes are those that the digest names (sha256, sha384 or sha512)."""
    algorithm, _, encoded = digest.partition(":")
    return algorithm in ("sha256", "sha384", "sha512") and hashlib.new(algorithm, body).hexdigest() == encoded
