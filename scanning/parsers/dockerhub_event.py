"""Docker Hub's webhook (docs.docker.com, "Webhooks"): a tag was pushed. It names no digest; nothing in it is called."""

from __future__ import annotations

import msgspec
from msgspec import field

from governance.findings.report import ScanReport
from scanning.parsers.document import Document, decode
from scanning.parsers.events import event, facts_of
from scanning.parsers.scalars import Scalar, moment, text_of

NAME = "dockerhub-event"


class Push(msgspec.Struct, gc=False):
    """`push_data`; old ones have no tag."""

    tag: Scalar = None
    pushed_at: Scalar = None


class Repository(msgspec.Struct, gc=False):
    """`repository`; an official image's name has no namespace."""

    name: str | None = field(default=None, name="repo_name")


class Payload(msgspec.Struct, gc=False):
    """The whole payload."""

    push: Push | None = field(default=None, name="push_data")
    repository: Repository | None = None


DECODER = msgspec.json.Decoder(Payload)


def recognises(document: Document) -> bool:
    """Its two members."""
    return document.has("push_data", "repository") and "repo_name" in document.inside("repository")


def payload_of(document: Document) -> Payload:
    """The payload. Raises `ReportError`."""
    return decode(DECODER, document.body)


def parse(document: Document) -> ScanReport:
    """Read the repository and tag."""
    read = payload_of(document)
    push, repository = read.push or Push(), read.repository or Repository()
    image = facts_of(repository.name or "", text_of(push.tag))
    return event(NAME, "dockerhub", [image] if image.references else [], moment(push.pushed_at))
