"""OSV-Scanner's JSON as structs (google/osv-scanner `pkg/models`, versions 1 and 2; ossf/osv-schema)."""

from __future__ import annotations

import msgspec

from scanning.parsers.scalars import Scalar


class Origin(msgspec.Struct, gc=False):
    """`image_origin_details`: the place of the layer in `image_metadata.layer_metadata`."""

    index: Scalar = None


class Package(msgspec.Struct, gc=False):
    """`package`. `os_package_name` is the binary's name where `name` is the source's."""

    name: Scalar = None
    os_package_name: Scalar = None
    version: Scalar = None
    ecosystem: Scalar = None
    commit: Scalar = None
    origin: Origin | None = msgspec.field(default=None, name="image_origin_details")


class Event(msgspec.Struct, gc=False):
    """One event of a range."""

    fixed: Scalar = None


class Range(msgspec.Struct, gc=False):
    """One range; versions of GIT ranges are commits."""

    type: Scalar = None
    events: list[Event] | None = None


class AffectedPackage(msgspec.Struct, gc=False):
    """Whom an entry of `affected` is about."""

    name: Scalar = None
    ecosystem: Scalar = None
    purl: Scalar = None


class Affected(msgspec.Struct, gc=False):
    """One entry of `affected`."""

    package: AffectedPackage | None = None
    ranges: list[Range] | None = None
    severity: list[Severity] | None = None


class Severity(msgspec.Struct, gc=False):
    """One severity: a CVSS vector, or a word (type `Ubuntu`)."""

    type: Scalar = None
    score: Scalar = None


class Reference(msgspec.Struct, gc=False):
    """One link."""

    type: Scalar = None
    url: Scalar = None


class Vulnerability(msgspec.Struct, gc=False):
    """One OSV record. `database_specific` is each database's own; GitHub's has a `severity`."""

    id: Scalar = None
    aliases: list[Scalar] | None = None
    upstream: list[Scalar] | None = None
    summary: Scalar = None
    details: Scalar = None
    published: Scalar = None
    severity: list[Severity] | None = None
    affected: list[Affected] | None = None
    references: list[Reference] | None = None
    database_specific: dict[str, msgspec.Raw] | None = None


class Group(msgspec.Struct, gc=False):
    """Records that are one vulnerability. `aliases` may hold identifiers that have no record here."""

    ids: list[Scalar] | None = None
    aliases: list[Scalar] | None = None
    max_severity: Scalar = None


class Found(msgspec.Struct, gc=False):
    """One item of `packages`: with `--all-packages` also those without vulnerabilities."""

    package: Package | None = None
    vulnerabilities: list[Vulnerability] | None = None
    groups: list[Group] | None = None
    licenses: list[Scalar] | None = None
    license_violations: list[Scalar] | None = None


class Source(msgspec.Struct, gc=False):
    """What the packages were found in: `type` is lockfile, sbom, git, os, artifact, and docker before version 2."""

    path: Scalar = None
    type: Scalar = None


class Result(msgspec.Struct, gc=False):
    """One source."""

    source: Source | None = None
    package_source: Source | None = msgspec.field(default=None, name="packageSource")
    packages: list[Found] | None = None


class Layer(msgspec.Struct, gc=False):
    """One layer; one that is empty has no diffID."""

    diff_id: Scalar = None
    command: Scalar = None
    is_empty: bool | None = None


class Image(msgspec.Struct, gc=False):
    """`image_metadata`, of `osv-scanner scan image`. It does not name the image."""

    os: Scalar = None
    layers: list[Layer] | None = msgspec.field(default=None, name="layer_metadata")


class Report(msgspec.Struct, gc=False):
    """The whole report."""

    results: list[Result] | None = None
    image: Image | None = msgspec.field(default=None, name="image_metadata")
