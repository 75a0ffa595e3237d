"""Trivy's JSON as structs (aquasecurity/trivy `pkg/types/report.go`, `pkg/fanal/types`): the members we read."""

from __future__ import annotations

import msgspec
from msgspec import field

from scanning.parsers.image_config import ImageConfig


class Layer(msgspec.Struct, gc=False):
    """The layer that brought something."""

    diff_id: str | None = field(default=None, name="DiffID")


class Identifier(msgspec.Struct, gc=False):
    """`PkgIdentifier`."""

    purl: str | None = field(default=None, name="PURL")


class Cvss(msgspec.Struct, gc=False):
    """The scores of one source."""

    v2: float | None = field(default=None, name="V2Score")
    v3: float | None = field(default=None, name="V3Score")
    v4: float | None = field(default=None, name="V40Score")


class Vulnerability(msgspec.Struct, gc=False):
    """One item of `Vulnerabilities`. The first releases left the identifier out where the advisory has none."""

    id: str = field(default="", name="VulnerabilityID")
    package: str | None = field(default=None, name="PkgName")
    version: str | None = field(default=None, name="InstalledVersion")
    identifier: Identifier | None = field(default=None, name="PkgIdentifier")
    path: str | None = field(default=None, name="PkgPath")
    layer: Layer | None = field(default=None, name="Layer")
    fixed_version: str | None = field(default=None, name="FixedVersion")
    status: str | None = field(default=None, name="Status")
    severity: str | None = field(default=None, name="Severity")
    title: str | None = field(default=None, name="Title")
    description: str | None = field(default=None, name="Description")
    url: str | None = field(default=None, name="PrimaryURL")
    cvss: dict[str, Cvss | None] | None = field(default=None, name="CVSS")
    published: str | None = field(default=None, name="PublishedDate")


class Package(msgspec.Struct, gc=False):
    """One item of `Packages` (only with `--list-all-pkgs`)."""

    name: str = field(name="Name")
    version: str | None = field(default=None, name="Version")
    release: str | None = field(default=None, name="Release")
    epoch: int | None = field(default=None, name="Epoch")
    identifier: Identifier | None = field(default=None, name="Identifier")
    source_name: str | None = field(default=None, name="SrcName")
    source_version: str | None = field(default=None, name="SrcVersion")
    source_release: str | None = field(default=None, name="SrcRelease")
    source_epoch: int | None = field(default=None, name="SrcEpoch")
    licenses: list[str] | None = field(default=None, name="Licenses")
    layer: Layer | None = field(default=None, name="Layer")
    path: str | None = field(default=None, name="FilePath")


class Misconfiguration(msgspec.Struct, gc=False):
    """One item of `Misconfigurations`."""

    id: str | None = field(default=None, name="ID")
    title: str | None = field(default=None, name="Title")
    severity: str | None = field(default=None, name="Severity")
    status: str | None = field(default=None, name="Status")


class Secret(msgspec.Struct, gc=False):
    """One item of `Secrets`; what was found (`Match`) is never read."""

    id: str | None = field(default=None, name="RuleID")
    title: str | None = field(default=None, name="Title")
    severity: str | None = field(default=None, name="Severity")


class License(msgspec.Struct, gc=False):
    """One item of `Licenses`."""

    name: str | None = field(default=None, name="Name")
    severity: str | None = field(default=None, name="Severity")
    package: str | None = field(default=None, name="PkgName")
    path: str | None = field(default=None, name="FilePath")


class Modified(msgspec.Struct, gc=False):
    """One item of `ExperimentalModifiedFindings`: set aside by VEX or an ignore file. `Finding` differs by `Type`."""

    type: str | None = field(default=None, name="Type")
    status: str | None = field(default=None, name="Status")
    finding: msgspec.Raw = field(default=msgspec.Raw(b"null"), name="Finding")


class Result(msgspec.Struct, gc=False):
    """One item of `Results`."""

    target: str | None = field(default=None, name="Target")
    cls: str | None = field(default=None, name="Class")
    type: str | None = field(default=None, name="Type")
    packages: list[Package] | None = field(default=None, name="Packages")
    vulnerabilities: list[Vulnerability] | None = field(default=None, name="Vulnerabilities")
    misconfigurations: list[Misconfiguration] | None = field(default=None, name="Misconfigurations")
    secrets: list[Secret] | None = field(default=None, name="Secrets")
    licenses: list[License] | None = field(default=None, name="Licenses")
    modified: list[Modified] | None = field(default=None, name="ExperimentalModifiedFindings")

    @property
    def of_packages(self) -> bool:
        """Whether the result proves that packages were looked at; old releases wrote no `Class`."""
        return self.cls in ("os-pkgs", "lang-pkgs") or bool(self.vulnerabilities) or (not self.cls and bool(self.type))

    @property
    def amount(self) -> int:
        """How many things the result lists."""
        packages, found = len(self.packages or ()), len(self.vulnerabilities or ()) + len(self.modified or ())
        checks = len(self.misconfigurations or ()) + len(self.secrets or ()) + len(self.licenses or ())
        return packages + found + checks


class System(msgspec.Struct, gc=False):
    """`Metadata.OS`. An unknown one is the family "none"."""

    family: str | None = field(default=None, name="Family")
    name: str | None = field(default=None, name="Name")
    end_of_life: bool | None = field(default=None, name="EOSL")


class Metadata(msgspec.Struct, gc=False):
    """`Metadata`: the image."""

    size: int | None = field(default=None, name="Size")
    os: System | None = field(default=None, name="OS")
    image_id: str | None = field(default=None, name="ImageID")
    diff_ids: list[str] | None = field(default=None, name="DiffIDs")
    repo_tags: list[str] | None = field(default=None, name="RepoTags")
    repo_digests: list[str] | None = field(default=None, name="RepoDigests")
    reference: str | None = field(default=None, name="Reference")
    config: ImageConfig | None = field(default=None, name="ImageConfig")


class Tool(msgspec.Struct, gc=False):
    """`Trivy`: the program."""

    version: str | None = field(default=None, name="Version")
