"""JFrog Xray's export of the vulnerabilities of one artifact's components (console: Xray data, security, export).

It names no image; each row is an issue of a component.
"""

from __future__ import annotations

import msgspec

from governance.findings.report import (
    ImageFacts,
    ImageScan,
    Match,
    Outcome,
    ScanReport,
    severity_of,
)
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.scalars import MAX_DESCRIPTION, Scalar, text_of
from scanning.parsers.xray_component import Component, Cve, component_of, fixes_of, names_of, package_of, score

NAME = "jfrog-xray"
MEMBERS = {"component_versions", "source_comp_id"}


class Details(msgspec.Struct, gc=False):
    """`more_details`."""

    cves: list[Cve | None] | None = None
    description: Scalar = None


class Versions(msgspec.Struct, gc=False):
    """`component_versions`."""

    fixed_versions: list[Scalar] | None = None
    more_details: Details | None = None


class Row(msgspec.Struct, gc=False):
    """One item of `data`. `source_comp_id` is `source_id` with the installed version."""

    id: Scalar = None
    issue_id: Scalar = None
    severity: Scalar = None
    summary: Scalar = None
    issue_type: Scalar = None
    component: Scalar = None
    source_id: Scalar = None
    source_comp_id: Scalar = None
    component_versions: Versions | None = None


class Report(msgspec.Struct, gc=False):
    """The export."""

    total_count: Scalar = None
    data: list[Row | None] | None = None


DECODER = msgspec.json.Decoder(Report)


def recognises(document: Document) -> bool:
    """Rows of components, or none of them."""
    if not document.has("data", "total_count"):
        return False
    first = document.first_of("data")
    return bool(first.keys() & MEMBERS) if first else document.members.keys() <= {"data", "total_count"}


def parse(document: Document) -> ScanReport:
    """Read the rows. Without any, or where a page is missing, nothing is proven of the image."""
    report = decode(DECODER, document.body)
    rows = [row for row in report.data or () if row is not None and text_of(row.issue_type) in {"", "security"}]
    check_amount(len(rows), "issues")
    found = [(component_of(text_of(row.source_comp_id) or text_of(row.component)), row) for row in rows]
    total = report.total_count
    is_cut = isinstance(total, int) and total > len(report.data or ())
    distro = next((one for one, _ in found if one.distro), Component("", "", "", "", ""))
    scan = ImageScan(
        image=ImageFacts(distro=distro.distro, distro_version=distro.release),
        outcome=Outcome.ASSESSED if rows and not is_cut else Outcome.UNASSESSED,
        matches=tuple(_match(component, row) for component, row in found),
    )
    note = f"the export holds {len(report.data or ()):,} of {total} rows, so it is no whole scan"
    return ScanReport(format=NAME, scanner=NAME, images=(scan,), entries=len(rows), notes=(note,) if is_cut else ())


def _match(component: Component, row: Row) -> Match:
    versions = row.component_versions or Versions()
    details = versions.more_details or Details()
    summary = text_of(row.summary)
    advisory, aliases = names_of(row.issue_id or row.id, details.cves, summary)
    fixed = fixes_of(versions.fixed_versions)
    return Match(
        advisory=advisory,
        package=package_of(component),
        severity=severity_of(text_of(row.severity)),
        severity_word=text_of(row.severity),
        fixed_version=fixed,
        status="fixed" if fixed else "",
        aliases=aliases,
        title=summary,
        description=text_of(details.description)[:MAX_DESCRIPTION],
        cvss=score(details.cves),
    )
