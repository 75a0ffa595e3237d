"""OpenVEX as structs (openvex/spec 0.2.0, and 0.0.1 where names are plain texts): what we read."""

from __future__ import annotations

import msgspec
from msgspec import field

from scanning.parsers.scalars import Scalar


class Vulnerability(msgspec.Struct, gc=False):
    """What the statement is about."""

    name: str | None = None
    id: str | None = field(default=None, name="@id")
    aliases: list[str] | None = None


class Product(msgspec.Struct, gc=False):
    """A product or a component of one. `@id` is often itself the purl; keys of `hashes` are `sha-256`, values hex."""

    id: str | None = field(default=None, name="@id")
    identifiers: dict[str, Scalar] | None = None
    hashes: dict[str, Scalar] | None = None
    subcomponents: list[Product | str] | None = None


class Statement(msgspec.Struct, gc=False):
    """One statement. Before 0.2.0 the components stood beside the products."""

    status: str | None = None
    vulnerability: Vulnerability | str | None = None
    products: list[Product | str] | None = None
    subcomponents: list[Product | str] | None = None
    justification: str | None = None
    impact: str | None = field(default=None, name="impact_statement")
    action: str | None = field(default=None, name="action_statement")
    notes: str | None = field(default=None, name="status_notes")
    timestamp: str | None = None
    updated: str | None = field(default=None, name="last_updated")


class OpenVex(msgspec.Struct, gc=False):
    """The whole document."""

    author: str | None = None
    timestamp: str | None = None
    updated: str | None = field(default=None, name="last_updated")
    tooling: str | None = None
    statements: list[Statement] | None = None
