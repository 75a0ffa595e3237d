"""Twistlock's (Prisma Cloud Compute) scan results as structs (twistlock/docs 21.04, PaloAltoNetworks/pan.dev OpenAPI of
Compute 34.04): twistcli's file and the console's API, which differ little.
"""

from __future__ import annotations

import msgspec
from msgspec import field

from scanning.parsers.scalars import Scalar


class Found(msgspec.Struct, gc=False, rename="camel"):
    """One vulnerability. In the API `id` is the number of a class, and `cve` the identifier."""

    id: Scalar = None
    cve: Scalar = None
    status: Scalar = None
    cvss: Scalar = None
    description: Scalar = None
    severity: Scalar = None
    package_name: Scalar = None
    package_version: Scalar = None
    package_type: Scalar = None
    package_path: Scalar = None
    link: Scalar = None
    published_date: Scalar = None
    published: Scalar = None


class Issue(msgspec.Struct, gc=False):
    """One compliance issue: what breaks a benchmark."""

    id: Scalar = None
    title: Scalar = None
    severity: Scalar = None


class Package(msgspec.Struct, gc=False):
    """One package or application; `license` in the API, `licenses` in the file."""

    type: Scalar = None
    name: Scalar = None
    version: Scalar = None
    path: Scalar = None
    license: Scalar = None
    licenses: list[Scalar] | None = None


class Group(Package, gc=False):
    """One item of `packages`: in the file a package, in the API those of one kind."""

    kind: Scalar = field(default=None, name="pkgsType")
    pkgs: list[Package] | None = None


class Tag(msgspec.Struct, gc=False):
    """`repoTag`, and one item of `tags`."""

    registry: Scalar = None
    repo: Scalar = None
    tag: Scalar = None
    digest: Scalar = None


class Step(msgspec.Struct, gc=False, rename="camel"):
    """One item of `history`."""

    instruction: Scalar = None
    empty_layer: bool | None = None


class Built(msgspec.Struct, gc=False):
    """`image`: of the image's configuration."""

    created: Scalar = None


class Result(msgspec.Struct, gc=False, rename="camel"):
    """One image: an item of the file's `results`, an image of the API, or `entityInfo` of a scan in CI."""

    id: Scalar = None
    under_id: Scalar = field(default=None, name="_id")
    type: Scalar = None
    name: Scalar = None
    repository: Scalar = None
    digest: Scalar = None
    repo_tag: Tag | None = None
    tags: list[Tag | Scalar] | None = None
    repo_digests: list[Scalar] | None = None
    distro: Scalar = None
    distro_release: Scalar = None
    os_distro: Scalar = None
    os_distro_version: Scalar = None
    packages: list[Group] | None = None
    applications: list[Package] | None = None
    compliances: list[Issue] | None = None
    compliance_issues: list[Issue] | None = None
    vulnerabilities: list[Found] | None = None
    vulnerability_distribution: dict[str, Scalar] | None = None
    secrets: list[Scalar | dict[str, msgspec.Raw]] | None = None
    pascal_secrets: list[Scalar | dict[str, msgspec.Raw]] | None = field(default=None, name="Secrets")
    layers: list[Scalar] | None = None
    history: list[Step] | None = None
    image: Built | Scalar = None
    creation_time: Scalar = None
    scan_time: Scalar = None
    scan_version: Scalar = None
    is_arm64: bool | None = field(default=None, name="isARM64")
    err: Scalar = None
    stopped: bool | None = None


class File(msgspec.Struct, gc=False):
    """What twistcli writes."""

    results: list[Result] | None = None


class Job(msgspec.Struct, gc=False, rename="camel"):
    """One scan in CI."""

    entity_info: Result | None = None
    time: Scalar = None
    version: Scalar = None
