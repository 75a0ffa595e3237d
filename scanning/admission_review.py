"""What Kubernetes asks before it stores an object, and the answer's form. Pure.

`admission.k8s.io/v1` AdmissionReview (k8s.io/api/admission/v1) and `imagepolicy.k8s.io/v1alpha1` ImageReview.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ADMISSION, POLICY = "admission.k8s.io/v1", "imagepolicy.k8s.io/v1alpha1"
# Where the pod is in the kinds that own one (core/v1, apps/v1, batch/v1). Every other kind runs nothing.
TEMPLATE = ("spec", "template", "spec")
PODS = {
    "Pod": ("spec",),
    "PodTemplate": ("template", "spec"),
    "ReplicationController": TEMPLATE,
    "Deployment": TEMPLATE,
    "ReplicaSet": TEMPLATE,
    "StatefulSet": TEMPLATE,
    "DaemonSet": TEMPLATE,
    "Job": TEMPLATE,
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
}
CONTAINERS = ("initContainers", "containers", "ephemeralContainers")
MOST_IMAGES, MOST_WARNINGS = 200, 8
# The API server asks that warnings stay below 120 characters, and cuts at 256.
WARNING_LENGTH, MESSAGE_LENGTH = 120, 2_000


class NotAReview(Exception):
    """What came is not what Kubernetes sends; the text says where it departs."""


@dataclass(frozen=True, slots=True)
class Review:
    """One question: which images would run that did not before; with `dry_run` nothing may be written down.

    `trouble` says why the images of an object cannot be told.
    """

    uid: str
    images: tuple[str, ...] = ()
    dry_run: bool = False
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """May it be stored; the message where not, warnings where it may, and what the audit log of the cluster keeps."""

    allowed: bool
    message: str = ""
    warnings: tuple[str, ...] = ()
    annotations: tuple[tuple[str, str], ...] = ()


def read_review(document: object) -> Review:
    """The question in an AdmissionReview. Raises NotAReview.

    An update is asked for what it changes: images that the object had before pass, so that a label can still be set
    on a pod whose image has become guilty of something meanwhile.
    """
    request = _request(document, ADMISSION, "AdmissionReview", "request")
    uid = request.get("uid")
    if not isinstance(uid, str) or not 0 < len(uid) <= 200:
        raise NotAReview("request.uid is missing")
    kind = _member(request, "kind").get("kind")
    where = PODS.get(kind) if isinstance(kind, str) else None
    dry_run = request.get("dryRun") is True
    if request.get("operation") not in ("CREATE", "UPDATE") or where is None or request.get("subResource") == "scale":
        return Review(uid, dry_run=dry_run)
    try:
        images = list(dict.fromkeys(images_of(request.get("object"), where)))
        if len(images) > MOST_IMAGES:
            raise NotAReview(f"they are more than {MOST_IMAGES}")
        before = set(images_of(request.get("oldObject"), where)) if request.get("oldObject") else set()
    except NotAReview as trouble:
        return Review(uid, dry_run=dry_run, trouble=f"the images of this {kind} cannot be read: {trouble}")
    return Review(uid, tuple(name for name in images if name not in before), dry_run)


def read_image_review(document: object) -> Review:
    """The question in an ImageReview, which knows neither operation nor dry run. Raises NotAReview."""
    spec = _request(document, POLICY, "ImageReview", "spec")
    return Review("", tuple(dict.fromkeys(_images(spec.get("containers"), "containers"))))


def images_of(target: object, where: Iterable[str]) -> Iterator[str]:
    """The images of an object as written: containers of every kind, and volumes that are images."""
    pod = target
    for name in where:
        pod = pod.get(name) if isinstance(pod, dict) else None
    if not isinstance(pod, dict):
        raise NotAReview(f"there is no {'.'.join(where)}")
    for name in CONTAINERS:
        yield from _images(pod.get(name), name)
    for volume in _list(pod.get("volumes"), "volumes"):
        image = volume.get("image") if isinstance(volume, dict) else None
        if image is not None:
            yield _name(image.get("reference") if isinstance(image, dict) else None, "volumes[].image.reference")


def _request(document: object, version: str, kind: str, member: str) -> Mapping[str, Any]:
    if not isinstance(document, dict) or document.get("apiVersion") != version or document.get("kind") != kind:
        raise NotAReview(f"this is no {kind} of {version}")
    return _member(document, member)


def _member(document: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    member = document.get(name)
    if not isinstance(member, dict):
        raise NotAReview(f"{name} is missing")
    return member


def _images(containers: object, name: str) -> Iterator[str]:
    for container in _list(containers, name):
        yield _name(container.get("image") if isinstance(container, dict) else None, f"{name}[].image")


def _list(value: object, name: str) -> list[object]:
    if value is None:
        return []
    if not isinstance(value, list) or len(value) > MOST_IMAGES:
        raise NotAReview(f"{name} is not a list of at most {MOST_IMAGES}")
    return value


def _name(value: object, where: str) -> str:
    if not isinstance(value, str) or not value.strip() or len(value) > 1_000:
        raise NotAReview(f"{where} is not a name")
    return value


def admission_answer(review: Review, answer: Answer) -> dict[str, Any]:
    """As the API server takes it; a validating webhook sends no patch."""
    response: dict[str, Any] = {"uid": review.uid, "allowed": answer.allowed}
    if not answer.allowed:
        response["status"] = {"code": 403, "message": answer.message[:MESSAGE_LENGTH]}
    if answer.warnings:
        response["warnings"] = [shortened(text, WARNING_LENGTH) for text in answer.warnings[:MOST_WARNINGS]]
    if answer.annotations:
        response["auditAnnotations"] = dict(answer.annotations)
    return {"apiVersion": ADMISSION, "kind": "AdmissionReview", "response": response}


def image_review_answer(answer: Answer) -> dict[str, Any]:
    """The status of an ImageReview; what it warns of has no place but the annotations."""
    status: dict[str, Any] = {"allowed": answer.allowed}
    if not answer.allowed:
        status["reason"] = answer.message[:MESSAGE_LENGTH]
    if answer.annotations:
        status["auditAnnotations"] = dict(answer.annotations)
    return {"apiVersion": POLICY, "kind": "ImageReview", "status": status}


def shortened(text: str, length: int) -> str:
    """At most that long, and without anything that a terminal obeys."""
    plain = "".join(sign if sign.isprintable() else " " for sign in text)
    return plain if len(plain) <= length else f"{plain[: length - 1]}…"
