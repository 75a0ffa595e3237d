"""Trivy Operator's reports (aquasecurity/trivy-operator `pkg/apis/aquasecurity/v1alpha1`).

The bare Kubernetes object, a list of them (bare, kubectl's, or grouped by resource), or the webhook's
`{verb, operatorObject}`.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

import msgspec

from governance.findings.report import (
    Benchmark,
    Check,
    ImageFacts,
    ImageScan,
    Kind,
    Match,
    Outcome,
    PackageAt,
    ReportError,
    Result,
    ScanReport,
    severity_of,
)
from scanning.parsers import cyclonedx
from scanning.parsers import trivy_operator_compliance as compliance
from scanning.parsers.document import Document, Shape, check_amount, decode
from scanning.parsers.packages import identify, split_purl
from scanning.parsers.scalars import MAX_DESCRIPTION, moment, score_of
from scanning.parsers.trivy_image import NO_SYSTEM, WITHOUT_ADVISORIES
from scanning.parsers.trivy_operator_compliance import Spec, Status
from scanning.parsers.trivy_operator_model import Artifact, Body, CheckItem, Item, Named

NAME = "trivy-operator"
GROUP = "aquasecurity.github.io"
VULNERABILITY_KINDS = {"VulnerabilityReport", "ClusterVulnerabilityReport"}
SBOM_KINDS = {"SbomReport", "ClusterSbomReport"}
CHECK_KINDS = {"ExposedSecretReport"} | {
    f"{scope}{about}Report"
    for scope in ("", "Cluster")
    for about in ("ConfigAudit", "RbacAssessment", "InfraAssessment")
}
BODY_KINDS = VULNERABILITY_KINDS | SBOM_KINDS | CHECK_KINDS
KINDS = BODY_KINDS | {compliance.KIND}
MAX_KIND, MAX_NAMED = 60, 5

DECODER = msgspec.json.Decoder(Item | list[Item])
GROUPED = msgspec.json.Decoder(dict[str, list[Item] | None])
BODY = msgspec.json.Decoder(Body | None)
SPEC = msgspec.json.Decoder(Spec | None)
STATUS = msgspec.json.Decoder(Status | None)
PEEK = msgspec.json.Decoder(dict[str, msgspec.Raw])
PEEK_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def recognises(document: Document) -> bool:
    """An object of the operator's API group, or what wraps, lists or groups some; of a list the first decides.

    `kubectl get -o json` writes a `List` of API version v1, whatever it lists.
    """
    if document.has("verb", "operatorObject"):
        return _ours(document.members["operatorObject"])
    if document.shape == Shape.LIST:
        return bool(document.items) and _ours(document.items[0])
    if document.text("kind") == "List" and document.has("items"):
        listed = _peek(PEEK_LIST, document.members["items"]) or []
        return bool(listed) and _ours(listed[0])
    return document.text("apiVersion").startswith(f"{GROUP}/") or _grouped(document)


def _ours(raw: msgspec.Raw) -> bool:
    members = _peek(PEEK, raw) or {}
    return Document(b"", Shape.OBJECT, members=members).text("apiVersion").startswith(f"{GROUP}/")


def _grouped(document: Document) -> bool:
    """Say whether every member is named like a resource, as in `vulnerabilityreports.aquasecurity.github.io`."""
    return bool(document.members) and all(name.endswith(f".{GROUP}") for name in document.members)


def _peek[Shaped](decoder: msgspec.json.Decoder[Shaped], raw: msgspec.Raw) -> Shaped | None:
    try:
        return decoder.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return None


def parse(document: Document) -> ScanReport:
    """Read the object or the objects. A deletion says nothing of any image: it may describe another object."""
    items, deleted = _items(document)
    unread = sorted({repr((item.kind or "")[:MAX_KIND]) for item in items if item.kind not in KINDS})[:MAX_NAMED]
    if unread and not any(item.kind in KINDS for item in items):
        known = ", ".join(sorted(KINDS))
        raise ReportError(f"objects of kind {', '.join(unread)} are not read; send those of kind {known}")
    found = [(item, body) for item in items if item.kind in BODY_KINDS if (body := decode(BODY, item.report))]
    controls = [item for item in items if item.kind == compliance.KIND and not deleted]
    if items and not found and not any(item.kind == compliance.KIND for item in items):
        raise ReportError("the object has no member `report`: send it as the operator wrote it")
    kept = [] if deleted else found
    check_amount(sum(len(body.vulnerabilities or ()) + len(body.checks or ()) for _, body in kept), "entries")
    scans = tuple(_scan(item, body) for item, body in kept)
    benchmarks, looked_at = _benchmarks(controls)
    scanner = next((body.scanner for _, body in kept if body.scanner), Named())
    notes = ["the operator deleted a report; which one, the message does not say reliably"] if deleted else []
    notes += [f"objects of kind {', '.join(unread)} are not read"] if unread else []
    return ScanReport(
        format=NAME,
        scanner="trivy",
        scanner_version=scanner.version or "",
        images=scans,
        kind=_kind({item.kind for item, _ in kept} | {item.kind for item in controls}),
        benchmarks=benchmarks,
        scanned_at=max(filter(None, (*looked_at, *(moment(body.updated) for _, body in kept))), default=None),
        entries=sum(len(scan.matches) for scan in scans),
        notes=tuple(notes),
    )


def _items(document: Document) -> tuple[list[Item], bool]:
    """Return the objects, and whether the webhook says that it deleted one."""
    if _grouped(document):
        return [item for listed in decode(GROUPED, document.body).values() for item in listed or ()], False
    top = decode(DECODER, document.body)
    if isinstance(top, list):
        return top, False
    if top.items is not None:
        return top.items, False
    return [top.operator_object or top], top.verb == "delete"


def _benchmarks(items: list[Item]) -> tuple[tuple[Benchmark, ...], list[datetime | None]]:
    """Return the cluster's benchmarks, and when each was looked at."""
    found = [
        (decode(SPEC, item.spec) or Spec(), decode(STATUS, item.status) or Status(), item.metadata or Named())
        for item in items
    ]
    benchmarks = tuple(compliance.benchmark_of(spec, status, named.name or "") for spec, status, named in found)
    return benchmarks, [moment(status.update_timestamp) for _, status, _ in found]


def _kind(kinds: set[str | None]) -> Kind:
    """Say what the objects are mainly about."""
    if not kinds:
        return Kind.EVENT
    if kinds & VULNERABILITY_KINDS:
        return Kind.VULNERABILITY
    return Kind.SBOM if kinds & SBOM_KINDS else Kind.COMPLIANCE


def _scan(item: Item, body: Body) -> ImageScan:
    named = item.metadata or Named()
    owner = "/".join(filter(None, (named.namespace, named.name)))
    if item.kind in SBOM_KINDS:
        return _sbom(body)
    return ImageScan(
        image=_facts(body),
        outcome=_outcome(item, body),
        matches=tuple(_matches(body)),
        checks=(
            *_checks("misconfiguration", body.checks or (), owner),
            *_checks("secret", body.secrets or (), owner),
        ),
    )


def _outcome(item: Item, body: Body) -> Outcome:
    """Say what it proves. The family "none" is a system that Trivy does not know; older operators name no family."""
    if item.kind not in VULNERABILITY_KINDS:
        return Outcome.UNASSESSED
    family = (body.os or Named()).family
    is_blind = bool(family) and not body.vulnerabilities and (family in {NO_SYSTEM, *WITHOUT_ADVISORIES})
    return Outcome.UNSUPPORTED if is_blind else Outcome.ASSESSED


def _sbom(body: Body) -> ImageScan:
    """Read the CycloneDX document inside. Only where it does not name the image, the object's `artifact` does:

    its digest is the image ID in reports of older operators.
    """
    bom = decode(cyclonedx.DECODER, body.components)
    scan = cyclonedx.scan_of(bom)
    named = scan.image.references or scan.image.repo_digests or scan.image.config_digest
    return scan if named else msgspec.structs.replace(scan, image=_facts(body))


def _facts(body: Body) -> ImageFacts:
    artifact, system = body.artifact or Artifact(), body.os or Named()
    server = (body.registry and body.registry.server) or ""
    repository = "/".join(filter(None, (server, artifact.repository)))
    return ImageFacts(
        references=(f"{repository}:{artifact.tag}",) if artifact.repository and artifact.tag else (),
        repo_digests=(f"{repository}@{artifact.digest}",) if artifact.repository and artifact.digest else (),
        distro=system.family if system.family and system.family != NO_SYSTEM else "",
        distro_version=system.name or "",
        end_of_life=system.end_of_life,
    )


def _matches(body: Body) -> Iterable[Match]:
    for found in body.vulnerabilities or ():
        purl, family = split_purl(found.package_purl or ""), found.package_type or ""
        identity = identify(found.resource or "", found.installed_version or "", purl, family, family)
        yield Match(
            advisory=found.id,
            package=PackageAt(
                name=identity.name,
                version=identity.version,
                type=identity.type,
                namespace=identity.namespace,
                path=found.package_path or "",
            ),
            severity=severity_of(found.severity),
            severity_word=found.severity or "",
            fixed_version=found.fixed_version or "",
            title=found.title or "",
            description=(found.description or "")[:MAX_DESCRIPTION],
            url=found.primary_link or "",
            cvss=score_of(found.score),
            published=found.published_date or "",
        )


def _checks(kind: str, found: Iterable[CheckItem], owner: str) -> Iterable[Check]:
    for item in found:
        result = Result.PASS if item.success else Result.FAIL
        name = item.id or item.rule or ""
        yield Check(kind, name, result, item.title or "", severity_of(item.severity), item.target or owner)
