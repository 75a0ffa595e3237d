"""Trivy Operator's reports (aquasecurity/trivy-operator `pkg/apis/aquasecurity/v1alpha1`).

The bare Kubernetes object, a list of them, or the webhook's `{verb, operatorObject}`.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import (
    Check,
    ImageFacts,
    ImageScan,
    Kind,
    Match,
    Outcome,
    PackageAt,
    Result,
    ScanReport,
    severity_of,
)
from scanning.parsers.document import Document, Shape, check_amount, decode
from scanning.parsers.packages import identify, split_purl
from scanning.parsers.scalars import MAX_DESCRIPTION, moment, score_of
from scanning.parsers.trivy_operator_model import Artifact, Body, CheckItem, Item, Named

NAME = "trivy-operator"
API = "aquasecurity.github.io/"
VULNERABILITY_KINDS = {"VulnerabilityReport", "ClusterVulnerabilityReport"}
CHECK_KINDS = {"ExposedSecretReport"} | {
    f"{scope}{about}Report"
    for scope in ("", "Cluster")
    for about in ("ConfigAudit", "RbacAssessment", "InfraAssessment")
}


DECODER = msgspec.json.Decoder(Item | list[Item])
PEEK = msgspec.json.Decoder(dict[str, msgspec.Raw])


def recognises(document: Document) -> bool:
    """An object of the operator's API group and of a kind read here; wrapped or listed, the first decides."""
    if document.has("verb", "operatorObject"):
        return _ours(document.members["operatorObject"])
    if document.shape == Shape.LIST:
        return bool(document.items) and _ours(document.items[0])
    return document.text("apiVersion").startswith(API) and document.text("kind").removesuffix("List") in (
        VULNERABILITY_KINDS | CHECK_KINDS
    )


def _ours(raw: msgspec.Raw) -> bool:
    try:
        members = PEEK.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return False
    return recognises(Document(b"", Shape.OBJECT, members=members)) if "apiVersion" in members else False


def parse(document: Document) -> ScanReport:
    """Read the object or the objects. A deletion says nothing of any image: it may describe another object."""
    top = decode(DECODER, document.body)
    listed = top if isinstance(top, list) else (top.items or [top.operator_object or top])
    deleted = not isinstance(top, list) and top.verb == "delete"
    items = [] if deleted else [item for item in listed if item.report]
    bodies = [item.report for item in items if item.report]
    check_amount(sum(len(body.vulnerabilities or ()) + len(body.checks or ()) for body in bodies), "entries")
    vulnerable = any(item.kind in VULNERABILITY_KINDS for item in items)
    scanner = next((body.scanner for body in bodies if body.scanner), Named())
    return ScanReport(
        format=NAME,
        scanner="trivy",
        scanner_version=scanner.version or "",
        images=tuple(_scan(item, body) for item, body in zip(items, bodies, strict=True)),
        kind=Kind.EVENT if not items else Kind.VULNERABILITY if vulnerable else Kind.COMPLIANCE,
        scanned_at=max(filter(None, (moment(body.updated) for body in bodies)), default=None),
        entries=sum(len(body.vulnerabilities or ()) for body in bodies),
        notes=("the operator deleted a report; which one, the message does not say reliably",) if deleted else (),
    )


def _scan(item: Item, body: Body) -> ImageScan:
    named = item.metadata or Named()
    owner = "/".join(filter(None, (named.namespace, named.name)))
    return ImageScan(
        image=_facts(body),
        outcome=Outcome.ASSESSED if item.kind in VULNERABILITY_KINDS else Outcome.UNASSESSED,
        matches=tuple(_matches(body)),
        checks=(
            *_checks("misconfiguration", body.checks or (), owner),
            *_checks("secret", body.secrets or (), owner),
        ),
    )


def _facts(body: Body) -> ImageFacts:
    artifact, system = body.artifact or Artifact(), body.os or Named()
    server = (body.registry and body.registry.server) or ""
    repository = "/".join(filter(None, (server, artifact.repository)))
    return ImageFacts(
        references=(f"{repository}:{artifact.tag}",) if artifact.repository and artifact.tag else (),
        repo_digests=(f"{repository}@{artifact.digest}",) if artifact.repository and artifact.digest else (),
        distro=system.family or "",
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
