"""The image as Syft and Grype describe it (anchore/stereoscope `pkg/image`, `source.target` or `source.metadata`).

The raw config and the raw manifest come along in base64, so what they say can be proven by hashing.
"""

from __future__ import annotations

import binascii
import hashlib
from collections.abc import Iterable

import msgspec

from governance.findings.report import ImageFacts, ReportError
from scanning.parsers.document import decode
from scanning.parsers.image_config import ImageConfig, config_digest, digest_part, is_reference
from scanning.parsers.scalars import size_of


class LayerInfo(msgspec.Struct, gc=False):
    """One item of `layers`."""

    digest: str | None = None


class Target(msgspec.Struct, gc=False, rename={"user_input": "userInput", "image_id": "imageID"}):
    """The described image."""

    user_input: str | None = None
    image_id: str | None = None
    manifest_digest: str | None = msgspec.field(default=None, name="manifestDigest")
    tags: list[str] | None = None
    size: int | None = msgspec.field(default=None, name="imageSize")
    layers: list[LayerInfo] | None = None
    manifest: str | None = None
    config: str | None = None
    repo_digests: list[str] | None = msgspec.field(default=None, name="repoDigests")
    architecture: str | None = None
    os: str | None = None


class Distro(msgspec.Struct, gc=False, rename={"version_id": "versionID"}):
    """`distro`: os-release."""

    name: str | None = None
    id: str | None = None
    version: str | None = None
    version_id: str | None = None

    @property
    def family(self) -> str:
        """The distribution's short name."""
        return self.id or self.name or ""

    @property
    def release(self) -> str:
        """Its version."""
        return self.version_id or self.version or ""


class Location(msgspec.Struct, gc=False, rename={"layer": "layerID"}):
    """Where a package was found."""

    path: str | None = None
    layer: str | None = None


class Described(msgspec.Struct, gc=False):
    """A manifest's `config`."""

    digest: str | None = None


class Manifest(msgspec.Struct, gc=False):
    """An image manifest, as far as it names its config."""

    config: Described | None = None


CONFIG = msgspec.json.Decoder(ImageConfig)
MANIFEST = msgspec.json.Decoder(Manifest)


def facts_of(target: Target, distro: Distro) -> ImageFacts:
    """Gather the image's identity; layers and history only from a config that hashes to the image ID."""
    repo_digests = tuple(target.repo_digests or ())
    raw = unpacked(target.config)
    proven = bool(raw) and digest_of(raw) == target.image_id
    config = _read(CONFIG, raw) if proven else None
    diff_ids = config.diff_ids if config else ()
    return ImageFacts(
        references=tuple(
            dict.fromkeys(name for name in (target.user_input or "", *(target.tags or ())) if is_reference(name))
        ),
        config_digest=target.image_id or "" if config else config_digest(target.image_id or "", repo_digests),
        config_proven=config is not None,
        manifest_digest=published_manifest(target, repo_digests),
        repo_digests=repo_digests,
        os=(config and config.os) or target.os or "",
        architecture=(config and config.architecture) or target.architecture or "",
        variant=(config and config.variant) or "",
        created=config.created_at if config else "",
        size=size_of(target.size),
        diff_ids=diff_ids,
        history=config.history_of(diff_ids) if config else (),
        distro=distro.family,
        distro_version=distro.release,
        config=config.facts if config else None,
    )


def published_manifest(target: Target, repo_digests: Iterable[str]) -> str:
    """Return the manifest digest where a registry knows it too.

    From a Docker daemon the manifest is rebuilt locally: its digest exists in no registry, so it is left out.
    """
    published = set(map(digest_part, repo_digests))
    raw = unpacked(target.manifest)
    if not raw:
        claimed = target.manifest_digest or ""
        return claimed if claimed in published else ""
    manifest, digest = _read(MANIFEST, raw) or Manifest(), digest_of(raw)
    described = manifest.config or Described()
    return digest if digest in published and described.digest == target.image_id else ""


def layers_of(target: Target, diff_ids: tuple[str, ...]) -> dict[str, str]:
    """Map the layer names used in `locations` to diffIDs; without proven diffIDs they are taken as written."""
    names = [layer.digest or "" for layer in target.layers or ()]
    if not diff_ids:
        return dict(zip(names, names, strict=True))
    listed = dict(zip(names, diff_ids, strict=True)) if len(names) == len(diff_ids) else {}
    return listed | dict(zip(diff_ids, diff_ids, strict=True))


def place(locations: list[Location | str] | None, layers: dict[str, str]) -> tuple[str, str]:
    """Return path and layer of the first location; the first releases wrote only the path."""
    if not locations:
        return "", ""
    first = locations[0]
    if isinstance(first, str):
        return first, ""
    return first.path or "", layers.get(first.layer or "", "")


def unpacked(text: str | None) -> bytes:
    """Decode base64; nothing where it is none."""
    try:
        return binascii.a2b_base64(text) if text else b""
    except (binascii.Error, ValueError):
        return b""


def digest_of(raw: bytes) -> str:
    """Return the digest of raw bytes as registries write it."""
    return f"sha256:{hashlib.sha256(raw).hexdigest()}"


def _read[Shaped](decoder: msgspec.json.Decoder[Shaped], raw: bytes) -> Shaped | None:
    try:
        return decode(decoder, raw)
    except (ReportError, UnicodeDecodeError):
        return None
