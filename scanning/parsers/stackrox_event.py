"""StackRox's alerts (stackrox/rox `proto/storage/alert.proto` in JSON): a policy was violated; the images are named."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec
from msgspec import field

from governance.findings.report import ImageFacts, ScanReport
from scanning.parsers.document import Document, decode, members_of
from scanning.parsers.events import event
from scanning.parsers.scalars import Scalar, moment

NAME = "stackrox-event"


class Name(msgspec.Struct, gc=False, rename={"full_name": "fullName"}):
    """An image's name and its parts."""

    full_name: str | None = None
    registry: str | None = None
    remote: str | None = None


class Image(msgspec.Struct, gc=False):
    """An image; its identifier is the digest of its manifest."""

    id: str | None = None
    name: Name | None = None


class Container(msgspec.Struct, gc=False):
    """A container of the deployment."""

    image: Image | None = None


class Deployment(msgspec.Struct, gc=False):
    """What the alert is about, unless it is an image alone."""

    containers: list[Container] | None = None


class Time(msgspec.Struct, gc=False):
    """A protobuf timestamp: 64-bit numbers are texts."""

    seconds: Scalar = None


class Alert(msgspec.Struct, gc=False):
    """The alert."""

    deployment: Deployment | None = None
    image: Image | None = None
    time: str | Time | None = None


class Wrapped(msgspec.Struct, gc=False):
    """As the generic notifier sends it, or Azure Sentinel's (`msg`)."""

    alert: Alert | None = None
    message: Alert | None = field(default=None, name="msg")


WRAPPED = msgspec.json.Decoder(Wrapped)
ALERTS = msgspec.json.Decoder(Alert)
WRAPPERS = ("alert", "msg")


def recognises(document: Document) -> bool:
    """A policy and its violations, alone or in one member."""
    alerts = [document.members, *(members_of(document.members.get(name)) for name in WRAPPERS)]
    return any({"policy", "violations"} <= one.keys() and {"deployment", "image"} & one.keys() for one in alerts)


def parse(document: Document) -> ScanReport:
    """Read the images' names and digests."""
    if document.has("policy", "violations"):
        alert = decode(ALERTS, document.body)
    else:
        wrapped = decode(WRAPPED, document.body)
        alert = wrapped.alert or wrapped.message or Alert()
    at = alert.time
    seconds = at.seconds if isinstance(at, Time) else at
    number = int(seconds) if isinstance(seconds, str) and seconds.isdecimal() and len(seconds) < 12 else seconds
    return event(NAME, "stackrox", _images(alert), moment(number))


def _images(alert: Alert) -> Iterator[ImageFacts]:
    containers = (alert.deployment and alert.deployment.containers) or ()
    for image in (alert.image, *(one.image for one in containers)):
        if image is None:
            continue
        name = image.name or Name()
        full = (name.full_name or "").partition("@")[0]
        repository = "/".join(filter(None, (name.registry, name.remote)))
        digest = image.id or ""
        yield ImageFacts(references=(full,) if full else (), repo_digests=(f"{repository}@{digest}",) if digest else ())
