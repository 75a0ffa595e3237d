"""Twistlock's (Prisma Cloud Compute) image scan as twistcli writes it (`twistcli images scan --output-file`)."""

from __future__ import annotations

import msgspec

from governance.findings.report import ImageFacts, ScanReport
from scanning.parsers.aqua_parts import repository_of
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.image_config import config_digest, is_reference
from scanning.parsers.scalars import moment, text_of, time_text
from scanning.parsers.systems import read_system
from scanning.parsers.twistlock_model import Built, File, Result
from scanning.parsers.twistlock_parts import is_counted_only, scan_of

NAME = "twistlock"
DECODER = msgspec.json.Decoder(File)
DISTRIBUTIONS = {"complianceDistribution", "vulnerabilityDistribution"}


def recognises(document: Document) -> bool:
    """Results with Twistlock's counts by severity; or none, and the console's address."""
    if not document.has("results"):
        return False
    first = document.first_of("results")
    return not DISTRIBUTIONS.isdisjoint(first) if first else document.has("consoleURL")


def parse(document: Document) -> ScanReport:
    """Read the results, one image each. Where nothing was found, `vulnerabilities` is left out."""
    results = decode(DECODER, document.body).results or []
    return report_of(NAME, results, [facts_of(one) for one in results])


def report_of(name: str, results: list[Result], facts: list[ImageFacts], notes: tuple[str, ...] = ()) -> ScanReport:
    """Put the report together; also of the API's images."""
    scans = tuple(map(scan_of, results, facts))
    entries = sum(len(scan.matches) for scan in scans)
    check_amount(entries + sum(len(scan.packages) for scan in scans), "packages and vulnerabilities")
    counted = sum(map(is_counted_only, results))
    hidden = f"images whose findings are counted and not listed: {counted:,}; they count nothing"
    return ScanReport(
        format=name,
        scanner="twistlock",
        images=scans,
        scanner_version=next(filter(None, (text_of(one.scan_version) for one in results)), ""),
        scanned_at=max(filter(None, (moment(one.scan_time) for one in results)), default=None),
        entries=entries,
        notes=(*notes, hidden) if counted else notes,
    )


def facts_of(one: Result) -> ImageFacts:
    """Gather the image's identity. `id` is the image ID, `digest` the one that its registry knows."""
    name, digest = text_of(one.name), text_of(one.digest)
    named = is_reference(name) and not text_of(one.repository)
    digests = (f"{repository_of(name) if named else ''}@{digest}",) if digest else ()
    distro, version = system_of(one)
    built = one.image if isinstance(one.image, Built) else Built()
    return ImageFacts(
        references=(name,) if named else (),
        config_digest=config_digest(text_of(one.id), digests),
        repo_digests=digests,
        created=time_text(text_of(one.creation_time) or text_of(built.created)),
        distro=distro,
        distro_version=version,
    )


def system_of(one: Result) -> tuple[str, str]:
    """Return the distribution: `distro` is its full name, `osDistro` a short one."""
    full, short = text_of(one.distro), text_of(one.os_distro)
    name, version = read_system(full)
    if not name:
        name, version = read_system(short)
    return name, text_of(one.os_distro_version) or version
