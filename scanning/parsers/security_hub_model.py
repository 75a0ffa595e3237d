"""AWS Security Hub's findings as structs (AWS Security Finding Format, schema 2018-10-08)."""

from __future__ import annotations

import msgspec

from scanning.parsers.scalars import Scalar


class Package(msgspec.Struct, gc=False, rename="pascal"):
    """One item of `VulnerablePackages`."""

    name: Scalar = None
    version: Scalar = None
    epoch: Scalar = None
    release: Scalar = None
    package_manager: Scalar = None
    file_path: Scalar = None
    fixed_in_version: Scalar = None


class Cvss(msgspec.Struct, gc=False, rename="pascal"):
    """One item of `Cvss`."""

    base_score: Scalar = None


class Vendor(msgspec.Struct, gc=False, rename="pascal"):
    """`Vendor`."""

    url: Scalar = None
    vendor_created_at: Scalar = None


class Vulnerability(msgspec.Struct, gc=False, rename="pascal"):
    """One item of `Vulnerabilities`."""

    id: Scalar = None
    vulnerable_packages: list[Package | None] | None = None
    related_vulnerabilities: list[Scalar] | None = None
    cvss: list[Cvss | None] | None = None
    vendor: Vendor | None = None
    fix_available: Scalar = None


class Image(msgspec.Struct, gc=False, rename="pascal"):
    """`AwsEcrContainerImage`."""

    registry_id: Scalar = None
    repository_name: Scalar = None
    architecture: Scalar = None
    image_digest: Scalar = None
    image_tags: list[Scalar] | None = None


class Details(msgspec.Struct, gc=False):
    """`Details` of a resource; `Other` is what products write that have no shape of their own (Trivy's template)."""

    image: Image | None = msgspec.field(default=None, name="AwsEcrContainerImage")
    other: dict[str, Scalar] | None = msgspec.field(default=None, name="Other")


class Resource(msgspec.Struct, gc=False, rename="pascal"):
    """One item of `Resources`."""

    id: Scalar = None
    type: Scalar = None
    details: Details | None = None


class Severity(msgspec.Struct, gc=False, rename="pascal"):
    """`Severity`; old products give the number from 0 to 100 only."""

    label: Scalar = None
    normalized: Scalar = None


class Compliance(msgspec.Struct, gc=False, rename="pascal"):
    """`Compliance` of a control."""

    status: Scalar = None
    security_control_id: Scalar = None


class Workflow(msgspec.Struct, gc=False, rename="pascal"):
    """`Workflow`: NEW, NOTIFIED, SUPPRESSED or RESOLVED."""

    status: Scalar = None


class Finding(msgspec.Struct, gc=False, rename="pascal"):
    """One finding of any product. `RecordState` is ACTIVE or ARCHIVED."""

    aws_account_id: Scalar = None
    product_name: Scalar = None
    product_arn: Scalar = None
    product_fields: dict[str, Scalar] | None = None
    generator_id: Scalar = None
    types: list[Scalar] | None = None
    title: Scalar = None
    description: Scalar = None
    severity: Severity | None = None
    compliance: Compliance | None = None
    record_state: Scalar = None
    workflow: Workflow | None = None
    resources: list[Resource | None] | None = None
    vulnerabilities: list[Vulnerability | None] | None = None
