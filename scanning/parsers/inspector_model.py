"""Amazon Inspector's findings as structs (AWS API references: Inspector2 `Finding`, ECR `EnhancedImageScanFinding`)."""

from __future__ import annotations

import msgspec

from scanning.parsers.scalars import Scalar


class Package(msgspec.Struct, gc=False, rename="camel"):
    """One item of `vulnerablePackages`. `sourceLayerHash` is that of the compressed layer and is not read."""

    name: Scalar = None
    version: Scalar = None
    epoch: Scalar = None
    release: Scalar = None
    package_manager: Scalar = None
    file_path: Scalar = None
    fixed_in_version: Scalar = None


class Cvss(msgspec.Struct, gc=False, rename="camel"):
    """One item of `cvss`."""

    base_score: Scalar = None


class Details(msgspec.Struct, gc=False, rename="camel"):
    """`packageVulnerabilityDetails`."""

    vulnerability_id: Scalar = None
    related_vulnerabilities: list[Scalar] | None = None
    vulnerable_packages: list[Package | None] | None = None
    cvss: list[Cvss | None] | None = None
    source_url: Scalar = None
    vendor_created_at: Scalar = None


class Image(msgspec.Struct, gc=False, rename="camel"):
    """`awsEcrContainerImage`."""

    registry: Scalar = None
    repository_name: Scalar = None
    image_hash: Scalar = None
    image_tags: list[Scalar] | None = None
    architecture: Scalar = None
    platform: Scalar = None


class Instance(msgspec.Struct, gc=False):
    """`awsEc2Instance`."""

    platform: Scalar = None


class About(msgspec.Struct, gc=False):
    """`details` of a resource."""

    image: Image | None = msgspec.field(default=None, name="awsEcrContainerImage")
    instance: Instance | None = msgspec.field(default=None, name="awsEc2Instance")


class Resource(msgspec.Struct, gc=False):
    """One item of `resources`: an image in ECR, an instance, a function."""

    id: Scalar = None
    type: Scalar = None
    details: About | None = None


class Finding(msgspec.Struct, gc=False, rename="camel"):
    """One finding. `status` is ACTIVE, SUPPRESSED or CLOSED."""

    finding_arn: Scalar = None
    aws_account_id: Scalar = None
    title: Scalar = None
    description: Scalar = None
    severity: Scalar = None
    status: Scalar = None
    type: Scalar = None
    fix_available: Scalar = None
    package_vulnerability_details: Details | None = None
    resources: list[Resource | None] | None = None
