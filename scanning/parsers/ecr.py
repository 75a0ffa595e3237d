"""Amazon ECR's scan of one image (`aws ecr describe-image-scan-findings`): basic, or enhanced by Inspector."""

from __future__ import annotations

import msgspec

from governance.findings.report import (
    ImageFacts,
    ImageScan,
    Match,
    Outcome,
    PackageAt,
    ScanReport,
)
from scanning.parsers.aws import fix_of, rated, status_of
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.inspector import CUT, scans_of
from scanning.parsers.inspector import NAME as INSPECTOR
from scanning.parsers.inspector_model import Finding
from scanning.parsers.scalars import MAX_DESCRIPTION, Scalar, moment, points_of, score_of, text_of

NAME = "aws-ecr"
# How a scan ended; enhanced scanning goes on (ACTIVE). An answer without a word has findings to show.
ENDED = {"", "COMPLETE", "ACTIVE"}
FAILED = {"FAILED"}
UNSUPPORTED = "UNSUPPORTED_IMAGE"


class Attribute(msgspec.Struct, gc=False):
    """One item of `attributes`: package_name, package_version, CVSS2_SCORE and the like."""

    key: Scalar = None
    value: Scalar = None


class Basic(msgspec.Struct, gc=False):
    """One item of `findings`."""

    name: Scalar = None
    description: Scalar = None
    uri: Scalar = None
    severity: Scalar = None
    attributes: list[Attribute | None] | None = None


class Found(msgspec.Struct, gc=False, rename="camel"):
    """`imageScanFindings`."""

    findings: list[Basic | None] | None = None
    enhanced_findings: list[Finding | None] | None = None
    image_scan_completed_at: Scalar = None


class ImageId(msgspec.Struct, gc=False, rename="camel"):
    """`imageId`."""

    image_digest: Scalar = None


class Status(msgspec.Struct, gc=False):
    """`imageScanStatus`."""

    status: Scalar = None
    description: Scalar = None


class Report(msgspec.Struct, gc=False, rename="camel"):
    """The answer."""

    repository_name: Scalar = None
    image_id: ImageId | None = None
    image_scan_status: Status | None = None
    image_scan_findings: Found | None = None
    next_token: Scalar = None


DECODER = msgspec.json.Decoder(Report)


def recognises(document: Document) -> bool:
    """The findings, or without them the status and the image."""
    return document.has("imageScanFindings") or document.has("imageScanStatus", "imageId")


def parse(document: Document) -> ScanReport:
    """Read the scan. The answer names the digest; the registry's host and so the repository only in enhanced ones."""
    report = decode(DECODER, document.body)
    found = report.image_scan_findings or Found()
    enhanced = [one for one in found.enhanced_findings or () if one is not None]
    basic = [one for one in found.findings or () if one is not None]
    check_amount(len(enhanced) + len(basic), "findings")
    outcome, error = _outcome(report)
    scans = [scan for scan in scans_of(enhanced, outcome) if scan.image.manifest_digest]
    scan = scans[0] if scans else ImageScan(outcome=outcome)
    digest = text_of((report.image_id or ImageId()).image_digest) or scan.image.manifest_digest
    whole = msgspec.structs.replace(
        scan,
        image=msgspec.structs.replace(scan.image, manifest_digest=digest) if digest else ImageFacts(),
        error=error,
        matches=(*scan.matches, *map(_match, basic)),
    )
    repository = text_of(report.repository_name)
    notes = [CUT] if report.next_token else []
    if repository and not whole.image.references:
        notes.append(f"the repository {repository} is named without its registry: send it with ?image=REFERENCE")
    return ScanReport(
        format=NAME,
        scanner=INSPECTOR if found.enhanced_findings is not None and not basic else NAME,
        images=(whole,),
        scanned_at=moment(found.image_scan_completed_at),
        entries=len(enhanced) + len(basic),
        notes=tuple(notes),
    )


def _outcome(report: Report) -> tuple[Outcome, str]:
    status = report.image_scan_status or Status()
    word, why = text_of(status.status).upper(), text_of(status.description)
    if word in FAILED:
        return Outcome.FAILED, why or "ECR says that the scan failed"
    if word == UNSUPPORTED:
        return Outcome.UNSUPPORTED, why
    if word not in ENDED or report.image_scan_findings is None or report.next_token:
        return Outcome.UNASSESSED, why
    return Outcome.ASSESSED, ""


def _match(one: Basic) -> Match:
    told = {text_of(it.key).lower(): text_of(it.value) for it in one.attributes or () if it is not None}
    fixed = fix_of(told.get("fixed_in_version") or told.get("patched_version") or told.get("fix_version"))
    return Match(
        advisory=text_of(one.name),
        package=PackageAt(told.get("package_name", ""), told.get("package_version", "")),
        severity=rated(text_of(one.severity)),
        severity_word=text_of(one.severity),
        fixed_version=fixed,
        status=status_of(fixed, None),
        description=text_of(one.description)[:MAX_DESCRIPTION],
        url=text_of(one.uri),
        cvss=next(filter(None, (score_of(points_of(told.get(f"cvss{n}_score"))) for n in (4, 3, 2))), 0.0),
    )
