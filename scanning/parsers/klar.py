"""Klar's report of Clair 2 (`JSON_OUTPUT=true klar IMAGE`, optiopay/klar)."""

from __future__ import annotations

import msgspec

from governance.findings.report import (
    ImageFacts,
    ImageScan,
    Match,
    Outcome,
    PackageAt,
    ScanReport,
    severity_of,
)
from scanning.parsers.advisories import named
from scanning.parsers.clair_scanner import distribution_of
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.packages import identify
from scanning.parsers.scalars import MAX_DESCRIPTION, Scalar, text_of

NAME = "klar"


class Found(msgspec.Struct, gc=False, rename="pascal"):
    """One vulnerability of a feature."""

    name: Scalar = None
    namespace_name: Scalar = None
    description: Scalar = None
    link: Scalar = None
    severity: Scalar = None
    fixed_by: Scalar = None
    feature_name: Scalar = None
    feature_version: Scalar = None


class Report(msgspec.Struct, gc=False, rename="pascal"):
    """The whole report: findings by severity, without the image's name."""

    layer_count: Scalar = None
    vulnerabilities: dict[str, list[Found] | None] | None = None


DECODER = msgspec.json.Decoder(Report)


def recognises(document: Document) -> bool:
    """Its two members."""
    return document.has("LayerCount", "Vulnerabilities")


def parse(document: Document) -> ScanReport:
    """Read the report. `LayerCount` proves a scan: of an image without layers Clair looked at nothing."""
    report = decode(DECODER, document.body)
    found = [(word, one) for word, listed in (report.vulnerabilities or {}).items() for one in listed or ()]
    check_amount(len(found), "vulnerabilities")
    distro, version = distribution_of(next((text_of(one.namespace_name) for _, one in found if one.namespace_name), ""))
    looked = found or (report.layer_count and report.vulnerabilities is not None)
    scan = ImageScan(
        image=ImageFacts(distro=distro, distro_version=version),
        outcome=Outcome.ASSESSED if looked else Outcome.UNASSESSED,
        matches=tuple(_match(word, one) for word, one in found),
    )
    return ScanReport(format=NAME, scanner="clair", images=(scan,), entries=len(found))


def _match(word: str, one: Found) -> Match:
    """Read one; the severity under which it is listed stands in for its own."""
    word = text_of(one.severity) or word
    name, aliases, title = named(text_of(one.name), text_of(one.link))
    distro, _ = distribution_of(text_of(one.namespace_name))
    package = identify(text_of(one.feature_name), text_of(one.feature_version), None, distro, distro)
    return Match(
        advisory=name,
        package=PackageAt(package.name, package.version, package.type, package.namespace),
        severity=severity_of(word),
        severity_word=word,
        fixed_version=text_of(one.fixed_by),
        aliases=aliases,
        title=title,
        description=text_of(one.description)[:MAX_DESCRIPTION],
        url=text_of(one.link),
    )
