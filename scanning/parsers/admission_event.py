"""Kubernetes' admission reviews (k8s.io/api `admission/v1`, `imagepolicy/v1alpha1`): which images are to run.

Only the images' names are read here; to answer one is not a report's business.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import field

from governance.findings.report import ImageFacts, ScanReport
from scanning.parsers.document import Document, decode
from scanning.parsers.events import event
from scanning.parsers.image_config import is_reference

NAME = "admission-event"
KINDS = {"AdmissionReview", "ImageReview"}


class Container(msgspec.Struct, gc=False):
    """A container."""

    image: str | None = None


class PodSpec(msgspec.Struct, gc=False):
    """The specification of a pod, of a workload with a template for pods, of one with a template for jobs."""

    containers: list[Container] | None = None
    init: list[Container] | None = field(default=None, name="initContainers")
    ephemeral: list[Container] | None = field(default=None, name="ephemeralContainers")
    template: Workload | None = None
    job: Workload | None = field(default=None, name="jobTemplate")


class Workload(msgspec.Struct, gc=False):
    """Anything with a specification."""

    spec: PodSpec | None = None


class Request(msgspec.Struct, gc=False):
    """The request; of a deletion only the old object is there."""

    object: Workload | None = None
    old: Workload | None = field(default=None, name="oldObject")


class Review(msgspec.Struct, gc=False):
    """Either review."""

    request: Request | None = None
    spec: PodSpec | None = None


DECODER = msgspec.json.Decoder(Review)


def recognises(document: Document) -> bool:
    """Its kind, and the member that the kind has."""
    return document.text("kind") in KINDS and (document.has("request") or document.has("spec"))


def parse(document: Document) -> ScanReport:
    """Read the images of all containers."""
    read = decode(DECODER, document.body)
    request = read.request or Request()
    workload = request.object or request.old
    names = [name for spec in (read.spec, workload and workload.spec) if spec for name in _images(spec)]
    images = (_facts(name) for name in names if is_reference(name))
    return event(NAME, "kubernetes", images, None)


def _images(spec: PodSpec) -> Iterator[str]:
    """Yield the images of a specification and of the templates in it, without recursion."""
    waiting = [spec]
    while waiting:
        one = waiting.pop()
        for container in (*(one.containers or ()), *(one.init or ()), *(one.ephemeral or ())):
            yield container.image or ""
        waiting.extend(inner.spec for inner in (one.template, one.job) if inner and inner.spec)


def _facts(name: str) -> ImageFacts:
    return ImageFacts(references=(name,), repo_digests=(name,) if "@sha256:" in name else ())
