"""kube-hunter's JSON (aquasecurity/kube-hunter, `--report json`): weaknesses of a cluster as its network shows them."""

from __future__ import annotations

import msgspec

from governance.findings.report import Benchmark, Check, Kind, Result, ScanReport, severity_of
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.scalars import Scalar, text_of

NAME = "kube-hunter"
MEMBERS = {"vulnerability", "hunter", "location"}


class Weakness(msgspec.Struct, gc=False):
    """One item of `vulnerabilities`; `vid` is "None" where it has no number."""

    vid: Scalar = None
    vulnerability: Scalar = None
    location: Scalar = None
    severity: Scalar = None


class Service(msgspec.Struct, gc=False):
    """One item of `services`: what answered."""

    service: Scalar = None
    location: Scalar = None


class Report(msgspec.Struct, gc=False):
    """The report."""

    services: list[Service | None] | None = None
    vulnerabilities: list[Weakness | None] | None = None


DECODER = msgspec.json.Decoder(Report)


def recognises(document: Document) -> bool:
    """What it found, or the nodes and services where it looked."""
    if not document.has("vulnerabilities"):
        return False
    return document.has("nodes", "services") or document.first_of("vulnerabilities").keys() >= MEMBERS


def parse(document: Document) -> ScanReport:
    """Read it. The services that answered are kept as notes, so that a hunt without weaknesses is one, too."""
    report = decode(DECODER, document.body)
    weak = [_check(one) for one in report.vulnerabilities or () if one is not None]
    open_ones = [
        Check("benchmark", "service", Result.INFO, text_of(one.service), target=text_of(one.location))
        for one in report.services or ()
        if one is not None
    ]
    check_amount(len(weak) + len(open_ones), "weaknesses and services")
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(),
        kind=Kind.COMPLIANCE,
        benchmarks=(Benchmark("cluster", title="kube-hunter", checks=(*weak, *open_ones)),),
    )


def _check(one: Weakness) -> Check:
    number, name = text_of(one.vid), text_of(one.vulnerability)
    return Check(
        kind="benchmark",
        id=name if number in {"", "None"} else number,
        result=Result.FAIL,
        title=name,
        severity=severity_of(text_of(one.severity)),
        target=text_of(one.location),
    )
