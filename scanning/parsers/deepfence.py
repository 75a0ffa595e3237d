"""Deepfence ThreatMapper's table of vulnerabilities (console: Vulnerabilities, scan results, export as CSV)."""

from __future__ import annotations

import re
from datetime import datetime

from governance.findings.report import (
    ImageFacts,
    ImageScan,
    Match,
    PackageAt,
    ReportError,
    ScanReport,
    severity_of,
)
from scanning.parsers.document import Document
from scanning.parsers.image_config import is_reference, with_algorithm
from scanning.parsers.packages import identify
from scanning.parsers.scalars import MAX_DESCRIPTION, moment, points_of, score_of
from scanning.parsers.table import read_rows

NAME = "deepfence"
COLUMNS = ("cve_id", "cve_caused_by_package", "cve_container_image", "cve_severity")
# `name:version`; the version may open with an epoch, the name may be `group:artifact`.
PACKAGE = re.compile(r"(?P<name>[^:]+(?::[^:\d][^:]*)*):(?P<version>.*)")
# `cve_type` is the language, or `base` for the distribution's packages.
LANGUAGES = {"java": "maven", "javascript": "npm", "js": "npm", "node": "npm", "nodejs": "npm", "ruby": "gem"}


def recognises(document: Document) -> bool:
    """Its columns."""
    return document.has_columns(*COLUMNS)


def parse(document: Document) -> ScanReport:
    """Read the table. It lists findings only, so a table without rows says nothing of any image."""
    if not recognises(document):
        raise ReportError(f"the table has not the columns {', '.join(COLUMNS)}")
    grouped: dict[tuple[str, str], list[tuple[Match, bool]]] = {}
    times = []
    for row in read_rows(document.body):
        key = (row["cve_container_image"], row.get("cve_container_image_id", ""))
        grouped.setdefault(key, []).append((_match(row), row.get("masked", "").lower() == "true"))
        times.append(row.get("@timestamp", ""))
    scans = tuple(
        ImageScan(
            image=_facts(*key),
            matches=tuple(match for match, masked in found if not masked),
            suppressed=tuple(match for match, masked in found if masked),
        )
        for key, found in grouped.items()
    )
    containers = sum(is_container(name) for name, _ in grouped)
    notes = [f"containers that are named with their host, without their image: {containers:,}"] if containers else []
    masked = sum(len(scan.suppressed) for scan in scans)
    if masked:
        notes.append(f"findings that were masked in ThreatMapper: {masked:,}")
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=scans,
        scanned_at=max(filter(None, map(time_of, times)), default=None),
        entries=sum(len(scan.matches) for scan in scans),
        notes=tuple(notes),
    )


def time_of(text: str) -> datetime | None:
    """Read `2099-01-01 10:00:00.123 +0000 UTC`."""
    return moment(text.replace(" +0000 UTC", "Z").replace(" ", "T", 1))


def is_container(name: str) -> bool:
    """Say whether it is `container / host`."""
    return " / " in name


def _facts(name: str, number: str) -> ImageFacts:
    """Return the image; of a container the number is the container's and no image ID."""
    if is_container(name) or not is_reference(name) or ":" not in name:
        return ImageFacts()
    return ImageFacts(references=(name,), config_digest=with_algorithm(number))


def _match(row: dict[str, str]) -> Match:
    found = PACKAGE.fullmatch(row["cve_caused_by_package"][:1_000])
    name, version = (found["name"], found["version"]) if found else (row["cve_caused_by_package"], "")
    kind = row.get("cve_type", "").lower()
    package = identify(name, version, None, LANGUAGES.get(kind, kind))
    return Match(
        advisory=row["cve_id"],
        package=PackageAt(
            package.name,
            package.version,
            package.type,
            package.namespace,
            path=row.get("cve_caused_by_package_path", ""),
        ),
        severity=severity_of(row["cve_severity"]),
        severity_word=row["cve_severity"],
        fixed_version=row.get("cve_fixed_in", ""),
        description=row.get("cve_description", "")[:MAX_DESCRIPTION],
        url=row.get("cve_link", ""),
        cvss=score_of(points_of(row.get("cve_cvss_score"))),
    )
