"""GitLab's container-scanning report as structs (gitlab-org/security-report-schemas 2.x to 15.x)."""

from __future__ import annotations

import msgspec

from scanning.parsers.scalars import Scalar


class Tool(msgspec.Struct, gc=False):
    """`scan.scanner` and `scan.analyzer`."""

    id: Scalar = None
    name: Scalar = None
    version: Scalar = None


class Message(msgspec.Struct, gc=False):
    """One item of `scan.messages`: what the scanner told while it ran."""

    level: Scalar = None
    value: Scalar = None


class Scan(msgspec.Struct, gc=False):
    """`scan`."""

    type: Scalar = None
    status: Scalar = None
    scanner: Tool | None = None
    analyzer: Tool | None = None
    start_time: Scalar = None
    end_time: Scalar = None
    messages: list[Message] | None = None


class Identifier(msgspec.Struct, gc=False):
    """One name of the vulnerability."""

    type: Scalar = None
    name: Scalar = None
    value: Scalar = None
    url: Scalar = None


class Package(msgspec.Struct, gc=False):
    """`package`."""

    name: Scalar = None


class Dependency(msgspec.Struct, gc=False):
    """`location.dependency`."""

    package: Package | None = None
    version: Scalar = None


class Location(msgspec.Struct, gc=False):
    """`location`. `default_branch_image` names another image, so it is not read."""

    dependency: Dependency | None = None
    operating_system: Scalar = None
    image: Scalar = None


class Link(msgspec.Struct, gc=False):
    """One item of `links`."""

    url: Scalar = None


class Found(msgspec.Struct, gc=False):
    """One item of `vulnerabilities`; `cve` and `message` are of majors before 15."""

    id: Scalar = None
    name: Scalar = None
    message: Scalar = None
    description: Scalar = None
    cve: Scalar = None
    severity: Scalar = None
    solution: Scalar = None
    location: Location | None = None
    identifiers: list[Identifier] | None = None
    links: list[Link] | None = None


class Report(msgspec.Struct, gc=False):
    """The whole report."""

    vulnerabilities: list[Found] | None = None
    scan: Scan | None = None
