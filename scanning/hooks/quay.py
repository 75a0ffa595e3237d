"""Quay's notifications (quay/quay `notifications/`): not signed, without a type, an id or a digest."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import field

from governance.findings.report import ReportError
from scanning.hooks.hints import MEBIBYTE, Heard, Hint
from scanning.hooks.proof import Scheme
from scanning.parsers.document import Document, check_amount, decode

NAME = "quay"
TITLE = "Quay, quay.io"
SCHEME: Scheme = "path"
HOST = ""
LIMIT = MEBIBYTE


class Payload(msgspec.Struct, gc=False):
    """All notifications; what there is beside the repository tells them apart. Very old ones have a map of tags."""

    repository: str | None = None
    updated: list[str] | dict[str, str] | None = field(default=None, name="updated_tags")
    tags: list[str] | None = None


DECODER = msgspec.json.Decoder(Payload)


def settings(address: str, secret: str) -> tuple[tuple[str, str], ...]:
    """A notification of each repository."""
    return (
        ("In the repository's settings make a notification Push to repository, Webhook POST, with the URL", address),
        ("Make one more for Package vulnerability found. Leave the POST body template empty", ""),
        ("Quay stops sending after three failures in a row until somebody resets the notification there", ""),
    )


def read(document: Document) -> Heard:
    """Tags that were pushed, or whose image was scanned."""
    if not document.has("repository", "docker_url"):
        raise ReportError("this is no notification of Quay: repository and docker_url are missing")
    payload = decode(DECODER, document.body)
    name = payload.repository or ""
    if payload.updated is not None:
        tags = list(payload.updated)
        check_amount(len(tags), "tags")
        return Heard(tuple(Hint(name, tag) for tag in tags))
    if document.has("vulnerability"):
        tags = payload.tags or []
        check_amount(len(tags), "tags")
        return Heard(tuple(Hint(name, tag, scanned=True) for tag in tags))
    return Heard(notes=("this notification says nothing about an image",))


def sample(host: str, repository: str, tag: str) -> dict[str, Any]:
    """A push."""
    name = repository.rpartition("/")[2]
    return {
        "repository": repository,
        "namespace": repository.partition("/")[0],
        "name": name,
        "docker_url": f"{host}/{repository}",
        "updated_tags": [tag],
    }
