"""Amazon Inspector 2's findings (`aws inspector2 list-findings`): of images in ECR, one scan each, and of the rest."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import (
    Benchmark,
    Check,
    ImageFacts,
    ImageScan,
    Kind,
    Match,
    Outcome,
    Result,
    ScanReport,
)
from scanning.parsers.aws import Place, System, Told, fix_of, image_of, package_of, rated, status_of, system_of
from scanning.parsers.document import Document, Shape, check_amount, decode
from scanning.parsers.inspector_model import About, Details, Finding, Image, Instance, Package, Resource
from scanning.parsers.scalars import MAX_DESCRIPTION, Scalar, points_of, score_of, text_of

NAME = "aws-inspector"
MEMBERS = {"findingArn", "awsAccountId"}
CUT = "it is one page of several, so it is no whole scan: let the AWS CLI collect all pages"
MAX_ALIASES = 100


class Report(msgspec.Struct, gc=False, rename="camel"):
    """The answer."""

    findings: list[Finding | None] | None = None
    next_token: Scalar = None


DECODER = msgspec.json.Decoder(Report | list[Finding | None])


def recognises(document: Document) -> bool:
    """Findings by their resource names, with or without the object around them, or none of them."""
    if document.shape == Shape.LIST:
        return document.first().keys() >= MEMBERS
    if not document.has("findings"):
        return False
    first = document.first_of("findings")
    return first.keys() >= MEMBERS if first else document.members.keys() <= {"findings", "nextToken"}


def parse(document: Document) -> ScanReport:
    """Read the findings. The list names findings only, so an image that is not in it may be clean or unscanned."""
    top = decode(DECODER, document.body)
    report = Report(top) if isinstance(top, list) else top
    found = [one for one in report.findings or () if one is not None]
    check_amount(len(found), "findings")
    is_cut = bool(report.next_token)
    outcome = Outcome.UNASSESSED if is_cut or not found else Outcome.ASSESSED
    packages = [one for one in found if one.package_vulnerability_details is not None]
    scans = tuple(scans_of(packages, outcome))
    loose = sum(len(scan.matches) + len(scan.suppressed) for scan in scans if not named(scan.image))
    notes = [CUT] if is_cut else []
    if loose:
        notes.append(f"findings of what is no image in ECR: {loose:,}; they are counted here and recorded nowhere")
    benchmarks = tuple(_benchmarks([one for one in found if one.package_vulnerability_details is None]))
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=scans or (() if benchmarks else (ImageScan(outcome=Outcome.UNASSESSED),)),
        kind=Kind.COMPLIANCE if benchmarks and not packages else Kind.VULNERABILITY,
        benchmarks=benchmarks,
        entries=len(packages),
        notes=tuple(notes),
    )


def named(image: ImageFacts) -> bool:
    """Say whether anything identifies the image."""
    return bool(image.manifest_digest or image.references)


def scans_of(found: list[Finding], outcome: Outcome) -> Iterable[ImageScan]:
    """Yield one scan for each image; what is found elsewhere stands in one without a name, which proves nothing."""
    images: dict[str, Resource] = {}
    grouped: dict[str, list[Finding]] = {}
    for one in found:
        for resource in [one for one in one.resources or () if one is not None] or [Resource()]:
            about = (resource.details or About()).image
            key = "" if about is None else text_of(resource.id) or text_of(about.image_hash)
            images.setdefault(key, resource)
            grouped.setdefault(key, []).append(one)
    for key, findings in grouped.items():
        about = (images[key].details or About()).image
        system = _system(images[key])
        facts = ImageFacts() if about is None else _facts(text_of(images[key].id), about, system)
        kept = [one for one in findings if is_open(one)]
        aside = [one for one in findings if not is_open(one)]
        yield ImageScan(
            image=facts,
            outcome=outcome if named(facts) else Outcome.UNASSESSED,
            matches=tuple(match for one in kept for match in _matches(one)),
            suppressed=tuple(match for one in aside for match in _matches(one)),
        )


def is_open(finding: Finding) -> bool:
    """Say whether it holds: it is neither closed nor suppressed."""
    return text_of(finding.status).upper() in {"", "ACTIVE"}


def _system(resource: Resource) -> System:
    details = resource.details or About()
    told = details.image or details.instance or Instance()
    return system_of(text_of(told.platform))


def _facts(arn: str, image: Image, system: System) -> ImageFacts:
    place = Place(
        arn,
        text_of(image.registry),
        text_of(image.repository_name),
        text_of(image.image_hash),
        tuple(map(text_of, image.image_tags or ())),
        text_of(image.architecture),
    )
    return image_of(place, system)


def _matches(one: Finding) -> Iterable[Match]:
    """Yield the finding at each package that it names: an entry may be several."""
    details = one.package_vulnerability_details or Details()
    system = next((_system(resource) for resource in one.resources or () if resource is not None), System())
    advisory = text_of(details.vulnerability_id) or text_of(one.title)
    related = dict.fromkeys(text_of(name) for name in details.related_vulnerabilities or ())
    scores = (points_of(score.base_score) for score in details.cvss or () if score is not None)
    best = score_of(*scores)
    for package in [one for one in details.vulnerable_packages or () if one is not None] or [Package()]:
        fixed = fix_of(package.fixed_in_version)
        told = Told(
            package.name,
            package.version,
            package.epoch,
            package.release,
            package.package_manager,
            package.file_path,
            fixed,
        )
        yield Match(
            advisory=advisory,
            package=package_of(told, system),
            severity=rated(text_of(one.severity)),
            severity_word=text_of(one.severity),
            fixed_version=fixed,
            status=status_of(fixed, one.fix_available),
            aliases=tuple(name for name in related if name and name != advisory)[:MAX_ALIASES],
            title=text_of(one.title),
            description=text_of(one.description)[:MAX_DESCRIPTION],
            url=text_of(details.source_url),
            cvss=best,
            published=text_of(details.vendor_created_at),
        )


def _benchmarks(found: list[Finding]) -> Iterable[Benchmark]:
    """Yield what is no vulnerability of a package (open networks, code) as checks of the account."""
    grouped: dict[str, list[Check]] = {}
    for one in found:
        resource = next((text_of(one.id) for one in one.resources or () if one is not None), "")
        check = Check(
            kind="policy",
            id=text_of(one.type) or text_of(one.title),
            result=Result.FAIL if is_open(one) else Result.INFO,
            title=text_of(one.title),
            severity=rated(text_of(one.severity)),
            target=resource,
        )
        grouped.setdefault(text_of(one.aws_account_id), []).append(check)
    for account, checks in grouped.items():
        yield Benchmark("account", account, "Amazon Inspector", tuple(checks))
