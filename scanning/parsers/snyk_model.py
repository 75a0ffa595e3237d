"""Snyk's JSON as structs: the CLI's (snyk/cli `src/lib/snyk-test/legacy.ts`) and the Issues API's (REST)."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from scanning.parsers.sarif_model import Bag
from scanning.parsers.scalars import Scalar


class Reference(msgspec.Struct, gc=False):
    """One link."""

    url: Scalar = None


class Vulnerability(msgspec.Struct, gc=False, rename="camel"):
    """One item of `vulnerabilities`: one vulnerability or licence issue on one dependency path."""

    id: Scalar = None
    type: Scalar = None
    title: Scalar = None
    description: Scalar = None
    severity: Scalar = None
    severity_with_critical: Scalar = None
    cvss_score: Scalar = None
    identifiers: dict[str, list[Scalar] | None] | None = None
    references: list[Reference] | None = None
    package_manager: Scalar = None
    package_name: Scalar = None
    name: Scalar = None
    version: Scalar = None
    # The path of a finding on a binary of the image opens with a word, that of an ignored one may hold booleans.
    origin: list[Scalar] | None = msgspec.field(default=None, name="from")
    fixed_in: list[Scalar] | None = None
    nearest_fixed_in_version: Scalar = None
    publication_time: Scalar = None


class Filtered(msgspec.Struct, gc=False):
    """What the project's policy set aside."""

    ignore: list[Vulnerability] | None = None
    patch: list[Vulnerability] | None = None


class Project(msgspec.Struct, gc=False, rename="camel"):
    """One test result: an image, an application in it, or a project; `error` in place of one that failed."""

    ok: bool | None = None
    error: Scalar = None
    vulnerabilities: list[Vulnerability] | msgspec.UnsetType | None = UNSET
    package_manager: Scalar = None
    project_name: Scalar = None
    display_target_file: Scalar = None
    target_file: Scalar = None
    path: Scalar = None
    platform: Scalar = None
    severity_threshold: Scalar = None
    docker: dict[str, msgspec.Raw] | None = None
    filtered: Filtered | None = None
    applications: list[Project] | None = None


class Problem(msgspec.Struct, gc=False):
    """One name of an issue."""

    id: Scalar = None
    source: Scalar = None
    url: Scalar = None


class Rating(msgspec.Struct, gc=False):
    """One severity."""

    level: Scalar = None
    score: Scalar = None


class Dependency(msgspec.Struct, gc=False):
    """The package."""

    package_name: Scalar = None
    package_version: Scalar = None


class Representation(msgspec.Struct, gc=False):
    """One way to say where an issue is: a dependency, else a resource or a place in a file."""

    dependency: Dependency | None = None


class Coordinate(msgspec.Struct, gc=False):
    """Where an issue is."""

    representations: list[Representation] | None = None


class Attributes(msgspec.Struct, gc=False):
    """What an issue is."""

    key: Scalar = None
    title: Scalar = None
    description: Scalar = None
    type: Scalar = None
    status: Scalar = None
    ignored: Scalar = None
    effective_severity_level: Scalar = None
    created_at: Scalar = None
    problems: list[Problem] | None = None
    severities: list[Rating] | None = None
    coordinates: list[Coordinate] | None = None


class Target(msgspec.Struct, gc=False):
    """The project that an issue belongs to."""

    id: Scalar = None


class Relation(msgspec.Struct, gc=False):
    """One relationship."""

    data: Target | None = None


class Relations(msgspec.Struct, gc=False):
    """`relationships`."""

    scan_item: Relation | None = None


class Issue(msgspec.Struct, gc=False):
    """One issue."""

    id: Scalar = None
    attributes: Attributes | None = None
    relationships: Relations | None = None


class Page(msgspec.Struct, gc=False):
    """One page of issues."""

    data: list[Issue] | None = None
    links: Bag = None
