"""Trivy's own JSON (`trivy image|fs|repo|sbom|vm --format json`), schema version 2 (`pkg/types/report.go`)."""

from __future__ import annotations

import msgspec
from msgspec import field

from governance.findings.report import Kind, Outcome, ScanReport
from scanning.parsers.document import Document, decode
from scanning.parsers.scalars import Scalar, moment
from scanning.parsers.trivy_image import facts_of, named_in, outcome_of, scan_of
from scanning.parsers.trivy_model import Metadata, Result, Tool
from scanning.parsers.trivy_results import Contents

NAME = "trivy"
IMAGE = "container_image"


class Report(msgspec.Struct, gc=False):
    """The whole report."""

    tool: Tool | None = field(default=None, name="Trivy")
    created_at: Scalar = field(default=None, name="CreatedAt")
    artifact_name: str | None = field(default=None, name="ArtifactName")
    artifact_type: str | None = field(default=None, name="ArtifactType")
    metadata: Metadata | None = field(default=None, name="Metadata")
    results: list[Result] | None = field(default=None, name="Results")


DECODER = msgspec.json.Decoder(Report)


def recognises(document: Document) -> bool:
    """Schema version 2 and one of the members that only this report has; the cluster report has its own parser."""
    if bytes(document.members.get("SchemaVersion", b"")).strip() != b"2" or document.has("ClusterName"):
        return False
    return document.has("ArtifactName") or document.has("Results") or document.has("Metadata")


def parse(document: Document) -> ScanReport:
    """Read the report: one image (or directory, repository, SBOM; then without image facts)."""
    report = decode(DECODER, document.body)
    metadata, results = report.metadata or Metadata(), report.results or []
    contents = Contents()
    for result in results:
        contents.add(result)
    outcome = outcome_of(contents, metadata.os, bare=not results)
    scan = scan_of(facts_of(metadata, names_of(report)), contents, outcome)
    hidden = len(contents.suppressed)
    return ScanReport(
        format=NAME,
        scanner="trivy",
        scanner_version=(report.tool and report.tool.version) or "",
        images=(scan,),
        kind=Kind.COMPLIANCE if contents.checks and outcome == Outcome.UNASSESSED else Kind.VULNERABILITY,
        scanned_at=moment(report.created_at),
        entries=len(contents.matches),
        notes=(f"findings set aside by VEX or an ignore file: {hidden:,}",) if hidden else (),
    )


def names_of(report: Report) -> tuple[str, ...]:
    """Return what the image was asked for as; a directory, repository or SBOM file is not an image's name."""
    if (report.artifact_type or IMAGE) != IMAGE:
        return ()
    metadata = report.metadata
    tagged = metadata and any((*(metadata.repo_tags or ()), *(metadata.repo_digests or ())))
    name = report.artifact_name or ""
    return (name,) if name or tagged else (named_in(report.results or ()),)
