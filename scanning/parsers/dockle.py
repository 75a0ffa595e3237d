"""Dockle's JSON (goodwithtech/dockle `pkg/report/json.go`): CIS checks of an image, which newer versions name."""

from __future__ import annotations

import msgspec

from governance.findings.report import Check, ImageFacts, ImageScan, Kind, Outcome, ScanReport, severity_of
from scanning.parsers.checks import result_of
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.image_config import is_reference
from scanning.parsers.scalars import Scalar, text_of

NAME = "dockle"
COUNTS = {"fatal", "warn", "info"}
# "Do not store credential in environment variables/files": its alerts may quote the credential.
CREDENTIAL = "CIS-DI-0010"
MOST_ALERTS = 20


class Detail(msgspec.Struct, gc=False):
    """One item of `details`. `level` is FATAL, WARN, INFO, SKIP, PASS or IGNORE."""

    code: Scalar = None
    title: Scalar = None
    level: Scalar = None
    alerts: list[object] | None = None


class Report(msgspec.Struct, gc=False):
    """The report."""

    image: Scalar = None
    details: list[Detail | None] | None = None


DECODER = msgspec.json.Decoder(Report)


def recognises(document: Document) -> bool:
    """Details with a summary that counts its levels."""
    return document.has("summary", "details") and document.inside("summary").keys() >= COUNTS


def parse(document: Document) -> ScanReport:
    """Read the checks; no vulnerability scan."""
    report = decode(DECODER, document.body)
    details = [detail for detail in report.details or () if detail is not None]
    check_amount(len(details), "checks")
    image = text_of(report.image)
    references = (image,) if is_reference(image) else ()
    checks = tuple(map(_check, details))
    scan = ImageScan(ImageFacts(references=references), outcome=Outcome.UNASSESSED, checks=checks)
    return ScanReport(format=NAME, scanner=NAME, images=(scan,), kind=Kind.COMPLIANCE)


def _check(detail: Detail) -> Check:
    code = text_of(detail.code)
    secret = code == CREDENTIAL
    alerts = () if secret else (alert for alert in (detail.alerts or ())[:MOST_ALERTS] if isinstance(alert, str))
    return Check(
        kind="secret" if secret else "benchmark",
        id=code,
        result=result_of(text_of(detail.level)),
        title=text_of(detail.title),
        severity=severity_of(text_of(detail.level).replace("WARN", "warning")),
        target=", ".join(alerts),
    )
