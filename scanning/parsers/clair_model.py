"""Clair 4's reports as structs (quay/claircore `vulnerabilityreport.go`, `indexreport.go`): the members we read."""

from __future__ import annotations

import msgspec

from scanning.parsers.scalars import Scalar


class Distribution(msgspec.Struct, gc=False):
    """One of `distributions`: os-release; `did` is its ID."""

    did: Scalar = None
    name: Scalar = None
    version: Scalar = None
    version_id: Scalar = None


class Source(msgspec.Struct, gc=False):
    """The source package of a package."""

    name: Scalar = None
    version: Scalar = None


class Package(msgspec.Struct, gc=False):
    """One of `packages`; `dist` stood in it before there were environments."""

    name: Scalar = None
    version: Scalar = None
    source: Source | None = None
    dist: Distribution | None = None


class Environment(msgspec.Struct, gc=False):
    """Where a package was found. `introduced_in` is a compressed layer, so nothing is read of it."""

    package_db: Scalar = None
    distribution_id: Scalar = None


class Vulnerability(msgspec.Struct, gc=False):
    """One of `vulnerabilities`. `links` are separated by blanks; `Invert` marks what is not vulnerable."""

    name: Scalar = None
    description: Scalar = None
    issued: Scalar = None
    links: Scalar = None
    severity: Scalar = None
    normalized_severity: Scalar = None
    fixed_in_version: Scalar = None
    invert: bool | None = msgspec.field(default=None, name="Invert")


class Score(msgspec.Struct, gc=False, rename="camel"):
    """One CVSS rating of an enrichment."""

    base_score: float | None = None


class Report(msgspec.Struct, gc=False):
    """The index report; the vulnerability report repeats its lists and adds `package_vulnerabilities`."""

    manifest_hash: Scalar = None
    packages: dict[str, Package | None] | None = None
    distributions: dict[str, Distribution | None] | None = None
    environments: dict[str, list[Environment | None] | Environment | None] | None = None
    vulnerabilities: dict[str, Vulnerability | None] | None = None
    package_vulnerabilities: dict[str, list[Scalar] | None] | None = None
    enrichments: dict[str, msgspec.Raw] | None = None
    state: Scalar = None
    success: bool | None = None
    err: Scalar = None
