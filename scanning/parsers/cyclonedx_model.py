"""CycloneDX JSON 1.2 to 1.7 as structs (CycloneDX/specification `schema/bom-1.*.schema.json`): what we read."""

from __future__ import annotations

import msgspec
from msgspec import field

from scanning.parsers.scalars import Scalar


class Property(msgspec.Struct, gc=False):
    """A name may repeat: properties are a multimap, in order."""

    name: str | None = None
    value: Scalar = None


class LicenseName(msgspec.Struct, gc=False):
    """`license`."""

    id: str | None = None
    name: str | None = None


class License(msgspec.Struct, gc=False):
    """One licence choice."""

    license: LicenseName | None = None
    expression: str | None = None

    @property
    def text(self) -> str:
        """The expression, else the SPDX identifier, else the name."""
        named = self.license or LicenseName()
        return self.expression or named.id or named.name or ""


class Component(msgspec.Struct, gc=False):
    """A component. They nest (at most as deep as the document may)."""

    type: str | None = None
    ref: str | None = field(default=None, name="bom-ref")
    group: str | None = None
    name: Scalar = None
    version: Scalar = None
    purl: str | None = None
    licenses: list[License] | None = None
    properties: list[Property] | None = None
    components: list[Component] | None = None


class Tools(msgspec.Struct, gc=False):
    """`tools` from 1.5; before, and still allowed, a list."""

    components: list[Component] | None = None


class Organization(msgspec.Struct, gc=False):
    """An author, supplier or manufacturer."""

    name: str | None = None


class Metadata(msgspec.Struct, gc=False):
    """`metadata`. `manufacture` is the spelling before 1.6."""

    timestamp: str | None = None
    authors: list[Organization] | None = None
    supplier: Organization | None = None
    manufacturer: Organization | None = None
    manufacture: Organization | None = None
    tools: list[Component] | Tools | None = None
    component: Component | None = None
    properties: list[Property] | None = None


class Source(msgspec.Struct, gc=False):
    """Who says so."""

    url: str | None = None


class Reference(msgspec.Struct, gc=False):
    """Another identifier of the same vulnerability."""

    id: str | None = None


class Rating(msgspec.Struct, gc=False):
    """One severity, by one source and method."""

    score: float | None = None
    severity: str | None = None


class Analysis(msgspec.Struct, gc=False):
    """The VEX part."""

    state: str | None = None
    justification: str | None = None
    detail: str | None = None
    issued: str | None = field(default=None, name="firstIssued")
    updated: str | None = field(default=None, name="lastUpdated")


class Version(msgspec.Struct, gc=False):
    """A version or range, and whether it is affected."""

    version: Scalar = None
    range: str | None = None
    status: str | None = None


class Affect(msgspec.Struct, gc=False):
    """What is affected: a `bom-ref` here, or a BOM-Link into another document."""

    ref: str | None = None
    versions: list[Version] | None = None


class Vulnerability(msgspec.Struct, gc=False):
    """One vulnerability."""

    id: str | None = None
    ref: str | None = field(default=None, name="bom-ref")
    source: Source | None = None
    references: list[Reference] | None = None
    ratings: list[Rating] | None = None
    description: str | None = None
    detail: str | None = None
    recommendation: str | None = None
    published: str | None = None
    analysis: Analysis | None = None
    affects: list[Affect] | None = None
    properties: list[Property] | None = None


class Bom(msgspec.Struct, gc=False):
    """The whole document."""

    metadata: Metadata | None = None
    components: list[Component] | None = None
    vulnerabilities: list[Vulnerability] | None = None
