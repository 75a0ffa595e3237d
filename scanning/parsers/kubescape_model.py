"""Kubescape's results as structs (kubescape/opa-utils `reporthandling/v2`, kubescape/k8s-interface for the objects)."""

from __future__ import annotations

import msgspec

from scanning.parsers.scalars import Scalar


class Status(msgspec.Struct, gc=False):
    """`status` of a control: passed, failed or skipped, and why (`w/exceptions`, `irrelevant`, `manual review`)."""

    status: Scalar = None
    sub_status: Scalar = msgspec.field(default=None, name="subStatus")


class Rule(msgspec.Struct, gc=False):
    """One item of `rules`."""

    status: Scalar = None
    sub_status: Scalar = msgspec.field(default=None, name="subStatus")


class Control(msgspec.Struct, gc=False):
    """A control as it was applied to a resource, or as the summary sums it up.

    New versions name its severity, old ones not its status where it was applied: that follows from its rules.
    """

    id: Scalar = msgspec.field(default=None, name="controlID")
    name: Scalar = None
    status: Status | Scalar = None
    rules: list[Rule | None] | None = None
    severity: Scalar = None
    score_factor: Scalar = msgspec.field(default=None, name="scoreFactor")


class Applied(msgspec.Struct, gc=False, rename={"resource": "resourceID"}):
    """One item of `results`: a resource and the controls applied to it."""

    resource: Scalar = None
    controls: list[Control | None] | None = None


class Metadata(msgspec.Struct, gc=False):
    """`metadata` of a Kubernetes object."""

    name: Scalar = None
    namespace: Scalar = None


class Object(msgspec.Struct, gc=False):
    """A Kubernetes object, or a subject of RBAC, which has its name outside of the metadata."""

    kind: Scalar = None
    name: Scalar = None
    namespace: Scalar = None
    metadata: Metadata | None = None


class Resource(msgspec.Struct, gc=False, rename={"id": "resourceID"}):
    """One item of `resources`."""

    id: Scalar = None
    object: Object | None = None


class Framework(msgspec.Struct, gc=False):
    """One item of `frameworks`."""

    name: Scalar = None


class Summary(msgspec.Struct, gc=False):
    """`summaryDetails`."""

    controls: dict[str, Control | None] | None = None
    frameworks: list[Framework | None] | None = None


class Place(msgspec.Struct, gc=False, rename="camel"):
    """Where it looked: one of the contexts of `targetMetadata`."""

    context_name: Scalar = None
    remote_url: Scalar = msgspec.field(default=None, name="remoteURL")
    file_path: Scalar = None
    base_path: Scalar = None
    chart_name: Scalar = None
    repo: Scalar = None


class Target(msgspec.Struct, gc=False):
    """`targetMetadata`."""

    cluster: Place | None = msgspec.field(default=None, name="clusterContextMetadata")
    git: Place | None = msgspec.field(default=None, name="gitRepoContextMetadata")
    file: Place | None = msgspec.field(default=None, name="fileContextMetadata")
    directory: Place | None = msgspec.field(default=None, name="directoryContextMetadata")
    helm: Place | None = msgspec.field(default=None, name="helmContextMetadata")


class Scan(msgspec.Struct, gc=False, rename="camel"):
    """`scanMetadata`."""

    kubescape_version: Scalar = None
    target_names: list[Scalar] | None = None


class About(msgspec.Struct, gc=False, rename="camel"):
    """`metadata` of the report."""

    target_metadata: Target | None = None
    scan_metadata: Scan | None = None


class Report(msgspec.Struct, gc=False, rename="camel"):
    """The report."""

    generation_time: Scalar = None
    cluster_name: Scalar = None
    summary_details: Summary | None = None
    resources: list[Resource | None] | None = None
    results: list[Applied | None] | None = None
    metadata: About | None = None
