"""Google Artifact Analysis's occurrences as structs (Grafeas `v1`; gcloud's `docker images describe` around them)."""

from __future__ import annotations

import msgspec

from scanning.parsers.scalars import Scalar


class Version(msgspec.Struct, gc=False, rename="camel"):
    """A version; of kind MAXIMUM, and MINIMUM, it is none."""

    full_name: Scalar = None
    name: Scalar = None
    revision: Scalar = None
    epoch: Scalar = None
    kind: Scalar = None


class FilePath(msgspec.Struct, gc=False, rename="camel"):
    """One item of `fileLocation`."""

    file_path: Scalar = None


class Issue(msgspec.Struct, gc=False, rename="camel"):
    """One item of `packageIssue`. The CPE is that of the system, also of packages of languages."""

    affected_cpe_uri: Scalar = None
    affected_package: Scalar = None
    affected_version: Version | None = None
    fixed_version: Version | None = None
    package_type: Scalar = None
    file_location: list[FilePath | None] | None = None


class Link(msgspec.Struct, gc=False):
    """One item of `relatedUrls`."""

    url: Scalar = None


class Score(msgspec.Struct, gc=False, rename="camel"):
    """`cvssv3` and `cvssV2`."""

    base_score: Scalar = None


class Assessment(msgspec.Struct, gc=False):
    """`vexAssessment`: what a VEX document says of it."""

    state: Scalar = None


class Vulnerability(msgspec.Struct, gc=False, rename="camel"):
    """`vulnerability` of an occurrence."""

    short_description: Scalar = None
    long_description: Scalar = None
    severity: Scalar = None
    effective_severity: Scalar = None
    cvss_score: Scalar = None
    cvssv3: Score | None = None
    fix_available: Scalar = None
    package_issue: list[Issue | None] | None = None
    related_urls: list[Link | None] | None = None
    vex_assessment: Assessment | None = None


class Discovery(msgspec.Struct, gc=False, rename="camel"):
    """`discovery` of an occurrence: how the scan ended."""

    analysis_status: Scalar = None
    analysis_status_error: Problem | None = None
    last_scan_time: Scalar = None


class Problem(msgspec.Struct, gc=False):
    """`analysisStatusError`."""

    message: Scalar = None


class Occurrence(msgspec.Struct, gc=False, rename="camel"):
    """One occurrence. Builds, signatures and the like are not read."""

    resource_uri: Scalar = None
    note_name: Scalar = None
    vulnerability: Vulnerability | None = None
    discovery: Discovery | None = None


class Image(msgspec.Struct, gc=False):
    """`image_summary`."""

    digest: Scalar = None
    fully_qualified_digest: Scalar = None


class Discovered(msgspec.Struct, gc=False):
    """`discovery_summary`."""

    discovery: list[Occurrence | None] | None = None


class Found(msgspec.Struct, gc=False):
    """`package_vulnerability_summary`: occurrences by severity."""

    vulnerabilities: dict[str, list[Occurrence | None] | None] | None = None


class Described(msgspec.Struct, gc=False, rename={"next_page": "nextPageToken"}):
    """gcloud's description of one image, or the API's list of occurrences."""

    image_summary: Image | None = None
    discovery_summary: Discovered | None = None
    package_vulnerability_summary: Found | None = None
    occurrences: list[Occurrence | None] | None = None
    next_page: Scalar = None
