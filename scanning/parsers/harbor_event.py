"""Harbor's webhooks, default payload and CloudEvents (goharbor/harbor `src/pkg/notifier`): what it speaks of.

Scan summaries are counts, no findings; `resource_url` is read for the registry's name only, never asked.
"""

from __future__ import annotations

import msgspec
from msgspec import field

from governance.findings.report import ImageFacts, ScanReport
from scanning.parsers.document import Document, decode
from scanning.parsers.events import event, facts_of
from scanning.parsers.scalars import Scalar, moment

NAME = "harbor-event"


class Resource(msgspec.Struct, gc=False):
    """One artifact. `tag` is its digest where it was pushed without one."""

    digest: str | None = None
    tag: str | None = None
    url: str | None = field(default=None, name="resource_url")


class Repository(msgspec.Struct, gc=False):
    """Its repository, without the registry."""

    name: str | None = field(default=None, name="repo_full_name")


class Scan(msgspec.Struct, gc=False):
    """`scan`: what was looked for."""

    type: str | None = field(default=None, name="scan_type")


class Data(msgspec.Struct, gc=False):
    """`event_data`, in CloudEvents `data`; replications and retentions have neither member."""

    resources: list[Resource] | None = None
    repository: Repository | None = None
    scan: Scan | None = None


class Payload(msgspec.Struct, gc=False):
    """Either shape."""

    type: str | None = None
    occurred: Scalar = field(default=None, name="occur_at")
    time: str | None = None
    event_data: Data | None = None
    data: Data | None = None


DECODER = msgspec.json.Decoder(Payload)


def recognises(document: Document) -> bool:
    """The default payload's members, or the types of Harbor's CloudEvents."""
    default = document.has("type", "occur_at", "event_data")
    return default or (document.has("specversion", "data") and document.text("type").startswith("harbor."))


def payload_of(document: Document) -> Payload:
    """Either shape. Raises `ReportError`."""
    return decode(DECODER, document.body)


def parse(document: Document) -> ScanReport:
    """Read the artifacts' names."""
    read = payload_of(document)
    data = read.event_data or read.data or Data()
    repository = (data.repository and data.repository.name) or ""
    images = (_facts(one, repository) for one in data.resources or ())
    return event(NAME, "harbor", images, moment(read.occurred) or moment(read.time))


def _facts(resource: Resource, repository: str) -> ImageFacts:
    url, digest = (resource.url or "").partition("@")[0], resource.digest or ""
    name, colon, tag = url.rpartition(":")
    if not colon or "/" in tag:
        name, tag = url, ""
    return facts_of(name or repository, resource.tag or tag, digest)
