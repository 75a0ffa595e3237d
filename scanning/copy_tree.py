"""All that a base consists of: index, the images of every platform, their blobs, and what is attached to any of them.

Read from a registry, or from two: what lies in `near` already (each document proves itself by its digest) is not asked
of `far` again, which may count every manifest as a pull.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import msgspec

from governance.images.clean import clean_text
from scanning.registries import Registry, RegistryError
from scanning.registries.values import Descriptor, Document, Platform

# What no base has more of; seconds that reading all manifests of one may take.
MOST_MANIFESTS, MOST_BLOBS, MOST_BYTES, SECONDS = 1_000, 10_000, 64 * 2**20, 600.0
# Indexes in indexes.
NESTED = 3
# What is attached to what is attached (a signature of an SBOM), and no further.
DEPTH = 2
# Tags by which cosign attaches where it uses no referrers.
COSIGN = (".sig", ".att", ".sbom")


@dataclass(frozen=True, slots=True)
class Place:
    """A repository of a registry."""

    registry: Registry
    name: str

    def __str__(self) -> str:
        return f"{self.registry.target.host}/{self.name}"

    def find(self, reference: str) -> Document | None:
        """A manifest, None where it is not there."""
        try:
            return self.registry.document(self.name, reference)
        except RegistryError as error:
            if error.why != "missing":
                raise
            return None

    def has(self, reference: str) -> bool:
        """A manifest is there."""
        try:
            self.registry.head(self.name, reference)
        except RegistryError as error:
            if error.why != "missing":
                raise
            return False
        return True


@dataclass(slots=True)
class Tree:
    """Manifests with whatever they need before them; `tags` are those by which things are attached."""

    top: str
    manifests: dict[str, Document] = field(default_factory=dict)
    blobs: dict[str, Descriptor] = field(default_factory=dict)
    platforms: list[str] = field(default_factory=list)
    tags: dict[str, Document] = field(default_factory=dict)
    # What refers to a manifest, by that: so that it can be listed where the registry does not do so by itself.
    referrers: dict[str, tuple[Descriptor, ...]] = field(default_factory=dict)
    attached: int = 0

    @property
    def size(self) -> int:
        """Bytes of all blobs."""
        return sum(blob.size for blob in self.blobs.values())

    @property
    def digests(self) -> list[str]:
        """Every manifest that has to be there, the top one first."""
        listings = {document.digest for document in self.tags.values()}
        return list(dict.fromkeys([self.top, *self.manifests, *sorted(listings)]))


class Walk:
    """One way through a tree. RegistryError where it is not whole, or not to be read."""

    def __init__(self, far: Place, near: Place | None, digest: str) -> None:
        self.far, self.near = far, near
        self.tree = Tree(digest)
        self.bytes = 0
        self.until = time.monotonic() + SECONDS

    def read(self) -> Tree:
        """All of it."""
        top = self.document(self.tree.top)
        self.take(top, NESTED)
        if top.kind == "image":
            self.tree.platforms = [platform_in(self.far.registry.blob(self.far.name, top.config.digest))]  # type: ignore[union-attr]
        for digest in list(self.tree.manifests):
            self.attached_to(digest, DEPTH)
        return self.tree

    def document(self, digest: str) -> Document:
        """From near, else from far."""
        if time.monotonic() > self.until:
            raise RegistryError("unreachable", f"{self.far} takes too long to say what {self.tree.top} consists of")
        found = self.near.find(digest) if self.near else None
        found = found or self.far.registry.document(self.far.name, digest)
        self.bytes += len(found.body)
        if self.bytes > MOST_BYTES:
            raise RegistryError("refused", f"its manifests have more than {MOST_BYTES:,} bytes")
        return found

    def take(self, document: Document, nested: int) -> None:
        """A manifest behind all that it needs, so that no registry refuses it."""
        tree = self.tree
        if document.digest in tree.manifests:
            return
        if document.kind == "schema1":
            raise RegistryError("unsupported", "Docker's first image format cannot be copied by digest")
        if document.children and not nested:
            raise RegistryError("refused", f"it has indexes more than {NESTED} deep")
        for entry in document.children:
            child = self.document(entry.digest)
            self.take(child, nested - 1)
            if child.kind == "image" and entry.platform and not entry.is_attestation:
                tree.platforms.append(spelled(entry.platform))
        for blob in (*document.layers, *((document.config,) if document.config else ())):
            known = tree.blobs.setdefault(blob.digest, blob)
            if known.size != blob.size or blob.size < 0:
                raise RegistryError("garbled", f"the size of {blob.digest} is said to be {known.size} and {blob.size}")
        tree.manifests[document.digest] = document
        if len(tree.manifests) > MOST_MANIFESTS or len(tree.blobs) > MOST_BLOBS:
            raise RegistryError("refused", f"it has more than {MOST_MANIFESTS:,} manifests or {MOST_BLOBS:,} blobs")

    def attached_to(self, digest: str, depth: int) -> None:
        """What refers to a manifest, by the referrers API or by tags."""
        tag = digest.replace(":", "-", 1)
        found = self.far.registry.referrers(self.far.name, digest)
        if found:
            self.tree.referrers[digest] = found
        if self.far.registry.has_referrers is False and (listing := self.tagged(tag) if found else None):
            self.tree.tags[tag] = listing
        news = [self.document(entry.digest) for entry in found]
        for ending in COSIGN:
            if signed := self.tagged(tag + ending):
                self.tree.tags[tag + ending] = signed
                news.append(signed)
        for one in news:
            if one.digest not in self.tree.manifests:
                self.take(one, NESTED)
                self.tree.attached += 1
                if depth > 1:
                    self.attached_to(one.digest, depth - 1)

    def tagged(self, tag: str) -> Document | None:
        """What such a tag names; asked for without counting as a pull first."""
        return self.far.find(tag) if self.far.has(tag) else None


def spelled(platform: Platform) -> str:
    """`os/architecture[/variant]`."""
    words = (platform.os, platform.architecture, platform.variant)
    return clean_text("/".join(filter(None, words)), 92)


def platform_in(config: bytes) -> str:
    """The same from an image's configuration."""
    try:
        return spelled(msgspec.json.decode(config, type=Platform))
    except (msgspec.DecodeError, RecursionError) as error:
        raise RegistryError("garbled", f"the image configuration cannot be read ({error})") from error


def read_tree(far: Place, digest: str, near: Place | None = None) -> Tree:
    """What the base of that digest consists of at `far`. RegistryError."""
    return Walk(far, near, digest).read()
