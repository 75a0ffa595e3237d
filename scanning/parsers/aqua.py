"""Aqua's scan results (its scanner and CI plug-ins, image-scan webhook, the task of Azure DevOps; aquasecurity/postee).

Aqua's schema is not public: members are those of real results. What a member means where that is not known (which kind
of digest, which of layers) is not guessed.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import (
    Check,
    ImageFacts,
    ImageScan,
    Outcome,
    PackageAt,
    Result,
    ScanReport,
)
from scanning.parsers.aqua_model import Job, Metadata, Resource, Scan, Scanned, Started
from scanning.parsers.aqua_parts import (
    is_acknowledged,
    is_set,
    match_of,
    package_of,
    reference_of,
    repository_of,
)
from scanning.parsers.document import Document, Shape, check_amount, decode, members_of
from scanning.parsers.image_config import with_algorithm
from scanning.parsers.packages import distribution
from scanning.parsers.scalars import moment, points_of, size_of, text_of, time_text

NAME = "aqua"
ONE = msgspec.json.Decoder(Scan)
JOBS = msgspec.json.Decoder(list[Job])
MEMBERS = {"resources", "image_assurance_results", "vulnerability_summary"}


def recognises(document: Document) -> bool:
    """An image with resources or the results of Aqua's policies, alone or in a list of jobs."""
    is_list = document.shape == Shape.LIST
    members = members_of(document.first().get("results")) if is_list else document.members
    return "image" in members and not MEMBERS.isdisjoint(members)


def parse(document: Document) -> ScanReport:
    """Read the results, one image each."""
    if document.shape == Shape.LIST:
        scans = [job.results or Scan() for job in decode(JOBS, document.body)]
    else:
        scans = [decode(ONE, document.body)]
    return report_of(NAME, NAME, scans, [facts_of(scan) for scan in scans])


def report_of(name: str, scanner: str, scans: list[Scan], facts: list[ImageFacts]) -> ScanReport:
    """Put the report together; also of MicroScanner's results, whose image is another."""
    listed = [one for scan in scans for one in _resources(scan)]
    entries = sum(len(one.vulnerabilities or ()) for one in listed)
    check_amount(len(listed) + entries, "packages and vulnerabilities")
    times = (scan.scan_started for scan in scans)
    seconds = [one.seconds if isinstance(one, Started) else one for one in times]
    return ScanReport(
        format=name,
        scanner=scanner,
        images=tuple(map(scan_of, scans, facts)),
        scanned_at=max(filter(None, map(moment, seconds)), default=None),
        entries=entries,
        notes=tuple(note for scan in scans for note in _notes(scan)),
    )


def _resources(scan: Scan) -> list[Scanned]:
    return [] if isinstance(scan.resources, msgspec.UnsetType) else scan.resources or []


def scan_of(scan: Scan, facts: ImageFacts) -> ImageScan:
    """Read one image. A package without findings is listed only where all are."""
    error = text_of(scan.error) or text_of(scan.scan_error)
    layers = set(facts.diff_ids)
    pairs = [(one, _package(one, facts.distro, layers)) for one in _resources(scan)]
    found = [(match_of(vuln, package), vuln) for one, package in pairs for vuln in one.vulnerabilities or ()]
    whole = any(not one.vulnerabilities and package.type for one, package in pairs)
    return ImageScan(
        image=facts,
        outcome=Outcome.FAILED if error else _outcome(scan),
        error=error,
        matches=tuple(match for match, vuln in found if not is_acknowledged(vuln)),
        suppressed=tuple(match for match, vuln in found if is_acknowledged(vuln)),
        packages=tuple(dict.fromkeys(package for _, package in pairs)) if whole else (),
        inventory=whole,
        checks=tuple(_checks(scan)),
    )


def _package(one: Scanned, distro: str, layers: set[str]) -> PackageAt:
    resource = one.resource or Resource()
    package = package_of(resource, distro)
    layer = text_of(resource.layer_digest)
    return msgspec.structs.replace(package, layer=layer) if layer in layers else package


def _outcome(scan: Scan) -> Outcome:
    """Say whether packages were looked at. A partial result proves nothing of what is missing in it."""
    listed = _resources(scan)
    blind = bool(listed) and all(one.scan_error for one in listed)
    if blind or is_set(scan.partial_results):
        return Outcome.UNASSESSED
    # A clean image has no resources, or null; its summary says so.
    clean = bool(text_of(scan.os)) and _total(scan) == 0
    return Outcome.ASSESSED if listed or clean else Outcome.UNASSESSED


def _total(scan: Scan) -> float:
    """Return how many vulnerabilities the summary counts; -1 without a summary."""
    summary = scan.vulnerability_summary
    if summary is None:
        return -1
    words = ("total", "critical", "high", "medium", "low", "negligible")
    counted = (summary.get(word) for word in words)
    return max((points_of(bytes(raw).decode().strip('"')) or 0 for raw in counted if raw is not None), default=0)


def _notes(scan: Scan) -> Iterable[str]:
    if is_set(scan.partial_results):
        yield "the result is partial (partial_results): it is kept and counts nothing"
    if not _resources(scan) and _total(scan) > 0:
        yield "the result counts vulnerabilities and lists none: send what the scanner wrote, or ask Aqua's API"


def facts_of(scan: Scan) -> ImageFacts:
    """Gather the image's identity.

    `digest` is the image ID where `metadata` says so, or where it is written without its algorithm as Docker did; else
    its kind is not known.
    """
    metadata = scan.metadata or Metadata()
    reference = reference_of(text_of(scan.image), text_of(scan.registry), text_of(scan.pull_name))
    written = text_of(scan.digest)
    digest = with_algorithm(written)
    number = with_algorithm(text_of(metadata.id)) or (digest if digest != written else "")
    named = [text_of(one) for one in metadata.repo_digests or ()]
    if digest and digest != number:
        named.append(f"{repository_of(reference)}@{digest}")
    machine, _, rest = text_of(scan.scanned_image_platform).partition(":")
    # The layers of an image that Docker described are diffIDs; of a registry's they may be the compressed ones.
    diff_ids = tuple(map(text_of, scan.layers or ())) if metadata.id and digest == number else ()
    return ImageFacts(
        references=(reference,) if reference else (),
        config_digest=number,
        repo_digests=tuple(dict.fromkeys(filter(None, named))),
        os=text_of(metadata.os) or rest.rpartition(":")[0].rpartition(":")[2],
        architecture=text_of(metadata.architecture) or machine,
        created=time_text(text_of(metadata.created)),
        size=size_of(scan.image_size),
        diff_ids=diff_ids,
        distro=distribution(text_of(scan.os)),
        distro_version=text_of(scan.version),
    )


def _checks(scan: Scan) -> Iterable[Check]:
    """Yield Aqua's policies, and where secrets and malware lie, never what they are."""
    for one in (scan.image_assurance_results and scan.image_assurance_results.checks_performed) or ():
        result = Result.FAIL if is_set(one.failed) else Result.PASS
        yield Check("policy", text_of(one.control), result, title=text_of(one.policy_name))
    for item in scan.sensitive_data or ():
        path = text_of(item.path) or text_of(item.filename)
        yield Check("secret", text_of(item.type) or "sensitive data", Result.FAIL, target=path)
    for item in scan.malware or ():
        path = text_of(item.path) or text_of(item.filename)
        yield Check("policy", "malware found", Result.FAIL, title=text_of(item.malware), target=path)
