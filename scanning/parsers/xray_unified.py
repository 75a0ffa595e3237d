"""JFrog Xray's vulnerabilities report (console, `POST /xray/api/v1/reports/vulnerabilities/ID`): rows by artifact."""

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
from scanning.parsers.image_config import is_reference
from scanning.parsers.scalars import MAX_DESCRIPTION, Scalar, moment, points_of, score_of, text_of
from scanning.parsers.xray_component import Component, Cve, component_of, fixes_of, names_of, package_of, score

NAME = "jfrog-xray-unified"


class Row(msgspec.Struct, gc=False):
    """One item of `rows`."""

    cves: list[Cve | None] | None = None
    cvss2_max_score: Scalar = None
    cvss3_max_score: Scalar = None
    summary: Scalar = None
    description: Scalar = None
    severity: Scalar = None
    vulnerable_component: Scalar = None
    component_physical_path: Scalar = None
    impacted_artifact: Scalar = None
    fixed_versions: list[Scalar] | None = None
    published: Scalar = None
    artifact_scan_time: Scalar = None
    issue_id: Scalar = None
    references: list[Scalar] | None = None


class Report(msgspec.Struct, gc=False):
    """One page of the report."""

    total_rows: Scalar = None
    rows: list[Row | None] | None = None


DECODER = msgspec.json.Decoder(Report)


def recognises(document: Document) -> bool:
    """Rows of vulnerable components, or none of them."""
    if not document.has("rows"):
        return False
    first = document.first_of("rows")
    return "vulnerable_component" in first if first else document.members.keys() == {"rows", "total_rows"}


def parse(document: Document) -> ScanReport:
    """Read the rows: one scan for each image, one without a name for all that is no image.

    The report lists findings only, so one without rows proves nothing; nor does a page of several.
    """
    report = decode(DECODER, document.body)
    rows = [row for row in report.rows or () if row is not None]
    check_amount(len(rows), "rows")
    grouped: dict[str, list[Row]] = {}
    for row in rows:
        name = component_of(text_of(row.impacted_artifact)).reference
        grouped.setdefault(name if is_reference(name) else "", []).append(row)
    total = report.total_rows
    is_cut = isinstance(total, int) and total > len(rows)
    outcome = Outcome.ASSESSED if rows and not is_cut else Outcome.UNASSESSED
    notes = [f"it holds {len(rows):,} of the report's {total} rows, so it is no whole scan"] if is_cut else []
    if any(grouped.keys()):
        notes.append("images are named without their registry, as Xray writes them")
    return ScanReport(
        format=NAME,
        scanner="jfrog-xray",
        images=tuple(_scan(name, found, outcome) for name, found in (grouped or {"": []}).items()),
        scanned_at=max(filter(None, (moment(row.artifact_scan_time) for row in rows)), default=None),
        entries=len(rows),
        notes=tuple(notes),
    )


def _scan(name: str, rows: list[Row], outcome: Outcome) -> ImageScan:
    components = [component_of(text_of(row.vulnerable_component)) for row in rows]
    system = next((one for one in components if one.distro), Component("", "", "", "", ""))
    return ImageScan(
        image=ImageFacts(
            references=(name,) if name and "@" not in name else (),
            repo_digests=(name,) if "@" in name else (),
            manifest_digest=name.partition("@")[2],
            distro=system.distro,
            distro_version=system.release,
        ),
        outcome=outcome,
        matches=tuple(map(_match, components, rows)),
    )


def _match(component: Component, row: Row) -> Match:
    summary = text_of(row.summary)
    advisory, aliases = names_of(row.issue_id, row.cves, summary)
    fixed = fixes_of(row.fixed_versions)
    points = points_of(row.cvss3_max_score), points_of(row.cvss2_max_score)
    path = text_of(row.component_physical_path)
    return Match(
        advisory=advisory,
        package=package_of(component, path if "/" in path else ""),
        severity=severity_of(text_of(row.severity)),
        severity_word=text_of(row.severity),
        fixed_version=fixed,
        status="fixed" if fixed else "",
        aliases=aliases,
        title=summary,
        description=text_of(row.description)[:MAX_DESCRIPTION],
        url=text_of(next(iter(row.references or ()), None)),
        cvss=score_of(points[0]) or score(row.cves) or score_of(points[1]),
        published=text_of(row.published),
    )
