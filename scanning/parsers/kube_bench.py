"""kube-bench's JSON (aquasecurity/kube-bench `check/controls.go`): groups with totals, a bare list, or one alone."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import Benchmark, Check, Kind, ScanReport
from scanning.parsers.checks import result_of
from scanning.parsers.document import Document, Shape, check_amount, decode
from scanning.parsers.scalars import Scalar, text_of

NAME = "kube-bench"
GROUP = {"node_type", "tests"}


class Found(msgspec.Struct, gc=False):
    """One item of `results`. What was seen (`actual_value`) may hold secrets and is not read."""

    test_number: Scalar = None
    test_desc: Scalar = None
    status: Scalar = None


class Section(msgspec.Struct, gc=False):
    """One item of `tests`."""

    results: list[Found | None] | None = None


class Group(msgspec.Struct, gc=False):
    """The controls of one type of node; `version` is the benchmark's (`cis-1.10`)."""

    version: Scalar = None
    node_type: Scalar = None
    tests: list[Section | None] | None = None


class Report(Group, gc=False, kw_only=True):
    """The report with totals; without `Controls` it is one group."""

    controls: list[Group | None] | None = msgspec.field(default=None, name="Controls")


DECODER = msgspec.json.Decoder(Report | list[Group | None])


def recognises(document: Document) -> bool:
    """Groups of controls: listed, with their totals, or one alone."""
    if document.shape == Shape.LIST:
        return document.first().keys() >= GROUP
    if document.has("Controls"):
        return document.has("Totals") or document.first_of("Controls").keys() >= GROUP
    return document.has(*GROUP)


def parse(document: Document) -> ScanReport:
    """Read the checks: one benchmark for each version. It names neither the node nor the cluster."""
    report = decode(DECODER, document.body)
    groups = report if isinstance(report, list) else [report] if report.controls is None else report.controls
    grouped: dict[str, list[Check]] = {}
    for group in filter(None, groups):
        grouped.setdefault(text_of(group.version), []).extend(_checks(group))
    check_amount(sum(map(len, grouped.values())), "checks")
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(),
        kind=Kind.COMPLIANCE,
        benchmarks=tuple(
            Benchmark("host", title=f"kube-bench {version}".strip(), checks=tuple(checks))
            for version, checks in (grouped or {"": []}).items()
        ),
    )


def _checks(group: Group) -> Iterable[Check]:
    for section in filter(None, group.tests or ()):
        for found in filter(None, section.results or ()):
            yield Check(
                kind="benchmark",
                id=text_of(found.test_number),
                result=result_of(text_of(found.status)),
                title=text_of(found.test_desc),
                target=text_of(group.node_type),
            )
