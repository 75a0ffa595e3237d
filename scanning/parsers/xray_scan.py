"""JFrog CLI's scan on demand (`jf docker scan`, `jf scan`, `--format=json`): Xray's answers, one for each artifact."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import (
    ImageFacts,
    ImageScan,
    Match,
    Outcome,
    ScanReport,
    severity_of,
)
from scanning.parsers.document import Document, Shape, check_amount, decode
from scanning.parsers.image_config import is_reference
from scanning.parsers.scalars import Scalar, text_of
from scanning.parsers.xray_component import Component, Cve, component_of, fixes_of, names_of, package_of, score

NAME = "jfrog-xray-scan"
MEMBERS = {"scan_id", "component_id"}


class Step(msgspec.Struct, gc=False):
    """One step of an impact path, from the artifact to the component."""

    full_path: Scalar = None


class Affected(msgspec.Struct, gc=False):
    """A value of `components`."""

    fixed_versions: list[Scalar] | None = None
    impact_paths: list[list[Step | None] | None] | None = None


class Issue(msgspec.Struct, gc=False):
    """One item of `vulnerabilities`, or of `violations`, which a scan with watches gives instead."""

    cves: list[Cve | None] | None = None
    summary: Scalar = None
    severity: Scalar = None
    components: dict[str, Affected | None] | None = None
    issue_id: Scalar = None
    references: list[Scalar] | None = None
    type: Scalar = None


class Scan(msgspec.Struct, gc=False):
    """Xray's answer."""

    vulnerabilities: list[Issue | None] | None = None
    violations: list[Issue | None] | None = None
    component_id: Scalar = None
    status: Scalar = None


DECODER = msgspec.json.Decoder(Scan | list[Scan | None])


OUTCOMES = {
    "": Outcome.ASSESSED,
    "completed": Outcome.ASSESSED,
    "failed": Outcome.FAILED,
    "error": Outcome.FAILED,
    "not supported": Outcome.UNSUPPORTED,
}


def recognises(document: Document) -> bool:
    """Answers, or one of them alone."""
    members = document.first() if document.shape == Shape.LIST else document.members
    return members.keys() >= MEMBERS


def parse(document: Document) -> ScanReport:
    """Read the answers: one scan each. An entry is an issue of a component."""
    top = decode(DECODER, document.body)
    scans = tuple(_scan(one) for one in (top if isinstance(top, list) else [top]) if one is not None)
    entries = sum(len(scan.matches) for scan in scans)
    check_amount(entries, "vulnerabilities")
    return ScanReport(format=NAME, scanner="jfrog-xray", images=scans, entries=entries)


def _scan(scan: Scan) -> ImageScan:
    about = component_of(text_of(scan.component_id))
    listed = scan.violations if scan.vulnerabilities is None else scan.vulnerabilities
    issues = [one for one in listed or () if one is not None and text_of(one.type).lower() in {"", "security"}]
    found = [pair for issue in issues for pair in _matches(issue)]
    system = next((component for component, _ in found if component.distro), Component("", "", "", "", ""))
    reference = about.reference if is_reference(about.reference) else ""
    status = text_of(scan.status).lower()
    failed = status in {"failed", "error"}
    return ImageScan(
        image=ImageFacts(
            references=(reference,) if reference else (), distro=system.distro, distro_version=system.release
        ),
        outcome=OUTCOMES.get(status, Outcome.UNASSESSED),
        error=f"Xray says that the scan ended as {status!r}" if failed else "",
        matches=tuple(match for _, match in found),
    )


def _matches(issue: Issue) -> Iterable[tuple[Component, Match]]:
    summary = text_of(issue.summary)
    advisory, aliases = names_of(issue.issue_id, issue.cves, summary)
    for identifier, told in (issue.components or {"": None}).items():
        affected = told or Affected()
        component = component_of(identifier)
        fixed = fixes_of(affected.fixed_versions)
        yield (
            component,
            Match(
                advisory=advisory,
                package=package_of(component, _path(affected)),
                severity=severity_of(text_of(issue.severity)),
                severity_word=text_of(issue.severity),
                fixed_version=fixed,
                status="fixed" if fixed else "",
                aliases=aliases,
                title=summary.partition("\n")[0],
                description=summary,
                url=text_of(next(iter(issue.references or ()), None)),
                cvss=score(issue.cves),
            ),
        )


def _path(affected: Affected) -> str:
    """Return the file of a language's package: the last step of the first path."""
    steps = next((path for path in affected.impact_paths or () if path), None) or []
    last = text_of(steps[-1].full_path) if steps and steps[-1] else ""
    return last if "/" in last else ""
