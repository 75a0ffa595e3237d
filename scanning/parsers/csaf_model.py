"""CSAF 2.0 and 2.1 as structs (oasis-tcs/csaf `csaf_2.*/json_schema/csaf_json_schema.json`): what we read."""

from __future__ import annotations

import msgspec
from msgspec import field


class Publisher(msgspec.Struct, gc=False):
    """`publisher`."""

    name: str | None = None


class Engine(msgspec.Struct, gc=False):
    """What made the document."""

    name: str | None = None
    version: str | None = None


class Generator(msgspec.Struct, gc=False):
    """`generator`."""

    engine: Engine | None = None


class Tracking(msgspec.Struct, gc=False):
    """`tracking`: which revision of the document, and when."""

    status: str | None = None
    released: str | None = field(default=None, name="current_release_date")
    generator: Generator | None = None


class Head(msgspec.Struct, gc=False):
    """`document`."""

    category: str | None = None
    csaf_version: str | None = None
    publisher: Publisher | None = None
    tracking: Tracking | None = None


class Helper(msgspec.Struct, gc=False):
    """`product_identification_helper`; 2.1 lists purls."""

    purl: str | None = None
    purls: list[str] | None = None
    cpe: str | None = None


class Product(msgspec.Struct, gc=False):
    """A full product name: an identifier of this document, and what the product is called outside."""

    id: str | None = field(default=None, name="product_id")
    name: str | None = None
    helper: Helper | None = field(default=None, name="product_identification_helper")


class Branch(msgspec.Struct, gc=False):
    """Vendor, family, name, version: a tree with products at its leaves."""

    product: Product | None = None
    branches: list[Branch] | None = None


class Relationship(msgspec.Struct, gc=False):
    """One product as a component of another, which makes a product of its own."""

    product: Product | None = field(default=None, name="full_product_name")
    component: str | None = field(default=None, name="product_reference")
    whole: str | None = field(default=None, name="relates_to_product_reference")


class Group(msgspec.Struct, gc=False):
    """Several products under one identifier."""

    id: str | None = field(default=None, name="group_id")
    products: list[str] | None = field(default=None, name="product_ids")


class Tree(msgspec.Struct, gc=False):
    """`product_tree`."""

    branches: list[Branch] | None = None
    names: list[Product] | None = field(default=None, name="full_product_names")
    relationships: list[Relationship] | None = None
    groups: list[Group] | None = field(default=None, name="product_groups")


class Remark(msgspec.Struct, gc=False):
    """A flag (`label`), a threat or a remedy (`category`, `details`), of some products or of all."""

    label: str | None = None
    category: str | None = None
    details: str | None = None
    products: list[str] | None = field(default=None, name="product_ids")
    groups: list[str] | None = field(default=None, name="group_ids")


class Identifier(msgspec.Struct, gc=False):
    """Another name, which may be only the number of a ticket."""

    text: str | None = None


class Vulnerability(msgspec.Struct, gc=False):
    """One vulnerability. `product_status`: lists of product identifiers by status."""

    cve: str | None = None
    ids: list[Identifier] | None = None
    title: str | None = None
    statuses: dict[str, list[str] | None] | None = field(default=None, name="product_status")
    flags: list[Remark] | None = None
    threats: list[Remark] | None = None
    remedies: list[Remark] | None = field(default=None, name="remediations")


class Csaf(msgspec.Struct, gc=False):
    """The whole document."""

    head: Head = field(name="document")
    tree: Tree | None = field(default=None, name="product_tree")
    vulnerabilities: list[Vulnerability] | None = None
