"""Policy reports of Kubernetes: `Report` of openreports.io and its forerunner `PolicyReport` of wgpolicyk8s.io.

Results of a vulnerability scan (image-scanner, trivy-operator-polr-adapter) are findings; all others are checks.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import (
    Benchmark,
    Check,
    ImageFacts,
    ImageScan,
    Kind,
    Match,
    Outcome,
    PackageAt,
    Result,
    ScanReport,
    severity_of,
)
from scanning.parsers.document import Document, Shape, check_amount, decode, members_of
from scanning.parsers.openreports_model import Labels, Metadata, Object, Properties, Report
from scanning.parsers.openreports_model import Outcome as Row
from scanning.parsers.scalars import Scalar, points_of, score_of, text_of

NAME = "openreports"
GROUPS = ("openreports.io/", "wgpolicyk8s.io/")
RESULTS = {"pass": Result.PASS, "fail": Result.FAIL, "warn": Result.WARN, "error": Result.WARN}
# Who writes reports of vulnerabilities, by label; so even one without results is known to be a scan.
SCANNERS, ABOUT = {"image-scanner"}, {"VulnerabilityReport"}

DECODER = msgspec.json.Decoder(Report | list[Report])
PEEK_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def recognises(document: Document) -> bool:
    """An object of either group, or a list of some; kubectl writes a `List` of API version v1."""
    if document.shape == Shape.LIST:
        return _ours(document.first())
    if document.text("kind") == "List" and document.has("items"):
        try:
            listed = PEEK_LIST.decode(document.members["items"])
        except (msgspec.DecodeError, RecursionError):
            return False
        return bool(listed) and _ours(members_of(listed[0]))
    return _ours(document.members)


def _ours(members: dict[str, msgspec.Raw]) -> bool:
    return Document(b"", Shape.OBJECT, members=members).text("apiVersion").startswith(GROUPS)


def parse(document: Document) -> ScanReport:
    """Read the reports."""
    top = decode(DECODER, document.body)
    reports = top if isinstance(top, list) else [top] if top.items is None else top.items
    check_amount(sum(len(report.results or ()) for report in reports), "results")
    scans = [scan for report in reports for scan in _scans(report)]
    benchmarks = tuple(_benchmarks(reports))
    sources = [text_of(row.source) or text_of(report.source) for report in reports for row in report.results or ()]
    managers = [text_of(_labels(report).manager) for report in reports]
    called = next(filter(None, (*sources, *managers)), NAME)
    return ScanReport(
        format=NAME,
        scanner=called.lower().partition(" ")[0],
        images=tuple(scans),
        kind=Kind.VULNERABILITY if scans else Kind.COMPLIANCE,
        benchmarks=benchmarks,
        entries=sum(len(scan.matches) for scan in scans),
    )


def _labels(report: Report) -> Labels:
    return (report.metadata and report.metadata.labels) or Labels()


def is_finding(row: Row) -> bool:
    """Say whether it is of a vulnerability scan; without a category, whether it names a CVE and a package."""
    category = text_of(row.category).lower()
    if category:
        return category.startswith("vulnerability")
    return text_of(row.policy).startswith(("CVE-", "GHSA-")) and row.properties is not None


def _scans(report: Report) -> Iterable[ImageScan]:
    """Yield a scan per image; one without a name where the report names none, and where a scanner found nothing."""
    grouped: dict[tuple[str, str], list[Row]] = {}
    for row in filter(is_finding, report.results or ()):
        told = row.properties or Properties()
        repository = "/".join(filter(None, (text_of(told.server), text_of(told.repository))))
        named = bool(told.repository and told.tag)
        key = (f"{repository}:{text_of(told.tag)}" if named else "", text_of(told.system))
        grouped.setdefault(key, []).append(row)
    labels = _labels(report)
    if not report.results and (text_of(labels.manager) in SCANNERS or text_of(labels.about) in ABOUT):
        # The summary is written after the scan.
        yield ImageScan(outcome=Outcome.UNASSESSED if report.summary is None else Outcome.ASSESSED)
    for (name, system), rows in grouped.items():
        distro, _, version = system.partition(" ")
        passed = [row for row in rows if text_of(row.result) == "pass"]
        kept = [row for row in rows if text_of(row.result) != "pass"]
        yield ImageScan(
            image=ImageFacts(references=(name,) if name else (), distro=distro, distro_version=version),
            matches=tuple(map(_match, kept)),
            suppressed=tuple(map(_match, passed)),
        )


def _match(row: Row) -> Match:
    told = row.properties or Properties()
    package = PackageAt(
        name=text_of(told.package) or text_of(told.resource),
        version=text_of(told.installed),
        path=text_of(told.path),
    )
    return Match(
        advisory=text_of(row.policy),
        package=package,
        severity=severity_of(text_of(row.severity)),
        severity_word=text_of(row.severity),
        fixed_version=text_of(told.fixed),
        title=text_of(row.message) or text_of(row.description),
        url=text_of(told.url) or text_of(told.link),
        cvss=score_of(points_of(told.score)),
    )


def _benchmarks(reports: list[Report]) -> Iterable[Benchmark]:
    """Yield the checks by source: of a list those of the cluster, of a single report those of what it is about."""
    grouped: dict[str, list[Check]] = {}
    for report in reports:
        for row in report.results or ():
            if not is_finding(row):
                source = text_of(row.source) or text_of(report.source)
                grouped.setdefault(source, []).append(_check(row, report))
    about = _about(reports[0]) if len(reports) == 1 else ""
    for source, checks in grouped.items():
        yield Benchmark("project" if about else "cluster", about, source or "policies", tuple(checks))


def _about(report: Report) -> str:
    """Return what a report is about: its scope, else its namespace."""
    scope, metadata = report.scope or Object(), report.metadata or Metadata()
    parts: tuple[Scalar, ...] = (scope.namespace or metadata.namespace, scope.kind, scope.name)
    return "/".join(text_of(part) for part in parts if part)


def _check(row: Row, report: Report) -> Check:
    name = "/".join(filter(None, (text_of(row.policy), text_of(row.rule))))
    target = next((one.path for one in row.resources or ()), "") or _about(report)
    return Check(
        kind="policy",
        id=name,
        result=RESULTS.get(text_of(row.result), Result.INFO),
        title=text_of(row.message) or text_of(row.description),
        severity=severity_of(text_of(row.severity)),
        target=target,
    )
