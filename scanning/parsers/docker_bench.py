"""Docker Bench for Security's log (docker/docker-bench-security, `functions/output_lib.sh`): checks of one host.

It writes the file by printf while it runs: one that was cut off, or where a name holds a quote, is no JSON.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import Benchmark, Check, Kind, ScanReport
from scanning.parsers.checks import result_of
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.scalars import Scalar, moment, text_of

NAME = "docker-bench"


class Found(msgspec.Struct, gc=False):
    """One item of `results`. `items` are names of containers, images or users."""

    id: Scalar = None
    desc: Scalar = None
    result: Scalar = None
    items: list[Scalar] | None = None


class Section(msgspec.Struct, gc=False):
    """One item of `tests`."""

    results: list[Found | None] | None = None


class Report(msgspec.Struct, gc=False):
    """The log. `checks`, `score` and `end` are written last."""

    dockerbenchsecurity: Scalar = None
    start: Scalar = None
    end: Scalar = None
    checks: Scalar = None
    tests: list[Section | None] | None = None


DECODER = msgspec.json.Decoder(Report)


def recognises(document: Document) -> bool:
    """Its two members that nobody else has."""
    return document.has("dockerbenchsecurity", "tests")


def parse(document: Document) -> ScanReport:
    """Read the log. It names no host."""
    report = decode(DECODER, document.body)
    checks = tuple(_checks(report))
    check_amount(len(checks), "checks")
    version = text_of(report.dockerbenchsecurity)
    ended = report.end is not None or report.checks is not None
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(),
        kind=Kind.COMPLIANCE,
        benchmarks=(Benchmark("host", title=f"Docker Bench for Security {version}".strip(), checks=checks),),
        scanner_version=version,
        scanned_at=moment(report.end) or moment(report.start),
        notes=() if ended else ("the log has no end: Docker Bench was stopped before it had checked everything",),
    )


def _checks(report: Report) -> Iterable[Check]:
    for section in filter(None, report.tests or ()):
        for found in filter(None, section.results or ()):
            named = ", ".join(filter(None, map(text_of, found.items or ())))
            title = text_of(found.desc)
            yield Check(
                kind="benchmark",
                id=text_of(found.id),
                result=result_of(text_of(found.result)),
                title=f"{title}: {named}" if named else title,
            )
