"""Kubescape's results, format version 2 (kubescape 2 and 3, `--format json`): controls of a cluster or of files."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import Benchmark, Check, Kind, Result, ScanReport, Severity, severity_of
from scanning.parsers.checks import result_of
from scanning.parsers.document import Document, decode
from scanning.parsers.kubescape_model import (
    About,
    Control,
    Metadata,
    Object,
    Place,
    Report,
    Resource,
    Scan,
    Status,
    Summary,
    Target,
)
from scanning.parsers.scalars import moment, points_of, text_of

NAME = "kubescape"
DECODER = msgspec.json.Decoder(Report)
# A control's severity by its score factor (kubescape/opa-utils, `ControlSeverityToInt`).
FACTORS = ((9, Severity.CRITICAL), (7, Severity.HIGH), (4, Severity.MEDIUM), (1, Severity.LOW))
ORDER = (Result.FAIL, Result.WARN, Result.INFO, Result.PASS)


def recognises(document: Document) -> bool:
    """Its summary, with results beside or inside it."""
    return document.has("summaryDetails") and bool(
        document.members.keys() & {"results", "clusterAPIServerInfo", "generationTime"}
    )


def parse(document: Document) -> ScanReport:
    """Read what each control came to for each resource; where no resource is listed, what the summary says."""
    report = decode(DECODER, document.body)
    about = report.metadata or About()
    scan = about.scan_metadata or Scan()
    checks = list(_applied(report)) or [_check(control, "", {}) for control in _summed(report).values()]
    # Of a large cluster only so many are kept: what failed comes first.
    checks.sort(key=lambda check: ORDER.index(check.result))
    subject, name = _subject(report, about.target_metadata or Target())
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(),
        kind=Kind.COMPLIANCE,
        benchmarks=(Benchmark(subject, name, _title(report, scan), tuple(checks)),),
        scanner_version=text_of(scan.kubescape_version),
        scanned_at=moment(report.generation_time),
    )


def _summed(report: Report) -> dict[str, Control]:
    controls = (report.summary_details or Summary()).controls or {}
    return {name: control for name, control in controls.items() if control is not None}


def _applied(report: Report) -> Iterable[Check]:
    summed = _summed(report)
    names = {text_of(one.id): _name(one) for one in report.resources or () if one is not None}
    for applied in filter(None, report.results or ()):
        resource = text_of(applied.resource)
        for control in filter(None, applied.controls or ()):
            yield _check(control, names.get(resource) or resource, summed)


def _name(resource: Resource) -> str:
    """Return `namespace/Kind/name`."""
    found = resource.object or Object()
    metadata = found.metadata or Metadata()
    name = found.name or metadata.name
    parts = (found.namespace or metadata.namespace, found.kind, name)
    return "/".join(filter(None, map(text_of, parts))) if name else ""


def _check(control: Control, target: str, summed: dict[str, Control]) -> Check:
    return Check(
        kind="benchmark",
        id=text_of(control.id),
        result=_result(control),
        title=text_of(control.name),
        severity=_severity(control, summed.get(text_of(control.id), control)),
        target=target,
    )


def _result(control: Control) -> Result:
    """Return the result; what passed by an exception or without looking is neither good nor bad."""
    if control.status is None and control.rules:
        # The worst of its rules: one that was skipped may hide a failure.
        results = (_of_status(Status(rule.status, rule.sub_status)) for rule in control.rules if rule is not None)
        return min(results, key=ORDER.index, default=Result.INFO)
    return _of_status(control.status if isinstance(control.status, Status) else Status(control.status))


def _of_status(status: Status) -> Result:
    result = result_of(text_of(status.status))
    return Result.INFO if result == Result.PASS and text_of(status.sub_status) else result


def _severity(control: Control, summed: Control) -> Severity:
    if control.severity:
        return severity_of(text_of(control.severity))
    factor = points_of(summed.score_factor) or 0
    return next((severity for least, severity in FACTORS if factor >= least), Severity.UNKNOWN)


def _subject(report: Report, target: Target) -> tuple[str, str]:
    """Return what was looked at and its name."""
    cluster = text_of(report.cluster_name) or text_of((target.cluster or Place()).context_name)
    files = (target.git, target.file, target.directory, target.helm)
    if cluster or not any(files):
        from_files = any(text_of(one.resource).startswith("path=") for one in report.results or () if one is not None)
        return "project" if from_files and not cluster else "cluster", cluster
    places = [place for place in files if place is not None]
    names = [(one.remote_url, one.file_path, one.base_path, one.chart_name, one.repo) for one in places]
    return "project", next(filter(None, (text_of(name) for told in zip(*names, strict=True) for name in told)), "")


def _title(report: Report, scan: Scan) -> str:
    listed = (report.summary_details or Summary()).frameworks or ()
    frameworks = [text_of(one.name) for one in listed if one is not None]
    # Some versions write them as asked for, others as the framework calls itself.
    names = sorted(name.lower() for name in frameworks or map(text_of, scan.target_names or ()) if name)
    return f"Kubescape: {', '.join(names)}" if names else "Kubescape"
