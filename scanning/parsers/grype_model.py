"""Grype's JSON as structs (anchore/grype `grype/presenter/models`): the members we read, no more."""

from __future__ import annotations

import msgspec
from msgspec import field

from scanning.parsers.anchore_image import Distro, Location, Target
from scanning.parsers.scalars import Scalar


class Score(msgspec.Struct, gc=False, rename="camel"):
    """`metrics` of new releases, `cvssV2` and `cvssV3` of old ones."""

    base_score: float | None = None


class Cvss(msgspec.Struct, gc=False):
    """One item of `cvss`."""

    metrics: Score | None = None


class Fix(msgspec.Struct, gc=False):
    """`fix`."""

    versions: list[str] | None = None
    state: str | None = None


class Vulnerability(msgspec.Struct, gc=False, rename="camel"):
    """`vulnerability`, and each of `relatedVulnerabilities`."""

    id: str
    data_source: str | None = None
    severity: str | None = None
    description: str | None = None
    cvss: list[Cvss] | None = None
    cvss_v2: Score | None = field(default=None, name="cvssV2")
    cvss_v3: Score | None = field(default=None, name="cvssV3")
    fix: Fix | None = None
    fixed_in_version: str | None = None
    links: list[str] | None = None


class Upstream(msgspec.Struct, gc=False):
    """The source package."""

    name: str | None = None
    version: str | None = None


class Artifact(msgspec.Struct, gc=False):
    """The package."""

    name: str
    version: str | None = None
    type: str | None = None
    locations: list[Location | str] | None = None
    purl: str | None = None
    licenses: list[str] | None = None
    upstreams: list[Upstream] | None = None


class Rule(msgspec.Struct, gc=False, rename="kebab"):
    """One ignore rule of the configuration."""

    match_type: str | None = None


class Found(msgspec.Struct, gc=False):
    """One item of `matches` or `ignoredMatches`."""

    vulnerability: Vulnerability
    artifact: Artifact
    related: list[Vulnerability] | None = field(default=None, name="relatedVulnerabilities")


class Source(msgspec.Struct, gc=False):
    """What was scanned; the target of a directory, file or purl is a text."""

    type: str | None = None
    target: Target | Scalar | list[msgspec.Raw] = None


class Status(msgspec.Struct, gc=False):
    """`db.status`, since database schema 6."""

    built: str | None = None


class Database(msgspec.Struct, gc=False):
    """`db`."""

    built: str | None = None
    status: Status | None = None


class Configuration(msgspec.Struct, gc=False, rename="kebab"):
    """The members of `configuration` that hide matches; older releases wrote `onlyFixed`."""

    only_fixed: bool | None = None
    old_only_fixed: bool | None = field(default=None, name="onlyFixed")
    only_notfixed: bool | None = None
    ignore_wontfix: Scalar = None
    ignore: list[Rule] | None = None
    exclude: list[str] | None = None


class Descriptor(msgspec.Struct, gc=False):
    """The program and how it ran."""

    name: str | None = None
    version: str | None = None
    timestamp: str | None = None
    db: Database | None = None
    configuration: msgspec.Raw = msgspec.Raw(b"{}")


class Report(msgspec.Struct, gc=False):
    """The whole report. `image` stood for `source` in the first releases."""

    matches: list[Found] | None
    ignored: list[Found] | None = field(default=None, name="ignoredMatches")
    source: Source | None = None
    distro: Distro | None = None
    descriptor: Descriptor | None = None
    image: Target | Scalar = None
