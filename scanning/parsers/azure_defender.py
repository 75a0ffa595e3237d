"""Microsoft Defender for Cloud's recommendations as its portal exports them (CSV): checks of a subscription."""

from __future__ import annotations

from governance.findings.report import Benchmark, Check, Kind, ReportError, ScanReport, severity_of
from scanning.parsers.checks import result_of
from scanning.parsers.document import Document
from scanning.parsers.scalars import moment
from scanning.parsers.table import read_rows

NAME = "azure-defender"
COLUMNS = {"subscriptionid", "recommendationid", "state", "severity"}
TITLE = "Microsoft Defender for Cloud"


def recognises(document: Document) -> bool:
    """Its columns, whatever their case."""
    return {name.lower() for name in document.header} >= COLUMNS


def parse(document: Document) -> ScanReport:
    """Read the table: a benchmark for each subscription."""
    if not recognises(document):
        raise ReportError(f"the table has not the columns {', '.join(sorted(COLUMNS))}")
    grouped: dict[str, list[Check]] = {}
    times = []
    for row in read_rows(document.body):
        cells = {name.lower(): cell for name, cell in row.items()}
        subscription = cells.get("subscriptionname") or cells["subscriptionid"]
        grouped.setdefault(subscription, []).append(_check(cells))
        times.append(moment(cells.get("exportedtimestamp", "")))
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(),
        kind=Kind.COMPLIANCE,
        benchmarks=tuple(
            Benchmark("account", name, TITLE, tuple(checks)) for name, checks in (grouped or {"": []}).items()
        ),
        scanned_at=max(filter(None, times), default=None),
    )


def _check(cells: dict[str, str]) -> Check:
    return Check(
        kind="policy",
        id=cells.get("recommendationname") or cells["recommendationid"].rpartition("/")[2],
        result=result_of(cells["state"]),
        title=cells.get("recommendationdisplayname") or cells.get("recommendationname", ""),
        severity=severity_of(cells["severity"]),
        target=cells.get("resourceid") or cells.get("resourcename", ""),
    )
