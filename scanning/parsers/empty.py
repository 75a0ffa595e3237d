"""`[]` and `{}`: what several tools write where they found nothing.

Neither names a tool or proves that anything was looked at, so it is read as no result and changes no image's state. Who
knows the tool says so: `?format=anchore` reads `[]` as a scan that found nothing.
"""

from __future__ import annotations

from governance.findings.report import ImageScan, Outcome, ScanReport
from scanning.parsers.document import Document, Shape

NAME = "empty"


def recognises(document: Document) -> bool:
    """An empty list or an empty object."""
    return (document.shape == Shape.LIST and not document.items) or (
        document.shape == Shape.OBJECT and not document.members
    )


def parse(document: Document) -> ScanReport:
    """Read nothing, and say so."""
    what = "an empty list" if document.shape == Shape.LIST else "an empty object"
    return ScanReport(
        format=NAME,
        scanner="unknown",
        images=(ImageScan(outcome=Outcome.UNASSESSED),),
        notes=(f"{what} names no scanner and proves no scan: send it with ?format=NAME if a scanner wrote it",),
    )
