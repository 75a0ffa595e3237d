"""A record of the OSV format (ossf/osv-schema 1.7), as far as we read it. Lists may be null."""

from __future__ import annotations

from typing import Any

import msgspec

# What may stand where an object belongs.
Other = str | int | float | bool | list[Any] | None


class Rating(msgspec.Struct, gc=False):
    """`severity[]`: a CVSS vector, or Ubuntu's word."""

    type: str = ""
    score: str = ""


class Specific(msgspec.Struct, gc=False):
    """`database_specific` and `ecosystem_specific`: what their publishers put there by custom."""

    severity: Any = None
    urgency: Any = None


class Package(msgspec.Struct, gc=False):
    """`affected[].package`."""

    ecosystem: str = ""
    name: str = ""


class Event(msgspec.Struct, gc=False):
    """One event; exactly one member is given."""

    introduced: str | None = None
    fixed: str | None = None
    last_affected: str | None = None
    limit: str | None = None


class Range(msgspec.Struct, gc=False):
    """`affected[].ranges[]`."""

    type: str = ""
    events: list[Event] | None = None


class Affected(msgspec.Struct, gc=False):
    """`affected[]`; without a package it is about commits."""

    package: Package | None = None
    ranges: list[Range] | None = None
    versions: list[str] | None = None
    severity: list[Rating] | None = None
    ecosystem_specific: Specific | Other = None
    database_specific: Specific | Other = None


class Link(msgspec.Struct, gc=False):
    """`references[]`."""

    type: str = ""
    url: str = ""


class Document(msgspec.Struct, gc=False):
    """The whole record."""

    id: str
    modified: str
    published: str | None = None
    withdrawn: str | None = None
    aliases: list[str] | None = None
    upstream: list[str] | None = None
    summary: str | None = None
    details: str | None = None
    severity: list[Rating] | None = None
    affected: list[Affected] | None = None
    references: list[Link] | None = None
    database_specific: Specific | Other = None


class PeekPackage(msgspec.Struct, gc=False):
    """Where a record's package is."""

    ecosystem: str = ""


class PeekAffected(msgspec.Struct, gc=False):
    """One of the packages."""

    package: PeekPackage | None = None


class Peek(msgspec.Struct, gc=False):
    """What has to be known of every record, changed or not."""

    id: str
    modified: str
    affected: list[PeekAffected] | None = None
