"""StackRox's (Red Hat ACS) image scans: Central's image, and `roxctl image scan` as JSON and CSV, old and new."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import (
    ImageFacts,
    ImageScan,
    Match,
    Outcome,
    PackageAt,
    ReportError,
    ScanReport,
    severity_of,
)
from scanning.parsers.clair_scanner import distribution_of
from scanning.parsers.document import Document, Shape, check_amount, decode, members_of
from scanning.parsers.packages import identify
from scanning.parsers.scalars import MAX_DESCRIPTION, moment, points_of, score_of, text_of, time_text
from scanning.parsers.stackrox_model import (
    Advisory,
    Component,
    Image,
    Metadata,
    Name,
    Printed,
    Row,
    Scan,
    Version,
    Vulnerability,
)
from scanning.parsers.table import read_rows

NAME = "stackrox"
IMAGE = msgspec.json.Decoder(Image)
PRINTED = msgspec.json.Decoder(Printed)

# `source` of a component that is of a language.
SOURCES = {"JAVA": "maven", "PYTHON": "pypi", "NODEJS": "npm", "RUBY": "gem", "GO": "golang"}
# States in which Central's users set a CVE aside.
ASIDE = {"DEFERRED", "FALSE_POSITIVE"}
# Notes after which an empty list proves nothing.
BLIND = {"OS_UNAVAILABLE", "OS_CVES_UNAVAILABLE"}
TABLE = ("COMPONENT", "VERSION", "CVE", "SEVERITY")
OLD_TABLE = ("CVE", "CVSS Score", "Severity Rating", "Component")


def recognises(document: Document) -> bool:
    """An image with its scan, the printed result, or one of the two tables."""
    if document.header:
        return document.has_columns(*TABLE) or document.has_columns(*OLD_TABLE)
    result = document.inside("result")
    if result:
        total = members_of(result.get("summary")).keys() & {"TOTAL-COMPONENTS", "TOTAL-VULNERABILITIES"}
        return "summary" in result and bool(total)
    if document.has("metadata") and document.inside("scan").keys() & {"components", "scannerVersion", "scanTime"}:
        return True
    return document.has("metadata", "name", "notes") and "fullName" in document.inside("name")


def parse(document: Document) -> ScanReport:
    """Read the scan."""
    if document.shape == Shape.TEXT:
        if not recognises(document):
            raise ReportError(f"the table has neither the columns {', '.join(TABLE)} nor {', '.join(OLD_TABLE)}")
        return _printed(list(map(_row, read_rows(document.body))))
    if document.has("result"):
        printed = decode(PRINTED, document.body)
        if printed.result is None:
            raise ReportError("the member `result` is empty: send what `roxctl image scan --output=json` printed")
        return _printed(printed.result.vulnerabilities or [])
    return _image(decode(IMAGE, document.body))


def _printed(rows: list[Row]) -> ScanReport:
    """Read what roxctl prints after a scan; where the scan fails it prints none of it, so no row is clean."""
    check_amount(len(rows), "vulnerabilities")
    scan = ImageScan(matches=tuple(map(_of_row, rows)))
    return ScanReport(format=NAME, scanner=NAME, images=(scan,), entries=len(rows))


def _row(cells: dict[str, str]) -> Row:
    """Read a line of a table; "-" is an empty cell."""
    told = {name: "" if cell == "-" else cell for name, cell in cells.items()}
    if "Severity Rating" in told:
        return Row(
            told.get("CVE"),
            told.get("Severity Rating"),
            told.get("CVSS Score"),
            component=told.get("Component"),
            version=told.get("Version"),
            fixed=told.get("Fixed By"),
            summary=told.get("Summary"),
        )
    return Row(
        told.get("CVE"),
        told.get("SEVERITY"),
        told.get("CVSS"),
        told.get("LINK"),
        told.get("ADVISORY"),
        told.get("COMPONENT"),
        told.get("VERSION"),
        told.get("FIXED_VERSION"),
    )


def _of_row(row: Row) -> Match:
    advisory = text_of(row.advisory)
    return Match(
        advisory=text_of(row.cve),
        package=PackageAt(name=text_of(row.component), version=text_of(row.version)),
        severity=severity_of(text_of(row.severity)),
        severity_word=text_of(row.severity),
        fixed_version=text_of(row.fixed),
        aliases=(advisory,) if advisory else (),
        description=text_of(row.summary)[:MAX_DESCRIPTION],
        url=text_of(row.link),
        cvss=score_of(points_of(row.score)),
    )


def _image(image: Image) -> ScanReport:
    """Read Central's image, whose components are a whole package list."""
    scan = image.scan or Scan()
    components = scan.components or []
    told = [text_of(note) for note in scan.notes or ()]
    distro, version = distribution_of(text_of(scan.operating_system))
    distro = "" if distro == "unknown" else distro
    packages = [_package(component, distro) for component in components]
    found = list(_joined(components, packages))
    check_amount(len(packages) + len(found), "components and vulnerabilities")
    blind = not found and not BLIND.isdisjoint(told)
    looked = Outcome.UNSUPPORTED if blind else Outcome.ASSESSED
    single = ImageScan(
        image=msgspec.structs.replace(_facts(image), distro=distro, distro_version=version if distro else ""),
        outcome=Outcome.UNASSESSED if image.scan is None else looked,
        matches=tuple(match for match, is_aside in found if not is_aside),
        suppressed=tuple(match for match, is_aside in found if is_aside),
        packages=tuple(packages),
        inventory=image.scan is not None,
    )
    notes = [f"the scanner's notes: {', '.join(told[:10])}"] if told else []
    if single.suppressed:
        notes.append(f"findings that StackRox's users deferred or called false: {len(single.suppressed):,}")
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(single,),
        scanner_version=text_of(scan.scanner_version),
        scanned_at=moment(scan.scan_time),
        entries=len(single.matches),
        notes=tuple(notes),
    )


def _facts(image: Image) -> ImageFacts:
    name, metadata = image.name or Name(), image.metadata or Metadata()
    first, second = metadata.v1 or Version(), metadata.v2 or Version()
    repository = "/".join(filter(None, (text_of(name.registry), text_of(name.remote))))
    digests = dict.fromkeys(text_of(value) for value in (image.id, second.digest))
    written = (text_of(one.full_name) for one in (name, *(image.names or ())))
    return ImageFacts(
        references=tuple(dict.fromkeys(filter(None, written))),
        repo_digests=tuple(f"{repository}@{digest}" for digest in digests if repository and ":" in digest),
        created=time_text(text_of(first.created)),
    )


def _package(component: Component, distro: str) -> PackageAt:
    source = text_of(component.source).upper()
    family = SOURCES.get(source, distro if source in {"OS", ""} else "")
    found = identify(text_of(component.name), text_of(component.version), None, family, distro)
    return PackageAt(found.name, found.version, found.type, found.namespace, path=text_of(component.location))


def _joined(components: list[Component], packages: list[PackageAt]) -> Iterable[tuple[Match, bool]]:
    """Yield each finding, and whether it is set aside."""
    for component, package in zip(components, packages, strict=True):
        for one in component.vulns or ():
            yield _match(one, package), bool(one.suppressed) or text_of(one.state) in ASIDE


def _match(one: Vulnerability, package: PackageAt) -> Match:
    word = text_of(one.severity)
    advisory = text_of((one.advisory or Advisory()).name)
    return Match(
        advisory=text_of(one.cve),
        package=package,
        severity=severity_of(word.removesuffix("_VULNERABILITY_SEVERITY")),
        severity_word=word,
        fixed_version=text_of(one.fixed_by),
        aliases=(advisory,) if advisory else (),
        description=text_of(one.summary)[:MAX_DESCRIPTION],
        url=text_of(one.link),
        cvss=score_of(one.cvss),
        published=time_text(text_of(one.published_on)),
    )
