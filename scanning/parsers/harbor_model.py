"""Harbor's reports as structs (goharbor/pluggable-scanner-spec `api/spec`, goharbor/harbor `api/v2.0/swagger.yaml`)."""

from __future__ import annotations

import msgspec
from msgspec import UNSET

from scanning.parsers.scalars import Scalar


class Artifact(msgspec.Struct, gc=False):
    """`artifact`, since version 1.1: the image, its repository without the registry."""

    repository: Scalar = None
    digest: Scalar = None
    mime_type: Scalar = None


class Scanner(msgspec.Struct, gc=False):
    """`scanner`."""

    name: Scalar = None
    version: Scalar = None


class Scores(msgspec.Struct, gc=False):
    """`preferred_cvss`."""

    score_v3: float | None = None
    score_v2: float | None = None


class Found(msgspec.Struct, gc=False):
    """One item of `vulnerabilities`."""

    id: Scalar = None
    package: Scalar = None
    version: Scalar = None
    fix_version: Scalar = None
    severity: Scalar = None
    status: Scalar = None
    description: Scalar = None
    links: list[str | None] | None = None
    artifact_digests: list[str] | None = None
    preferred_cvss: Scores | None = None


class Report(msgspec.Struct, gc=False):
    """One report; null for `vulnerabilities` is no finding, a missing member no result."""

    generated_at: Scalar = None
    artifact: Artifact | None = None
    scanner: Scanner | None = None
    vulnerabilities: list[Found] | msgspec.UnsetType | None = UNSET


class Hub(msgspec.Struct, gc=False):
    """One row of the security hub (`GET /api/v2.0/security/vulnerabilities`)."""

    cve_id: Scalar = None
    digest: Scalar = None
    package: Scalar = None
    version: Scalar = None
    fixed_version: Scalar = None
    severity: Scalar = None
    cvss_v3_score: float | None = None
    desc: Scalar = None
    links: list[str | None] | None = None
