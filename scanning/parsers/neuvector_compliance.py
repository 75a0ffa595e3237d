"""NeuVector's compliance checks of a host or container (its REST API `…/compliance`, RESTComplianceData)."""

from __future__ import annotations

import msgspec

from governance.findings.report import Benchmark, Check, Kind, ScanReport
from scanning.parsers.checks import result_of
from scanning.parsers.document import Document, check_amount, decode, first_of
from scanning.parsers.scalars import Scalar, moment, text_of

NAME = "neuvector-compliance"
VERSIONS = {"kubernetes_cis_version", "docker_cis_version"}
MEMBERS = {"test_number", "level", "category"}


class Item(msgspec.Struct, gc=False):
    """One check: `category` is docker, kubernetes, image or custom, `type` what was looked at (host, worker, …)."""

    test_number: Scalar = None
    category: Scalar = None
    type: Scalar = None
    level: Scalar = None
    description: Scalar = None


class Report(msgspec.Struct, gc=False):
    """The answer."""

    run_at: Scalar = None
    run_timestamp: Scalar = None
    kubernetes_cis_version: Scalar = None
    docker_cis_version: Scalar = None
    items: list[Item | None] | None = None
    report: Report | None = None


DECODER = msgspec.json.Decoder(Report)


def recognises(document: Document) -> bool:
    """Items with the benchmarks' versions, bare or in the member `report`."""
    members = document.members if "items" in document.members else document.inside("report")
    return "items" in members and bool(members.keys() & VERSIONS or first_of(members["items"]).keys() >= MEMBERS)


def parse(document: Document) -> ScanReport:
    """Read the checks: a benchmark for each category. It does not name what was looked at."""
    report = decode(DECODER, document.body)
    report = report.report or report
    items = [item for item in report.items or () if item is not None]
    check_amount(len(items), "checks")
    grouped: dict[str, list[Check]] = {}
    for item in items:
        grouped.setdefault(_title(report, text_of(item.category).lower()), []).append(_check(item))
    return ScanReport(
        format=NAME,
        scanner="neuvector",
        images=(),
        kind=Kind.COMPLIANCE,
        benchmarks=tuple(
            Benchmark("host", title=title, checks=tuple(checks))
            for title, checks in (grouped or {"NeuVector": []}).items()
        ),
        scanned_at=moment(report.run_at) or moment(report.run_timestamp),
    )


def _title(report: Report, category: str) -> str:
    versions = {"docker": report.docker_cis_version, "kubernetes": report.kubernetes_cis_version}
    if category not in versions:
        return f"NeuVector {category}".strip()
    return f"CIS {category.capitalize()} {text_of(versions[category])}".strip()


def _check(item: Item) -> Check:
    return Check(
        kind="benchmark",
        id=text_of(item.test_number),
        result=result_of(text_of(item.level)),
        title=text_of(item.description),
        target=text_of(item.type),
    )
