"""Sysdig's vulnerability reports: tables (CSV, old and of 2025) and JSON, one row per workload, image and package."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache

import msgspec

from governance.findings.report import ImageFacts, ImageScan, Match, ReportError, ScanReport, severity_of
from scanning.parsers.document import Document, Shape, check_amount, decode
from scanning.parsers.image_config import is_reference, with_algorithm
from scanning.parsers.scalars import Scalar, points_of, score_of, text_of
from scanning.parsers.sysdig_names import package_of, system_of
from scanning.parsers.table import read_rows

NAME = "sysdig-report"

# Columns and members by their letters; the names changed twice.
NAMES = {
    "vulnerabilityid": "advisory",
    "vulnerabilityname": "advisory",
    "vulnname": "advisory",
    "severity": "severity",
    "vulnerabilityseverity": "severity",
    "vulnseverity": "severity",
    "packagename": "package",
    "packageversion": "version",
    "packagetype": "kind",
    "packagepath": "path",
    "image": "image",
    "imagename": "image",
    "imagepullstring": "image",
    "imageid": "number",
    "osname": "system",
    "cvssscore": "score",
    "vulncvssscore": "score",
    "vulnlink": "url",
    "vulnpublishdate": "published",
    "disclosuredate": "published",
    "vulndisclosuredate": "published",
    "fixversion": "fixed",
    "vulnfixversion": "fixed",
    "packagesuggestedfix": "suggested",
    "riskaccepted": "accepted",
}
NEEDED = {"advisory", "severity", "package", "version", "number"}


class Report(msgspec.Struct, gc=False):
    """The JSON report."""

    data: list[dict[str, msgspec.Raw]] | None = None


DECODER = msgspec.json.Decoder(Report)
VALUE = msgspec.json.Decoder(Scalar)


@lru_cache(maxsize=1_024)
def plain(name: str) -> str:
    """Return what a column or member holds, "" for what is not read."""
    return NAMES.get(re.sub("[^a-z0-9]", "", name.lower()), "")


def recognises(document: Document) -> bool:
    """Its columns, or a list of rows with its members."""
    if document.header:
        return {plain(name) for name in document.header} >= NEEDED
    return document.has("data") and {plain(name) for name in document.first_of("data")} >= NEEDED


def parse(document: Document) -> ScanReport:
    """Read the report. It lists findings only, so one without rows says nothing of any image."""
    if document.shape == Shape.TEXT:
        if not recognises(document):
            raise ReportError("the table has not the columns of Sysdig's vulnerability report")
        rows = [{plain(name): cell for name, cell in row.items()} for row in read_rows(document.body)]
    else:
        rows = [_told(row) for row in decode(DECODER, document.body).data or ()]
    check_amount(len(rows), "rows")
    systems: dict[str, set[str]] = defaultdict(set)
    grouped: dict[tuple[str, str, str], list[tuple[Match, bool]]] = {}
    for row in rows:
        image, number, system = row.get("image", ""), row.get("number", ""), row.get("system", "")
        systems[number].add(system)
        is_accepted = row.get("accepted", "").lower() == "true"
        grouped.setdefault((image, number, system), []).append((_match(row), is_accepted))
    scans = tuple(_scan(*key, found, systems) for key, found in grouped.items())
    return ScanReport(
        format=NAME,
        scanner="sysdig",
        images=scans,
        entries=len(rows),
        notes=tuple(_notes(scans, systems)),
    )


def _told(row: dict[str, msgspec.Raw]) -> dict[str, str]:
    """Return a row's members by what they hold; those that hold more than one value are not read."""
    told = {}
    for name, raw in row.items():
        if held := plain(name):
            try:
                told[held] = text_of(VALUE.decode(raw))
            except (msgspec.DecodeError, RecursionError) as error:
                raise ReportError(f"the member `{name}` of a row is not a single value") from error
    return told


def _notes(scans: tuple[ImageScan, ...], systems: dict[str, set[str]]) -> Iterable[str]:
    accepted = sum(len(scan.suppressed) for scan in scans)
    if accepted:
        yield f"findings whose risk was accepted in Sysdig: {accepted:,}; they are kept and not counted"
    for number, named in systems.items():
        if number and len(named) > 1:
            yield f"the image ID {number[:80]} stands at images of several systems, so it is none of theirs"


def _scan(
    image: str, number: str, system: str, found: list[tuple[Match, bool]], systems: dict[str, set[str]]
) -> ImageScan:
    distro, version = system_of(system)
    return ImageScan(
        image=ImageFacts(
            references=(image,) if is_reference(image) else (),
            config_digest=with_algorithm(number) if len(systems[number]) == 1 else "",
            repo_digests=(image,) if "@sha256:" in image else (),
            distro=distro,
            distro_version=version,
        ),
        matches=tuple(match for match, is_accepted in found if not is_accepted),
        suppressed=tuple(match for match, is_accepted in found if is_accepted),
    )


def _match(row: dict[str, str]) -> Match:
    told = row.get
    distro, _ = system_of(told("system", ""))
    return Match(
        advisory=told("advisory", ""),
        package=package_of(told("package", ""), told("version", ""), told("kind", ""), distro, told("path", "")),
        severity=severity_of(told("severity")),
        severity_word=told("severity", ""),
        fixed_version=told("fixed", "") or told("suggested", ""),
        url=told("url", ""),
        cvss=score_of(points_of(told("score"))),
        published=told("published", ""),
    )
