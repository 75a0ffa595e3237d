"""AWS Security Hub's findings (`aws securityhub get-findings`): vulnerabilities by image, controls by account."""

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
from scanning.parsers.advisories import IDENTIFIER
from scanning.parsers.aws import Place, System, Told, fix_of, image_of, package_of, rated, status_of, system_of
from scanning.parsers.checks import result_of
from scanning.parsers.document import Document, Shape, check_amount, decode
from scanning.parsers.image_config import is_reference
from scanning.parsers.inspector import CUT, MAX_ALIASES, named
from scanning.parsers.inspector import NAME as INSPECTOR
from scanning.parsers.scalars import MAX_DESCRIPTION, Scalar, points_of, score_of, text_of
from scanning.parsers.security_hub_model import (
    Compliance,
    Details,
    Finding,
    Image,
    Package,
    Resource,
    Severity,
    Vendor,
    Vulnerability,
    Workflow,
)

NAME = "aws-security-hub"
# Every finding must have them.
MEMBERS = {"ProductArn", "GeneratorId"}
# Inspector names a resource's system beside it.
PLATFORMS = tuple(
    f"aws/inspector/resources/1/resourceDetails/{kind}Details/platform"
    for kind in ("awsEcrContainerImage", "awsEc2Instance")
)
# The words for numbers of products that give no label (ASFF, `Severity.Normalized`).
LEVELS = ((90, "CRITICAL"), (70, "HIGH"), (40, "MEDIUM"), (1, "LOW"), (0, "INFORMATIONAL"))


class Report(msgspec.Struct, gc=False):
    """The answer; exports of the console and of scripts write it small."""

    findings: list[Finding | None] | None = msgspec.field(default=None, name="Findings")
    small: list[Finding | None] | None = msgspec.field(default=None, name="findings")
    next_token: Scalar = msgspec.field(default=None, name="NextToken")


DECODER = msgspec.json.Decoder(Report | list[Finding | None])


def recognises(document: Document) -> bool:
    """Findings of products, with or without the object around them, or none of them."""
    if document.shape == Shape.LIST:
        return document.first().keys() >= MEMBERS
    if document.has("Findings"):
        first = document.first_of("Findings")
        return bool(first.keys() & MEMBERS) if first else document.members.keys() <= {"Findings", "NextToken"}
    return document.first_of("findings").keys() >= MEMBERS


def parse(document: Document) -> ScanReport:
    """Read the findings. The list names findings only, so an image that is not in it may be clean or unscanned."""
    top = decode(DECODER, document.body)
    report = Report(top) if isinstance(top, list) else top
    found = [one for one in report.findings or report.small or () if one is not None]
    check_amount(len(found), "findings")
    vulnerable = [one for one in found if is_vulnerability(one)]
    outcome = Outcome.UNASSESSED if report.next_token else Outcome.ASSESSED
    scans = tuple(_scans(vulnerable, outcome))
    benchmarks = tuple(_benchmarks([one for one in found if not is_vulnerability(one)]))
    loose = sum(len(scan.matches) + len(scan.suppressed) for scan in scans if not named(scan.image))
    notes = [CUT] if report.next_token else []
    if loose:
        notes.append(f"findings of what is no image: {loose:,}; they are counted here and recorded nowhere")
    products = {_product(one) for one in vulnerable}
    return ScanReport(
        format=NAME,
        scanner=products.pop() if len(products) == 1 else NAME,
        images=scans or (() if benchmarks else (ImageScan(outcome=Outcome.UNASSESSED),)),
        kind=Kind.COMPLIANCE if benchmarks and not vulnerable else Kind.VULNERABILITY,
        benchmarks=benchmarks,
        entries=len(vulnerable),
        notes=tuple(notes),
    )


def is_vulnerability(one: Finding) -> bool:
    """Say whether it is one of a package: by its list of them, else by its type."""
    return bool(one.vulnerabilities) or any("/Vulnerabilities/CVE" in text_of(kind) for kind in one.types or ())


def is_open(one: Finding) -> bool:
    """Say whether it holds: it is neither archived nor suppressed nor resolved."""
    aside = text_of((one.workflow or Workflow()).status).upper() in {"SUPPRESSED", "RESOLVED"}
    return not aside and text_of(one.record_state).upper() != "ARCHIVED"


def _product(one: Finding) -> str:
    """Return the scanner's name: Inspector's own, else the product's."""
    name = text_of(one.product_name) or text_of(one.product_arn).rpartition("/")[2]
    return INSPECTOR if name.lower() == "inspector" else name.lower().partition(" ")[0] or NAME


def _system(one: Finding) -> System:
    fields = one.product_fields or {}
    return system_of(next((text_of(fields[name]) for name in PLATFORMS if fields.get(name)), ""))


def _scans(found: list[Finding], outcome: Outcome) -> Iterable[ImageScan]:
    """Yield one scan for each image; what is found elsewhere stands in one without a name, which proves nothing."""
    grouped: dict[str, tuple[ImageFacts, list[Match], list[Match]]] = {}
    for one in found:
        for resource in [one for one in one.resources or () if one is not None] or [Resource()]:
            facts = _facts(resource, _system(one))
            key = text_of(resource.id) if named(facts) else ""
            _, kept, aside = grouped.setdefault(key, (facts, [], []))
            (kept if is_open(one) else aside).extend(_matches(one, resource))
    for facts, kept, aside in grouped.values():
        yield ImageScan(
            image=facts,
            outcome=outcome if named(facts) else Outcome.UNASSESSED,
            matches=tuple(kept),
            suppressed=tuple(aside),
        )


def _facts(resource: Resource, system: System) -> ImageFacts:
    image, name = (resource.details or Details()).image, text_of(resource.id)
    if image is None and text_of(resource.type) != "AwsEcrContainerImage":
        is_image = text_of(resource.type) == "Container" and is_reference(name) and not name.startswith("arn:")
        return ImageFacts(references=(name,)) if is_image else ImageFacts()
    told = image or Image()
    place = Place(
        name,
        text_of(told.registry_id),
        text_of(told.repository_name),
        text_of(told.image_digest),
        tuple(map(text_of, told.image_tags or ())),
        text_of(told.architecture),
    )
    return image_of(place, system)


def _matches(one: Finding, resource: Resource) -> Iterable[Match]:
    """Yield the finding at each package of each of its vulnerabilities: an entry may be several."""
    other = (resource.details or Details()).other or {}
    title = text_of(one.title)
    headline = IDENTIFIER.search(title)
    named_there = text_of(other.get("CVE ID")) or (headline[0] if headline else title)
    for vulnerability in [it for it in one.vulnerabilities or () if it is not None] or [Vulnerability()]:
        advisory = text_of(vulnerability.id) or named_there
        related = dict.fromkeys(text_of(name) for name in vulnerability.related_vulnerabilities or ())
        vendor = vulnerability.vendor or Vendor()
        scores = [points_of(score.base_score) for score in vulnerability.cvss or () if score is not None]
        for package in [it for it in vulnerability.vulnerable_packages or () if it is not None] or [_only(one, other)]:
            fixed = fix_of(package.fixed_in_version)
            yield Match(
                advisory=advisory,
                package=package_of(_told(package), _system(one)),
                severity=rated(_word(one)),
                severity_word=_word(one),
                fixed_version=fixed,
                status=status_of(fixed, vulnerability.fix_available),
                aliases=tuple(name for name in related if name and name != advisory)[:MAX_ALIASES],
                title=title,
                description=text_of(one.description)[:MAX_DESCRIPTION],
                url=text_of(vendor.url),
                cvss=score_of(*scores),
                published=text_of(vendor.vendor_created_at),
            )


def _told(package: Package) -> Told:
    return Told(
        package.name,
        package.version,
        package.epoch,
        package.release,
        package.package_manager,
        package.file_path,
        package.fixed_in_version,
    )


def _only(one: Finding, other: dict[str, Scalar]) -> Package:
    """Return the package where no vulnerability lists it: as Trivy's template writes it, or behind the title's dash."""
    if "PkgName" in other:
        return Package(other["PkgName"], other.get("Installed Package"), fixed_in_version=other.get("Patched Package"))
    return Package(text_of(one.title).partition(" - ")[2])


def _word(one: Finding) -> str:
    """Return the severity's word."""
    severity = one.severity or Severity()
    number = points_of(severity.normalized)
    if severity.label or number is None:
        return text_of(severity.label)
    return next((word for least, word in LEVELS if number >= least), "")


def _benchmarks(found: list[Finding]) -> Iterable[Benchmark]:
    """Yield controls, and what other products found, as checks of the account by standard or product."""
    grouped: dict[tuple[str, str], list[Check]] = {}
    for one in found:
        fields = one.product_fields or {}
        arn = text_of(fields.get("StandardsArn") or fields.get("StandardsGuideArn"))
        standard = arn.partition("standards/")[2] or arn.partition("ruleset/")[2]
        products = (one.product_name, fields.get("ProviderName"), fields.get("aws/securityhub/ProductName"))
        title = standard or next(filter(None, map(text_of, products)), "")
        grouped.setdefault((text_of(one.aws_account_id), title), []).append(_check(one, fields))
    for (account, title), checks in grouped.items():
        yield Benchmark("account", account, title or "AWS Security Hub", tuple(checks))


def _check(one: Finding, fields: dict[str, Scalar]) -> Check:
    compliance = one.compliance
    told = compliance or Compliance()
    number = text_of(told.security_control_id) or text_of(fields.get("ControlId") or fields.get("RuleId"))
    result = Result.FAIL if compliance is None else result_of(text_of(told.status))
    return Check(
        kind="policy",
        id=number or text_of(one.generator_id) or text_of(one.title),
        result=result if is_open(one) else Result.INFO,
        title=text_of(one.title),
        severity=rated(_word(one)),
        target=", ".join(text_of(it.id) for it in (one.resources or ())[:5] if it is not None),
    )
