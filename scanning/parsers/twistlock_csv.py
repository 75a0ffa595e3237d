"""Tables of Twistlock's (Prisma Cloud Compute) console: images, registries and CI, exported as CSV.

Columns differ by page and release; they are found by their names, whatever their case and order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from governance.findings.report import (
    Check,
    ImageFacts,
    ImageScan,
    Match,
    Outcome,
    PackageAt,
    ReportError,
    ScanReport,
)
from scanning.parsers.document import Document
from scanning.parsers.image_config import config_digest
from scanning.parsers.scalars import moment
from scanning.parsers.systems import read_system
from scanning.parsers.table import read_rows
from scanning.parsers.twistlock_model import Found, Package
from scanning.parsers.twistlock_parts import check_of, match_of, package_at

NAME = "twistlock-csv"
COLUMNS = ("cve id", "severity", "packages")
IMAGE = ("repository", "tag")


@dataclass(slots=True)
class Rows:
    """What the table says of one image."""

    facts: ImageFacts
    matches: list[Match] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)


def recognises(document: Document) -> bool:
    """Its columns of findings, and those that name an image (a table of hosts has none)."""
    names = {name.lower() for name in document.header}
    return names >= {*COLUMNS, *IMAGE}


def parse(document: Document) -> ScanReport:
    """Read the table, one scan for each image. It lists findings only: an image without one is not in it."""
    if not recognises(document):
        raise ReportError(f"the table has not the columns {', '.join((*IMAGE, *COLUMNS))}")
    grouped: dict[tuple[str, ...], Rows] = {}
    times, entries = [], 0
    for told in read_rows(document.body):
        # Of two columns `Type` the second is that of the finding.
        row = {name.lower(): cell for name, cell in told.items()}
        key = tuple(row.get(name, "") for name in ("registry", *IMAGE, "id", "digest"))
        rows = grouped.setdefault(key, Rows(_facts(row)))
        times.append(moment(row.get("scan time", "").replace(" ", "T", 1)))
        if row["cve id"]:
            entries += 1
            rows.matches.append(_match(row, rows.facts.distro))
        elif number := row.get("compliance id", ""):
            rows.checks.append(check_of(number, row.get("description", ""), row["severity"]))
    return ScanReport(
        format=NAME,
        scanner="twistlock",
        images=tuple(_scan(rows) for rows in grouped.values()),
        scanned_at=max(filter(None, times), default=None),
        entries=entries,
    )


def _scan(rows: Rows) -> ImageScan:
    outcome = Outcome.ASSESSED if rows.matches else Outcome.UNASSESSED
    return ImageScan(rows.facts, outcome, matches=tuple(rows.matches), checks=tuple(rows.checks))


def _facts(row: dict[str, str]) -> ImageFacts:
    repository = "/".join(filter(None, (row.get("registry", ""), row["repository"]))) if row["repository"] else ""
    tag, digest = row["tag"], row.get("digest", "")
    digests = (f"{repository}@{digest}",) if digest else ()
    distro, version = read_system(row.get("distro", ""))
    return ImageFacts(
        references=(f"{repository}:{tag}" if tag else repository,) if repository else (),
        config_digest=config_digest(row.get("id", ""), digests),
        repo_digests=digests,
        distro=distro,
        distro_version=version,
    )


def _match(row: dict[str, str], distro: str) -> Match:
    package = _package(row, distro)
    found = Found(
        cve=row["cve id"],
        severity=row["severity"],
        status=row.get("fix status", ""),
        cvss=row.get("cvss", ""),
        description=row.get("description", ""),
        link=row.get("vulnerability link", ""),
        published_date=row.get("published", "").replace(" ", "T", 1),
    )
    return match_of(found, package)


def _package(row: dict[str, str], distro: str) -> PackageAt:
    """Return the package; of several that were built from one source (`libssl3,openssl`) that source."""
    source, names = row.get("source package", ""), row["packages"]
    name = source if source and "," in names else names
    one = Package(name=name, version=row.get("package version", ""), path=row.get("package path", ""))
    package = package_at(one, row.get("type", ""), distro)
    return PackageAt(
        package.name, package.version, package.type, package.namespace, path=package.path, source_name=source
    )
