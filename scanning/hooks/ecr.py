"""Amazon ECR by EventBridge (AWS, "Amazon ECR events"), sent by an API destination."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import field

from governance.findings.report import ReportError
from scanning.hooks.hints import MEBIBYTE, Heard, Hint
from scanning.hooks.proof import Scheme
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.scalars import moment

NAME = "ecr"
TITLE = "Amazon ECR (EventBridge)"
SCHEME: Scheme = "key"
HOST = ""
LIMIT = MEBIBYTE
SCANS = {"ECR Image Scan", "Inspector2 Scan"}


class Detail(msgspec.Struct, gc=False, rename="kebab"):
    """`detail` of the events that are read. Inspector names the repository by its ARN."""

    result: str | None = None
    repository_name: str | None = None
    image_digest: str | None = None
    image_tag: str | None = None
    image_tags: list[str] | None = None
    action_type: str | None = None


class Envelope(msgspec.Struct, gc=False):
    """EventBridge's envelope."""

    kind: str | None = field(default=None, name="detail-type")
    source: str | None = None
    account: str | None = None
    region: str | None = None
    time: str | None = None
    detail: Detail | None = None


DECODER = msgspec.json.Decoder(Envelope)


def settings(address: str, secret: str) -> tuple[tuple[str, str], ...]:
    """A connection, an API destination and a rule."""
    kinds = '["ECR Image Action", "ECR Image Scan", "Inspector2 Scan"]'
    pattern = f'{{"source": ["aws.ecr", "aws.inspector2"], "detail-type": {kinds}}}'
    return (
        ("In EventBridge make a connection of the type API key with the key name X-Api-Key and as value", secret),
        ("Make an API destination with that connection, the method POST, and as endpoint", address),
        ("Make a rule on the default bus with the API destination as target and this pattern", pattern),
    )


def read(document: Document) -> Heard:
    """Images that were pushed, deleted or scanned."""
    if not document.has("detail-type", "source", "detail"):
        raise ReportError("this is no event of EventBridge (is there an input transformer on the target?)")
    event = decode(DECODER, document.body)
    detail, at = event.detail or Detail(), moment(event.time)
    name = detail.repository_name or ""
    name = name.partition(":repository/")[2] if name.startswith("arn:") else name
    if event.kind not in {"ECR Image Action", *SCANS} or not name:
        return Heard(notes=(f"{(event.kind or 'it')[:60]} says nothing about an image",), at=at)
    if event.kind == "ECR Image Action" and detail.result not in (None, "SUCCESS"):
        return Heard(notes=("the action failed there",), at=at)
    tags = [detail.image_tag] if detail.image_tag else detail.image_tags or [""]
    check_amount(len(tags), "tags")
    host = f"{event.account or ''}.dkr.ecr.{event.region or ''}.amazonaws.com"
    gone, scanned, digest = detail.action_type == "DELETE", event.kind in SCANS, detail.image_digest or ""
    return Heard(tuple(Hint(name, tag, digest, host, gone, scanned) for tag in tags), at=at)


def sample(host: str, repository: str, tag: str) -> dict[str, Any]:
    """A push; account and region stand in the registry's name."""
    words = [*host.split("."), "", "", "", ""]
    return {
        "version": "0",
        "detail-type": "ECR Image Action",
        "source": "aws.ecr",
        "account": words[0],
        "region": words[3],
        "detail": {"result": "SUCCESS", "repository-name": repository, "action-type": "PUSH", "image-tag": tag},
    }
