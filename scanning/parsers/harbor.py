"""Harbor's vulnerability reports (goharbor/pluggable-scanner-spec 1.0 to 1.2, goharbor/harbor API 2.0).

The answer of `…/artifacts/REF/additions/vulnerabilities` (reports by MIME type), one such report alone as scanner
adapters write it, or the list of Harbor's security hub. Harbor only relays them: the scanner is the one that it names.
"""

from __future__ import annotations

from collections.abc import Iterable

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
from scanning.parsers.document import Document, Shape, check_amount, decode
from scanning.parsers.harbor_model import Found, Hub, Report, Scores
from scanning.parsers.scalars import MAX_DESCRIPTION, moment, score_of, text_of

NAME = "harbor"
TYPES = ("application/vnd.security.vulnerability.report", "application/vnd.scanner.adapter.vuln.report.harbor+json")
INDEXES = {"application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json"}
# Trivy's words, which its adapter passes on, are those of `Match.status`.
STATES = {"affected", "fixed", "not_affected", "under_investigation", "will_not_fix", "fix_deferred", "end_of_life"}

DECODER = msgspec.json.Decoder(Report | None)
HUB = msgspec.json.Decoder(list[Hub])
HUB_MEMBERS = {"cve_id", "repository_name", "digest", "package"}


def recognises(document: Document) -> bool:
    """Reports by MIME type, or the members that every report has, or the security hub's rows."""
    if document.shape == Shape.LIST:
        return document.first().keys() >= HUB_MEMBERS
    alone = document.has("generated_at", "scanner", "severity", "vulnerabilities")
    return alone or any(name.startswith(TYPES) for name in document.members)


def parse(document: Document) -> ScanReport:
    """Read the report. `vulnerabilities: null` is how a clean image is written; without the member nothing is known."""
    if document.shape == Shape.LIST:
        return _hub(decode(HUB, document.body))
    # Of several reports on one image the newer specification's says more; its MIME type sorts last.
    name = max((name for name in document.members if name.startswith(TYPES)), default="")
    report = decode(DECODER, document.members[name] if name else document.body) or Report()
    found = report.vulnerabilities or []
    unset = isinstance(report.vulnerabilities, msgspec.UnsetType)
    check_amount(len(found), "vulnerabilities")
    scanner = report.scanner
    called = text_of(scanner.name) if scanner else ""
    outcome = Outcome.UNASSESSED if unset else Outcome.ASSESSED
    notes = [f"Harbor relays the report of its scanner {called or '(unnamed)'}"]
    repository = text_of(report.artifact.repository) if report.artifact else ""
    if repository:
        notes.append(f"the repository {repository} is named without its registry: send it with ?image=REFERENCE")
    return ScanReport(
        format=NAME,
        scanner=called.lower().partition(" ")[0] or NAME,
        images=tuple(_scans(report, found, outcome)),
        scanner_version=text_of(scanner.version) if scanner else "",
        scanned_at=moment(report.generated_at),
        entries=len(found),
        notes=tuple(notes),
    )


def _scans(report: Report, found: list[Found], outcome: Outcome) -> Iterable[ImageScan]:
    """Yield one scan; of an image index, whose report names the image of each finding, one per image."""
    artifact = report.artifact
    whole = text_of(artifact.digest) if artifact else ""
    is_index = artifact is not None and artifact.mime_type in INDEXES
    named = list(dict.fromkeys(digest for one in found for digest in one.artifact_digests or ()))
    if len(named) < 2 and not is_index:
        digest = whole or next(iter(named), "")
        yield ImageScan(ImageFacts(manifest_digest=digest), outcome=outcome, matches=tuple(map(_match, found)))
        return
    grouped: dict[str, list[Match]] = {digest: [] for digest in named}
    for one in found:
        match = _match(one)
        for digest in dict.fromkeys(one.artifact_digests or ("",)):
            grouped.setdefault(digest, []).append(match)
    for digest, matches in grouped.items() or [("", [])]:
        yield ImageScan(ImageFacts(manifest_digest=digest), outcome=outcome, matches=tuple(matches))


def _match(one: Found) -> Match:
    status = text_of(one.status).lower()
    scores = one.preferred_cvss or Scores()
    return Match(
        advisory=text_of(one.id),
        package=PackageAt(name=text_of(one.package), version=text_of(one.version)),
        severity=severity_of(text_of(one.severity)),
        severity_word=text_of(one.severity),
        fixed_version=text_of(one.fix_version),
        status=status if status in STATES else "",
        description=text_of(one.description)[:MAX_DESCRIPTION],
        url=next(iter(one.links or ()), "") or "",
        cvss=score_of(scores.score_v3) or score_of(scores.score_v2),
    )


def _hub(rows: list[Hub]) -> ScanReport:
    """Read the security hub's list. It lists findings only, so an image that is not in it may be clean or unscanned."""
    check_amount(len(rows), "vulnerabilities")
    grouped: dict[str, list[Match]] = {}
    for row in rows:
        match = Match(
            advisory=text_of(row.cve_id),
            package=PackageAt(name=text_of(row.package), version=text_of(row.version)),
            severity=severity_of(text_of(row.severity)),
            severity_word=text_of(row.severity),
            fixed_version=text_of(row.fixed_version),
            description=text_of(row.desc)[:MAX_DESCRIPTION],
            url=next(iter(row.links or ()), "") or "",
            cvss=score_of(row.cvss_v3_score),
        )
        grouped.setdefault(text_of(row.digest), []).append(match)
    scans = (ImageScan(ImageFacts(manifest_digest=digest), matches=tuple(found)) for digest, found in grouped.items())
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=tuple(scans),
        entries=len(rows),
        notes=("Harbor's security hub does not say which scanner found what; a page of it may not be all of an image",),
    )
