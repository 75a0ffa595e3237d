"""Google Artifact Registry by Pub/Sub push (cloud.google.com, "Configure Pub/Sub notifications")."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec
from msgspec import field

from governance.findings.report import ReportError
from scanning.hooks.hints import MEBIBYTE, Heard, Hint
from scanning.hooks.proof import Scheme
from scanning.parsers.document import Document, decode
from scanning.parsers.scalars import moment

NAME = "gar"
TITLE = "Google Artifact Registry (Pub/Sub)"
SCHEME: Scheme = "google"
HOST = ""
LIMIT = MEBIBYTE


class Message(msgspec.Struct, gc=False):
    """`message`; `data` is base64."""

    data: str | None = None
    published: str | None = field(default=None, name="publishTime")


class Wrapped(msgspec.Struct, gc=False):
    """A delivery of Pub/Sub."""

    message: Message | None = None


class Event(msgspec.Struct, gc=False):
    """What the registry says; digest and tag are whole references."""

    action: str | None = None
    digest: str | None = None
    tag: str | None = None


WRAPPED = msgspec.json.Decoder(Wrapped)
EVENT = msgspec.json.Decoder(Event)


def settings(address: str, secret: str) -> tuple[tuple[str, str], ...]:
    """A topic and a push subscription that signs in as the service account of this source."""
    command = (
        f"gcloud pubsub subscriptions create portwarden --topic=gcr --push-endpoint='{address}'"
        f" --push-auth-service-account=SERVICE_ACCOUNT --push-auth-token-audience='{address}'"
    )
    return (
        ("The topic must be named gcr, in the registry's project", "gcloud pubsub topics create gcr"),
        (
            "Make a push subscription that signs in as the service account of this source",
            command,
        ),
    )


def read(document: Document) -> Heard:
    """An image or tag that was inserted or deleted."""
    at = None
    body: bytes | msgspec.Raw = document.body
    if document.has("message"):
        message = decode(WRAPPED, document.body).message or Message()
        at = moment(message.published)
        try:
            body = base64.b64decode(message.data or "", validate=True)
        except (binascii.Error, ValueError) as error:
            raise ReportError("the message's data is not base64") from error
    event = decode(EVENT, body)
    if event.action is None:
        raise ReportError("this is no message of Artifact Registry: it has no action")
    if event.action not in ("INSERT", "DELETE"):
        return Heard(notes=("it says nothing about an image",), at=at)
    name, _, digest = (event.digest or "").partition("@")
    path, colon, tag = (event.tag or "").rpartition(":")
    host, _, repository = (name or (path if colon else "")).partition("/")
    if not repository:
        raise ReportError("the message names no image")
    return Heard((Hint(repository, tag if colon else "", digest, host, gone=event.action == "DELETE"),), at=at)


def sample(host: str, repository: str, tag: str) -> dict[str, Any]:
    """A push."""
    data = msgspec.json.encode({"action": "INSERT", "tag": f"{host}/{repository}:{tag}"})
    return {"message": {"data": base64.b64encode(data).decode(), "messageId": "test"}, "subscription": "test"}
