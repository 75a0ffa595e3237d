"""Wiz CLI's JSON as structs (`wizcli docker scan`, `wizcli dir scan`, `wizcli iac scan`)."""

from __future__ import annotations

import msgspec

from scanning.parsers.scalars import Scalar


class Origin(msgspec.Struct, gc=False):
    """`scanOriginResource`: what was scanned. Of an image `id` is its ID."""

    kind: Scalar = msgspec.field(default=None, name="__typename")
    name: Scalar = None
    id: Scalar = None
    digest: Scalar = None


class Status(msgspec.Struct, gc=False):
    """How it ended, and what the policies say."""

    state: Scalar = None
    verdict: Scalar = None


class Extra(msgspec.Struct, gc=False, rename="camel"):
    """`extraInfo`."""

    client_version: Scalar = None


class Vulnerability(msgspec.Struct, gc=False, rename="camel"):
    """One vulnerability of a package."""

    name: Scalar = None
    severity: Scalar = None
    fixed_version: Scalar = None
    source: Scalar = None
    description: Scalar = None
    score: Scalar = None
    publish_date: Scalar = None
    ignored: list[msgspec.Raw] | None = msgspec.field(default=None, name="ignoredPolicyMatches")


class LayerMetadata(msgspec.Struct, gc=False):
    """The layer that brought a package."""

    id: Scalar = None


class Package(msgspec.Struct, gc=False, rename="camel"):
    """One vulnerable package: of the system, a library, an application or a CPE."""

    name: Scalar = None
    version: Scalar = None
    path: Scalar = None
    vulnerabilities: list[Vulnerability] | None = None
    layer_metadata: LayerMetadata | None = None


class Secret(msgspec.Struct, gc=False, rename="camel"):
    """One secret; `snippet` is not read."""

    description: Scalar = None
    path: Scalar = None
    line_number: Scalar = None
    type: Scalar = None


class Named(msgspec.Struct, gc=False):
    """A rule."""

    id: Scalar = None
    name: Scalar = None


class Place(msgspec.Struct, gc=False, rename="camel"):
    """Where a rule matched."""

    resource_name: Scalar = None
    file_name: Scalar = None
    line_number: Scalar = None


class RuleMatch(msgspec.Struct, gc=False):
    """One rule of infrastructure as code that matched."""

    rule: Named | None = None
    severity: Scalar = None
    matches: list[Place] | None = None


class Result(msgspec.Struct, gc=False, rename="camel"):
    """`result`."""

    os_packages: list[Package] | None = None
    libraries: list[Package] | None = None
    applications: list[Package] | None = None
    cpes: list[Package] | None = None
    secrets: list[Secret] | None = None
    rule_matches: list[RuleMatch] | None = None


class Report(msgspec.Struct, gc=False, rename="camel"):
    """The whole report."""

    created_at: Scalar = None
    status: Status | None = None
    extra_info: Extra | None = None
    scan_origin_resource: Origin | None = None
    result: Result | None = None
