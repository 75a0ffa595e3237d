"""StackRox's images and `roxctl image scan` results as structs (stackrox/stackrox `proto/storage/image.proto`,
`roxctl/image/scan/cve.go`)."""

from __future__ import annotations

import msgspec
from msgspec import field

from scanning.parsers.scalars import Scalar


class Advisory(msgspec.Struct, gc=False):
    """The vendor's advisory that fixes a CVE."""

    name: Scalar = None


class Vulnerability(msgspec.Struct, gc=False, rename="camel"):
    """One item of `vulns`."""

    cve: Scalar = None
    cvss: float | None = None
    summary: Scalar = None
    link: Scalar = None
    fixed_by: Scalar = None
    severity: Scalar = None
    published_on: Scalar = None
    suppressed: bool | None = None
    state: Scalar = None
    advisory: Advisory | None = None


class Component(msgspec.Struct, gc=False):
    """One package."""

    name: Scalar = None
    version: Scalar = None
    source: Scalar = None
    location: Scalar = None
    vulns: list[Vulnerability] | None = None


class Scan(msgspec.Struct, gc=False, rename="camel"):
    """`scan` of an image. `notes` say what the scanner could not do."""

    scanner_version: Scalar = None
    scan_time: Scalar = None
    operating_system: Scalar = None
    components: list[Component] | None = None
    notes: list[Scalar] | None = None


class Name(msgspec.Struct, gc=False, rename="camel"):
    """`name`, and each of `names`."""

    registry: Scalar = None
    remote: Scalar = None
    full_name: Scalar = None


class Version(msgspec.Struct, gc=False):
    """`metadata.v1` and `.v2`."""

    digest: Scalar = None
    created: Scalar = None


class Metadata(msgspec.Struct, gc=False):
    """`metadata`; its layers are compressed ones or instructions, so they are not read."""

    v1: Version | None = None
    v2: Version | None = None


class Image(msgspec.Struct, gc=False):
    """An image as Central's API and `roxctl image scan` without `--output` write it; `id` is a registry's digest."""

    id: Scalar = None
    name: Name | None = None
    names: list[Name] | None = None
    metadata: Metadata | None = None
    scan: Scan | None = None


class Row(msgspec.Struct, gc=False):
    """One item of `result.vulnerabilities`, and one line of the tables."""

    cve: Scalar = field(default=None, name="cveId")
    severity: Scalar = field(default=None, name="cveSeverity")
    score: Scalar = field(default=None, name="cveCVSS")
    link: Scalar = field(default=None, name="cveInfo")
    advisory: Scalar = field(default=None, name="advisoryId")
    component: Scalar = field(default=None, name="componentName")
    version: Scalar = field(default=None, name="componentVersion")
    fixed: Scalar = field(default=None, name="componentFixedVersion")
    summary: Scalar = None


class Result(msgspec.Struct, gc=False):
    """`result`."""

    vulnerabilities: list[Row] | None = None


class Printed(msgspec.Struct, gc=False):
    """What `roxctl image scan --output=json` prints; it names no image."""

    result: Result | None = None
