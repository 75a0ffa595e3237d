"""Hadolint's JSON (hadolint/hadolint, `--format json`): lint of Dockerfiles. It names the files, not their project."""

from __future__ import annotations

import msgspec

from governance.findings.report import Benchmark, Check, Kind, Result, ScanReport, severity_of
from scanning.parsers.document import Document, Shape, check_amount, decode
from scanning.parsers.scalars import Scalar, text_of

NAME = "hadolint"
MEMBERS = {"code", "level", "line", "message"}
RESULTS = {"error": Result.FAIL, "warning": Result.WARN}


class Found(msgspec.Struct, gc=False):
    """One finding. `level` is error, warning, info, style or ignore."""

    file: Scalar = None
    line: Scalar = None
    code: Scalar = None
    level: Scalar = None
    message: Scalar = None


DECODER = msgspec.json.Decoder(list[Found | None] | None)


def recognises(document: Document) -> bool:
    """A list of findings; an empty one could be anybody's."""
    return document.shape == Shape.LIST and document.first().keys() >= MEMBERS


def parse(document: Document) -> ScanReport:
    """Read the findings of a project's Dockerfiles."""
    found = decode(DECODER, document.body) or []
    check_amount(len(found), "findings")
    checks = tuple(_check(one) for one in found if one is not None)
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(),
        kind=Kind.COMPLIANCE,
        benchmarks=(Benchmark("project", title="Hadolint", checks=checks),),
    )


def _check(one: Found) -> Check:
    level = text_of(one.level).lower()
    return Check(
        kind="lint",
        id=text_of(one.code),
        result=RESULTS.get(level, Result.INFO),
        title=text_of(one.message),
        severity=severity_of(level),
        target=":".join(filter(None, (text_of(one.file), text_of(one.line)))),
    )
