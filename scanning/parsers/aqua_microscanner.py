"""Aqua MicroScanner's results (aquasecurity/microscanner, given up in 2021), alone or in the output of a build.

It ran as a step of the build, so the image that its digest names is a child that is thrown away: the real one is what
the sender says. It is a witness of its own, which never stands in for a current scanner.
"""

from __future__ import annotations

import re

import msgspec

from governance.findings.report import ImageFacts, ReportError, ScanReport
from scanning.parsers.aqua import ONE, facts_of, report_of
from scanning.parsers.document import Document, Shape, check_bounds, decode

NAME = "aqua-microscanner"
START = re.compile(rb'\{\s{0,20}"scan_started"')
NOTE = "MicroScanner is not maintained, and scans a child of the image: which image it is, the sender says (?image=)"


def recognises(document: Document) -> bool:
    """A result without an image's name, or a log with one in it."""
    if document.shape == Shape.TEXT:
        return START.search(document.body) is not None
    return document.has("scan_started", "resources") and not document.has("image")


def parse(document: Document) -> ScanReport:
    """Read the result; of a log what stands between its first and its last brace."""
    body = document.body
    if document.shape == Shape.TEXT:
        start = START.search(body)
        if start is None:
            raise ReportError("there is no result of MicroScanner in the text")
        body = body[start.start() : body.rindex(b"}") + 1] if b"}" in body[start.start() :] else b"{"
        check_bounds(body)
    scan = decode(ONE, body)
    facts = facts_of(scan)
    known = ImageFacts(distro=facts.distro, distro_version=facts.distro_version)
    report = report_of(NAME, NAME, [scan], [known])
    return msgspec.structs.replace(report, notes=(NOTE, *report.notes))
