"""Reading manifests and indexes (image-spec 1.1; Docker schema 2, schema 1 is only recognised)."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from scanning.registries.values import IMAGE_CONFIGS, SCHEMA_1, Descriptor, Document, RegistryError, sha256_of

# An index of more entries, an image of more layers is nothing that any tool makes.
MOST_ENTRIES = 1_000


class Wire(msgspec.Struct, rename="camel"):
    """All members of manifest and index that are read."""

    schema_version: int = 0
    media_type: str | None = None
    config: Descriptor | None = None
    layers: list[Descriptor] | None = None
    manifests: list[Descriptor] | None = None
    subject: Descriptor | None = None
    artifact_type: str | None = None
    annotations: Mapping[str, str] | None = None


WIRE = msgspec.json.Decoder(Wire)


def read_document(body: bytes, content_type: str) -> Document:
    """A manifest or index as it came; RegistryError where it is neither."""
    try:
        wire = WIRE.decode(body)
    except (msgspec.DecodeError, RecursionError) as error:
        raise RegistryError("garbled", f"the manifest cannot be read ({error})") from error
    if wire.manifests is not None and wire.layers is not None:
        # Two readers could see two different things in it.
        raise RegistryError("refused", "the manifest claims to be an index and an image at once")
    if len(wire.manifests or wire.layers or ()) > MOST_ENTRIES:
        raise RegistryError("refused", f"the manifest has more than {MOST_ENTRIES:,} entries")
    media_type = wire.media_type or content_type
    digest, notes = sha256_of(body), wire.annotations or {}
    if wire.schema_version == 1 or media_type.startswith(SCHEMA_1):
        return Document(digest, "schema1", media_type, body)
    if wire.manifests is not None:
        return Document(digest, "index", media_type, body, children=tuple(wire.manifests), annotations=notes)
    if wire.config is None:
        raise RegistryError("garbled", "the manifest has neither entries nor a configuration")
    is_image = wire.config.media_type in IMAGE_CONFIGS and not wire.artifact_type
    return Document(
        digest,
        "image" if is_image else "artifact",
        media_type,
        body,
        config=wire.config,
        layers=tuple(wire.layers or ()),
        subject=wire.subject,
        artifact_type=wire.artifact_type or wire.config.media_type,
        annotations=notes,
    )
