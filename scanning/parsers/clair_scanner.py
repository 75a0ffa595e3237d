"""clair-scanner's report of Clair 2 (`clair-scanner --report=report.json`, arminc/clair-scanner)."""

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
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.image_config import is_reference
from scanning.parsers.packages import identify
from scanning.parsers.scalars import MAX_DESCRIPTION, Scalar, text_of

NAME = "clair-scanner"


class Found(msgspec.Struct, gc=False):
    """One item of `vulnerabilities`."""

    featurename: Scalar = None
    featureversion: Scalar = None
    vulnerability: Scalar = None
    namespace: Scalar = None
    description: Scalar = None
    link: Scalar = None
    severity: Scalar = None
    fixedby: Scalar = None


class Report(msgspec.Struct, gc=False):
    """The whole report. `unapproved` names what reaches the threshold and is on no allow list."""

    image: Scalar = None
    unapproved: list[Scalar] | None = None
    vulnerabilities: list[Found] | msgspec.UnsetType | None = msgspec.UNSET


DECODER = msgspec.json.Decoder(Report)


def recognises(document: Document) -> bool:
    """Its two members that nobody else has together."""
    return document.has("image", "unapproved")


def parse(document: Document) -> ScanReport:
    """Read the report. It is written after Clair answered, so an empty list is a scan that found nothing."""
    report = decode(DECODER, document.body)
    unset = isinstance(report.vulnerabilities, msgspec.UnsetType)
    found = report.vulnerabilities or []
    check_amount(len(found), "vulnerabilities")
    image = text_of(report.image)
    distro, version = distribution_of(next((text_of(one.namespace) for one in found if one.namespace), ""))
    scan = ImageScan(
        image=ImageFacts(references=(image,) if is_reference(image) else (), distro=distro, distro_version=version),
        outcome=Outcome.UNASSESSED if unset else Outcome.ASSESSED,
        matches=tuple(map(_match, found)),
    )
    unapproved = set(map(text_of, report.unapproved or ()))
    passed = sum(text_of(one.vulnerability) not in unapproved for one in found)
    # Which of the two reasons it was, the report does not say, so nothing is set aside.
    note = (
        f"findings that clair-scanner let pass, by threshold or allow list: {passed:,}; they are counted all the same"
    )
    return ScanReport(format=NAME, scanner="clair", images=(scan,), entries=len(found), notes=(note,) if passed else ())


def distribution_of(namespace: str) -> tuple[str, str]:
    """Split Clair 2's name of a distribution, `debian:12`."""
    name, _, version = namespace.partition(":")
    return name, version


def _match(one: Found) -> Match:
    name, aliases, title = named(text_of(one.vulnerability), text_of(one.link))
    distro, _ = distribution_of(text_of(one.namespace))
    package = identify(text_of(one.featurename), text_of(one.featureversion), None, distro, distro)
    return Match(
        advisory=name,
        package=PackageAt(package.name, package.version, package.type, package.namespace),
        severity=severity_of(text_of(one.severity)),
        severity_word=text_of(one.severity),
        fixed_version=text_of(one.fixedby),
        aliases=aliases,
        title=title,
        description=text_of(one.description)[:MAX_DESCRIPTION],
        url=text_of(one.link),
    )
