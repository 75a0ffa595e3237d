"""Trivy Operator's objects as structs (aquasecurity/trivy-operator `pkg/apis/aquasecurity/v1alpha1`)."""

from __future__ import annotations

import msgspec
from msgspec import field


class Named(msgspec.Struct, gc=False):
    """`metadata`, `scanner`, `os`: what has a name."""

    name: str | None = None
    namespace: str | None = None
    version: str | None = None
    family: str | None = None
    end_of_life: bool | None = field(default=None, name="eosl")


class Registry(msgspec.Struct, gc=False):
    """`registry`."""

    server: str | None = None


class Artifact(msgspec.Struct, gc=False):
    """`artifact`: the image, without its registry."""

    repository: str | None = None
    tag: str | None = None
    digest: str | None = None


class Vulnerability(msgspec.Struct, gc=False, rename="camel"):
    """One item of `vulnerabilities`; `resource` is the package's name."""

    id: str = field(name="vulnerabilityID")
    resource: str | None = None
    installed_version: str | None = None
    fixed_version: str | None = None
    severity: str | None = None
    title: str | None = None
    description: str | None = None
    primary_link: str | None = None
    published_date: str | None = None
    score: float | None = None
    package_type: str | None = None
    package_path: str | None = None
    package_purl: str | None = field(default=None, name="packagePURL")


class CheckItem(msgspec.Struct, gc=False):
    """One item of `checks` or of `secrets`."""

    id: str | None = field(default=None, name="checkID")
    rule: str | None = field(default=None, name="ruleID")
    title: str | None = None
    severity: str | None = None
    success: bool | None = None
    target: str | None = None


class Body(msgspec.Struct, gc=False):
    """`report`; `components` is a whole CycloneDX document."""

    updated: str | None = field(default=None, name="updateTimestamp")
    scanner: Named | None = None
    registry: Registry | None = None
    artifact: Artifact | None = None
    os: Named | None = None
    vulnerabilities: list[Vulnerability] | None = None
    checks: list[CheckItem] | None = None
    secrets: list[CheckItem] | None = None
    components: msgspec.Raw = msgspec.Raw(b"{}")


class Item(msgspec.Struct, gc=False, rename="camel"):
    """One Kubernetes object, or what wraps some. What `report` looks like depends on the kind."""

    kind: str | None = None
    metadata: Named | None = None
    report: msgspec.Raw = msgspec.Raw(b"null")
    spec: msgspec.Raw = msgspec.Raw(b"null")
    status: msgspec.Raw = msgspec.Raw(b"null")
    verb: str | None = None
    operator_object: Item | None = None
    items: list[Item] | None = None
