"""NeuVector's scan report as structs (neuvector/neuvector `controller/api`: RESTScanReport, RESTScanRepoReport)."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from scanning.parsers.scalars import Scalar


class Found(msgspec.Struct, gc=False):
    """One vulnerability."""

    name: Scalar = None
    severity: Scalar = None
    score: Scalar = None
    score_v3: Scalar = None
    description: Scalar = None
    file_name: Scalar = None
    package_name: Scalar = None
    package_version: Scalar = None
    fixed_version: Scalar = None
    link: Scalar = None
    published_timestamp: Scalar = None
    cves: list[Scalar] | None = None
    tags: list[Scalar] | None = None


class Module(msgspec.Struct, gc=False):
    """One package of the image."""

    name: Scalar = None
    version: Scalar = None
    source: Scalar = None


class Checked(msgspec.Struct, gc=False):
    """One check of a benchmark."""

    type: Scalar = None
    level: Scalar = None
    test_number: Scalar = None
    description: Scalar = None
    group: Scalar = None


class Secret(msgspec.Struct, gc=False):
    """A secret, or a file with setuid or setgid; `evidence` is not read."""

    type: Scalar = None
    path: Scalar = None


class Report(msgspec.Struct, gc=False):
    """The report; the identity stands in those of registries and of the stand-alone scanner."""

    image_id: Scalar = None
    registry: Scalar = None
    repository: Scalar = None
    tag: Scalar = None
    digest: Scalar = None
    size: Scalar = None
    base_os: Scalar = None
    created_at: Scalar = None
    scanned_at: Scalar = None
    cvedb_version: Scalar = None
    vulnerabilities: list[Found] | msgspec.UnsetType | None = UNSET
    modules: list[Module] | None = None
    checks: list[Checked] | None = None
    secrets: list[Secret] | None = None
    setid_perms: list[Secret] | None = None


class Scanned(msgspec.Struct, gc=False):
    """What the scanner answers."""

    error_message: Scalar = None
    report: Report | None = None
