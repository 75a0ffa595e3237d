"""Docker Hub's webhooks (docs.docker.com, "Webhooks"). They are not signed, and `callback_url` is never called."""

from __future__ import annotations

from typing import Any

from governance.findings.report import ReportError
from scanning.hooks.hints import MEBIBYTE, Heard, Hint
from scanning.hooks.proof import Scheme
from scanning.parsers.dockerhub_event import payload_of, recognises
from scanning.parsers.document import Document
from scanning.parsers.scalars import moment, text_of

NAME = "dockerhub"
TITLE = "Docker Hub"
SCHEME: Scheme = "path"
HOST = "docker.io"
LIMIT = MEBIBYTE


def settings(address: str, secret: str) -> tuple[tuple[str, str], ...]:
    """A webhook of each repository."""
    return (("In the repository under Webhooks, as webhook URL", address),)


def read(document: Document) -> Heard:
    """A tag that was pushed."""
    if not recognises(document):
        raise ReportError("this is no event of Docker Hub: push_data and repository are missing")
    payload = payload_of(document)
    name = (payload.repository and payload.repository.name) or ""
    tag = text_of(payload.push.tag) if payload.push else ""
    at = moment(payload.push.pushed_at) if payload.push else None
    return Heard((Hint(name, tag),) if name else (), at=at)


def sample(host: str, repository: str, tag: str) -> dict[str, Any]:
    """A push."""
    return {"push_data": {"tag": tag, "pusher": "test"}, "repository": {"repo_name": repository}}
