"""Artifactory's webhooks of the domain `docker` (JFrog, "Webhooks"); the payload is signed with the secret."""

from __future__ import annotations

from typing import Any

import msgspec

from governance.findings.report import ReportError
from scanning.hooks.hints import MEBIBYTE, Heard, Hint
from scanning.hooks.proof import Scheme
from scanning.parsers.document import Document, decode

NAME = "artifactory"
TITLE = "Artifactory"
SCHEME: Scheme = "jfrog"
HOST = ""
LIMIT = MEBIBYTE


class Data(msgspec.Struct, gc=False):
    """`data`. The checksum is the manifest's digest without its algorithm."""

    repo_key: str | None = None
    path: str | None = None
    sha256: str | None = None
    image_name: str | None = None
    tag: str | None = None


class Payload(Data):
    """The event; some versions write the members of `data` beside the domain."""

    domain: str | None = None
    event_type: str | None = None
    data: Data | None = None


DECODER = msgspec.json.Decoder(Payload)


def settings(address: str, secret: str) -> tuple[tuple[str, str], ...]:
    """A webhook of the platform."""
    return (
        ("Under Administration, General, Webhooks choose New webhook, and as URL", address),
        ("Secret token", secret),
        ("Turn on Use secret for payload signing. Events: Docker tag was pushed, deleted and promoted", ""),
    )


def read(document: Document) -> Heard:
    """A tag that was pushed, deleted or promoted."""
    if document.text("domain") != "docker":
        raise ReportError("this is no event of Artifactory's domain docker")
    payload = decode(DECODER, document.body)
    data = payload.data or payload
    if payload.event_type not in ("pushed", "deleted", "promoted"):
        return Heard(notes=(f"{(payload.event_type or 'it')[:60]} says nothing about an image",))
    # `image/tag/manifest.json`; the image may have several parts.
    image = data.image_name or "/".join((data.path or "").split("/")[:-2])
    if not image or not data.repo_key:
        raise ReportError("the event names no image")
    digest = f"sha256:{data.sha256}" if data.sha256 and len(data.sha256) == 64 else ""
    gone = payload.event_type == "deleted"
    return Heard((Hint(image, data.tag or "", digest, gone=gone, key=data.repo_key),))


def sample(host: str, repository: str, tag: str) -> dict[str, Any]:
    """A push."""
    key, _, image = repository.partition("/")
    data = {"repo_key": key, "path": f"{image}/{tag}/manifest.json", "image_name": image, "tag": tag}
    return {"domain": "docker", "event_type": "pushed", "data": data}
