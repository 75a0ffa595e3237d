"""Aqua's scan results as structs (aquasecurity/postee `data`, results of Aqua 4 to 2022; Aqua publishes no schema)."""

from __future__ import annotations

import msgspec

from scanning.parsers.scalars import Scalar

Flag = Scalar  # true, "true" or 1


class Resource(msgspec.Struct, gc=False):
    """`resource`: a package, or (type 1) a file."""

    format: Scalar = None
    path: Scalar = None
    name: Scalar = None
    version: Scalar = None
    cpe: Scalar = None
    layer_digest: Scalar = None
    src_name: Scalar = None
    src_version: Scalar = None
    license: Scalar = None
    licenses: list[Scalar] | Scalar = None


class Found(msgspec.Struct, gc=False):
    """One vulnerability of a resource; the API's second version writes `nvd_cvss3_score` for `nvd_score_v3`."""

    name: Scalar = None
    description: Scalar = None
    fix_version: Scalar = None
    publish_date: Scalar = None
    nvd_url: Scalar = None
    vendor_url: Scalar = None
    aqua_severity: Scalar = None
    vendor_severity_v3: Scalar = None
    vendor_cvss3_severity: Scalar = None
    nvd_severity_v3: Scalar = None
    nvd_cvss3_severity: Scalar = None
    vendor_severity: Scalar = None
    nvd_severity: Scalar = None
    aqua_score: Scalar = None
    vendor_score_v3: Scalar = None
    vendor_cvss3_score: Scalar = None
    nvd_score_v3: Scalar = None
    nvd_cvss3_score: Scalar = None
    vendor_score: Scalar = None
    nvd_score: Scalar = None
    nvd_cvss2_score: Scalar = None
    severity_classification: Scalar = None
    will_not_fix: Flag = None
    acknowledged: Flag = None
    already_acknowledged: Flag = None
    acknowledged_date: Scalar = None


class Scanned(msgspec.Struct, gc=False):
    """One item of `resources`. `scan_error` says that it could not be looked at."""

    resource: Resource | None = None
    scan_error: Scalar = None
    vulnerabilities: list[Found] | None = None


class Control(msgspec.Struct, gc=False):
    """One item of `checks_performed`."""

    control: Scalar = None
    policy_name: Scalar = None
    failed: Flag = None


class Assurance(msgspec.Struct, gc=False):
    """`image_assurance_results`."""

    checks_performed: list[Control] | None = None


class Sensitive(msgspec.Struct, gc=False):
    """One item of `sensitive_data` or `malware`: where it lies."""

    type: Scalar = None
    malware: Scalar = None
    path: Scalar = None
    filename: Scalar = None


class Started(msgspec.Struct, gc=False):
    """`scan_started`."""

    seconds: Scalar = None


class Metadata(msgspec.Struct, gc=False):
    """`metadata`: the image as its registry or Docker describes it. `id` is the image ID."""

    id: Scalar = None
    repo_digests: list[Scalar] | None = None
    created: Scalar = None
    os: Scalar = None
    architecture: Scalar = None


class Scan(msgspec.Struct, gc=False):
    """The result of one image; also the webhook's payload."""

    image: Scalar = None
    registry: Scalar = None
    pull_name: Scalar = None
    digest: Scalar = None
    os: Scalar = None
    version: Scalar = None
    image_size: int | None = None
    metadata: Metadata | None = None
    layers: list[Scalar] | None = None
    scanned_image_platform: Scalar = None
    scan_started: Started | Scalar = None
    resources: list[Scanned] | msgspec.UnsetType | None = msgspec.UNSET
    image_assurance_results: Assurance | None = None
    vulnerability_summary: dict[str, msgspec.Raw] | None = None
    malware: list[Sensitive] | None = None
    sensitive_data: list[Sensitive] | None = None
    partial_results: Flag = None
    error: Scalar = None
    scan_error: Scalar = None


class Job(msgspec.Struct, gc=False):
    """One item of the list that the task of Azure DevOps writes."""

    results: Scan | None = None


class Row(Found, gc=False):
    """One item of `result` of the API's second version: a finding with its package and image."""

    resource: Resource | None = None
    registry: Scalar = None
    image_repository_name: Scalar = None
    image_name: Scalar = None
    image_digest: Scalar = None
    image_build_date: Scalar = None
    os: Scalar = None
    os_version: Scalar = None
    ancestor_pkg: Scalar = None


class Page(msgspec.Struct, gc=False):
    """`GET /api/v2/risks/vulnerabilities`."""

    result: list[Row] | None = None
    count: Scalar = None
    is_partial_data: Flag = None


class Cve(msgspec.Struct, gc=False):
    """One item of `cves`. `file` is a package's name or a path."""

    file: Scalar = None
    name: Scalar = None
    description: Scalar = None
    score: Scalar = None
    severity: Scalar = None
    publishdate: Scalar = None
    acknowledged: Flag = None
    url: Scalar = None
    fix_version: Scalar = None


class Status(msgspec.Struct, gc=False):
    """`GET /api/v1/scanner/registry/REGISTRY/image/IMAGE/scan_result`."""

    status: Scalar = None
    image_name: Scalar = None
    registry: Scalar = None
    digest: Scalar = None
    cves: list[Cve] | None = None
    error: Scalar = msgspec.field(default=None, name="errorMsg")
