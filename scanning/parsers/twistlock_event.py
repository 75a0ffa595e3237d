"""Alerts of Prisma Cloud Compute's webhook. Their body is written by the customer: Portwarden reads its own template.

docs/scanners.md has it to paste; the console replaces `#image` and the other macros.
"""

from __future__ import annotations

import msgspec

from governance.findings.report import ImageFacts, ScanReport
from scanning.parsers.document import Document, decode
from scanning.parsers.events import event
from scanning.parsers.image_config import is_reference
from scanning.parsers.scalars import Scalar, moment, text_of

NAME = "twistlock-event"
VERSION = "prisma-alert/1"


class Alert(msgspec.Struct, gc=False):
    """The template's members that are read."""

    image: Scalar = None
    time: Scalar = None


DECODER = msgspec.json.Decoder(Alert)


def recognises(document: Document) -> bool:
    """The member that names the template."""
    return document.text("portwarden") == VERSION


def parse(document: Document) -> ScanReport:
    """Read the image's name; a macro that was not replaced is none."""
    alert = decode(DECODER, document.body)
    image = text_of(alert.image).strip()
    named = is_reference(image) and not image.startswith("#")
    return event(NAME, "twistlock", [ImageFacts(references=(image,))] if named else [], moment(alert.time))
