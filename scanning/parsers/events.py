"""What all webhook payloads come to: images by name and digest, and nothing stated about them."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from governance.findings.report import ImageFacts, ImageScan, Kind, Outcome, ScanReport
from scanning.parsers.document import check_amount


def event(
    name: str, scanner: str, images: Iterable[ImageFacts], at: datetime | None, notes: tuple[str, ...] = ()
) -> ScanReport:
    """Make the report of an event; images named twice are named once."""
    found = tuple(dict.fromkeys(images))
    check_amount(len(found), "images")
    scans = tuple(ImageScan(image=image, outcome=Outcome.UNASSESSED) for image in found)
    return ScanReport(format=name, scanner=scanner, images=scans, kind=Kind.EVENT, scanned_at=at, notes=notes)


def facts_of(repository: str, tag: str = "", digest: str = "", host: str = "") -> ImageFacts:
    """Name an image as a sender names it, first with the registry's host if that is known.

    A tag that is a digest is none (Harbor, for what was pushed without a tag).
    """
    tag = "" if tag.startswith("sha256:") else tag
    names = [name for name in (f"{host}/{repository}" if host else "", repository) if repository and name]
    digests = (f"{names[0]}@{digest}" if names else digest,) if digest else ()
    return ImageFacts(references=tuple(f"{name}:{tag}" if tag else name for name in names), repo_digests=digests)
