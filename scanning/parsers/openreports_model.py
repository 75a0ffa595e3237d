"""Policy reports as structs (openreports/reports-api `v1alpha1`, kubernetes-sigs/wg-policy-prototypes `v1alpha2`)."""

from __future__ import annotations

import msgspec
from msgspec import field

from scanning.parsers.scalars import Scalar


class Object(msgspec.Struct, gc=False):
    """A Kubernetes object: `scope`, and each of `resources`."""

    kind: Scalar = None
    namespace: Scalar = None
    name: Scalar = None

    @property
    def path(self) -> str:
        """Its namespace, kind and name."""
        return "/".join(str(part) for part in (self.namespace, self.kind, self.name) if part)


class Properties(msgspec.Struct, gc=False):
    """`properties`: the first names are of image-scanner, those with dots of trivy-operator-polr-adapter."""

    package: Scalar = field(default=None, name="pkgName")
    installed: Scalar = field(default=None, name="installedVersion")
    fixed: Scalar = field(default=None, name="fixedVersion")
    url: Scalar = field(default=None, name="primaryURL")
    link: Scalar = field(default=None, name="primaryLink")
    path: Scalar = field(default=None, name="pkgPath")
    resource: Scalar = None
    score: Scalar = None
    server: Scalar = field(default=None, name="registry.server")
    repository: Scalar = field(default=None, name="artifact.repository")
    tag: Scalar = field(default=None, name="artifact.tag")
    system: Scalar = field(default=None, name="OS")


class Outcome(msgspec.Struct, gc=False):
    """One item of `results`."""

    policy: Scalar = None
    rule: Scalar = None
    category: Scalar = None
    message: Scalar = None
    description: Scalar = None
    result: Scalar = None
    severity: Scalar = None
    source: Scalar = None
    properties: Properties | None = None
    resources: list[Object] | None = None


class Labels(msgspec.Struct, gc=False):
    """The labels that tell who wrote the report, about what."""

    manager: Scalar = field(default=None, name="app.kubernetes.io/managed-by")
    about: Scalar = field(default=None, name="trivy-operator.source")


class Metadata(msgspec.Struct, gc=False):
    """`metadata`."""

    name: Scalar = None
    namespace: Scalar = None
    labels: Labels | None = None


class Report(msgspec.Struct, gc=False):
    """One report, or a list of them."""

    metadata: Metadata | None = None
    source: Scalar = None
    scope: Object | None = None
    results: list[Outcome] | None = None
    summary: dict[str, Scalar] | None = None
    items: list[Report] | None = None
