"""Xeol's JSON (`xeol -o json`, xeol-io/xeol `xeol/presenter/models`): what is past, or near, its end of life.

An end of life is no vulnerability: each is a check of the image. The distribution's own says so of the image, too.
"""

from __future__ import annotations

from datetime import datetime

import msgspec

from governance.findings.report import (
    Check,
    ImageFacts,
    ImageScan,
    Kind,
    Outcome,
    Result,
    ScanReport,
)
from scanning.parsers.anchore_image import Distro, Target, facts_of, place
from scanning.parsers.document import Document, check_amount, decode, members_of
from scanning.parsers.grype_model import Artifact, Database, Descriptor, Source
from scanning.parsers.scalars import Scalar, moment, text_of

NAME = "xeol"


class Cycle(msgspec.Struct, gc=False, rename="pascal"):
    """The release of a product. `eol` is a date, or "true" where only that it is over is known."""

    product_name: Scalar = None
    release_cycle: Scalar = None
    eol: Scalar = None
    eol_bool: Scalar = None


class Found(msgspec.Struct, gc=False):
    """One item of `matches`."""

    cycle: Cycle | None = msgspec.field(default=None, name="Cycle")
    artifact: Artifact | None = None


class Report(msgspec.Struct, gc=False):
    """The whole report: Grype's, but for the matches."""

    matches: list[Found] | None = None
    source: Source | None = None
    distro: Distro | None = None
    descriptor: Descriptor | None = None


DECODER = msgspec.json.Decoder(Report)


def recognises(document: Document) -> bool:
    """Its name, or a release cycle in its first match."""
    if not document.has("matches"):
        return False
    name = members_of(document.members.get("descriptor")).get("name")
    return (name is not None and bytes(name) == b'"xeol"') or document.first_of("matches").keys() >= {
        "Cycle",
        "artifact",
    }


def parse(document: Document) -> ScanReport:
    """Read the report. What ends after the day of the scan (`--lookahead`) warns, what has ended fails."""
    report = decode(DECODER, document.body)
    found, descriptor = report.matches or [], report.descriptor or Descriptor()
    check_amount(len(found), "matches")
    # The report has no time of its own; its database is of about that day.
    built = (descriptor.db or Database()).built
    at = moment(descriptor.timestamp)
    today = at or moment(built)
    image = _image(report)
    checks = [_check(one, today) for one in found]
    ended = any(
        check.result == Result.FAIL and one.artifact is not None and one.artifact.type == "os"
        for check, one in zip(checks, found, strict=True)
    )
    scan = ImageScan(
        image=msgspec.structs.replace(image, end_of_life=True) if ended else image,
        outcome=Outcome.UNASSESSED,
        checks=tuple(checks),
    )
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(scan,),
        kind=Kind.COMPLIANCE,
        scanner_version=descriptor.version or "",
        database_version=built or "",
        scanned_at=at,
    )


def _image(report: Report) -> ImageFacts:
    source, distro = report.source or Source(), report.distro or Distro()
    if source.type == "image" and isinstance(source.target, Target):
        return facts_of(source.target, distro)
    return ImageFacts(distro=distro.family, distro_version=distro.release)


def _check(one: Found, today: datetime | None) -> Check:
    cycle = one.cycle or Cycle()
    product = " ".join(filter(None, (text_of(cycle.product_name), text_of(cycle.release_cycle))))
    date = text_of(cycle.eol)
    over = "true" in (date.lower(), text_of(cycle.eol_bool).lower())
    ends = moment(f"{date}T00:00:00Z")
    # Without a day to compare with, what Xeol lists counts as over.
    near = not over and ends is not None and today is not None and ends > today
    target = ""
    if one.artifact:
        path, _ = place(one.artifact.locations, {})
        target = " ".join(filter(None, (one.artifact.name, one.artifact.version, path)))
    return Check(
        kind="end_of_life",
        id=product,
        result=Result.WARN if near else Result.FAIL,
        title=f"end of life {date}" if ends else "past its end of life",
        target=target,
    )
