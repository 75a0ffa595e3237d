"""SPDX 2.2 and 2.3 JSON as structs (spdx/spdx-spec `schemas/spdx-schema.json`): what we read."""

from __future__ import annotations

import msgspec
from msgspec import field

from scanning.parsers.scalars import Scalar


class ExternalRef(msgspec.Struct, gc=False):
    """A name of the package elsewhere: its purl, or a link to an advisory. 2.2 writes PACKAGE_MANAGER with _."""

    category: str | None = field(default=None, name="referenceCategory")
    type: str | None = field(default=None, name="referenceType")
    locator: str | None = field(default=None, name="referenceLocator")


class Annotation(msgspec.Struct, gc=False):
    """What Trivy adds since 0.49, `Name: value`; in alphabetical order."""

    comment: str | None = None


class Checksum(msgspec.Struct, gc=False):
    """A hash in hex; of an image's package Syft writes the manifest's."""

    algorithm: str | None = None
    value: str | None = field(default=None, name="checksumValue")


class Package(msgspec.Struct, gc=False):
    """One package; the described thing, files and the distribution are listed among them."""

    id: str | None = field(default=None, name="SPDXID")
    name: Scalar = None
    version: Scalar = field(default=None, name="versionInfo")
    file: str | None = field(default=None, name="packageFileName")
    purpose: str | None = field(default=None, name="primaryPackagePurpose")
    summary: str | None = None
    source: str | None = field(default=None, name="sourceInfo")
    concluded: str | None = field(default=None, name="licenseConcluded")
    declared: str | None = field(default=None, name="licenseDeclared")
    refs: list[ExternalRef] | None = field(default=None, name="externalRefs")
    checksums: list[Checksum] | None = None
    annotations: list[Annotation] | None = None
    # What Trivy wrote before it wrote annotations, in order.
    attributions: list[str] | None = field(default=None, name="attributionTexts")


class Relationship(msgspec.Struct, gc=False):
    """`from` DESCRIBES `to`, `from` was GENERATED_FROM `to`, ..."""

    source: str | None = field(default=None, name="spdxElementId")
    type: str | None = field(default=None, name="relationshipType")
    target: str | None = field(default=None, name="relatedSpdxElement")


class Creation(msgspec.Struct, gc=False):
    """Who made the document and when: `Tool: syft-1.50.0`, `Organization: ...`."""

    created: str | None = None
    creators: list[str] | None = None


class Spdx(msgspec.Struct, gc=False):
    """The whole document."""

    version: str | None = field(default=None, name="spdxVersion")
    name: str | None = None
    creation: Creation | None = field(default=None, name="creationInfo")
    packages: list[Package] | None = None
    relationships: list[Relationship] | None = None
    describes: list[str] | None = field(default=None, name="documentDescribes")
