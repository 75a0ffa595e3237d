"""Wiz CLI's JSON: scans of an image, a directory, or infrastructure as code."""

from __future__ import annotations

import re
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
    PackageAt,
    ScanReport,
    severity_of,
)
from governance.findings.report import Result as Verdict
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.image_config import config_digest, is_reference, with_algorithm
from scanning.parsers.scalars import MAX_DESCRIPTION, moment, points_of, score_of, text_of, time_text
from scanning.parsers.sysdig import repository_of
from scanning.parsers.wizcli_model import (
    Extra,
    LayerMetadata,
    Named,
    Origin,
    Package,
    Place,
    Report,
    Result,
    RuleMatch,
    Status,
    Vulnerability,
)

NAME = "wizcli"
DECODER = msgspec.json.Decoder(Report)
GHSA = re.compile(r"github\.com/advisories/(GHSA(?:-[0-9a-z]{4}){3})")
PARTS = {"osPackages", "libraries", "analytics", "ruleMatches"}
# States in which the scan has no result yet.
UNFINISHED = {"", "IN_PROGRESS", "PENDING", "QUEUED"}


def recognises(document: Document) -> bool:
    """Where the scan came from, with its result."""
    return document.has("scanOriginResource", "result") or (
        document.has("status", "policies", "result") and bool(document.inside("result").keys() & PARTS)
    )


def parse(document: Document) -> ScanReport:
    """Read the scan. Packages that are not vulnerable are not listed."""
    report = decode(DECODER, document.body)
    result, status = report.result or Result(), report.status or Status()
    matches = list(_matches(result))
    check_amount(len(matches), "vulnerabilities")
    checks = tuple(_checks(result))
    is_code = result.rule_matches is not None and not matches
    state = text_of(status.state)
    looked = report.result is not None and state == "SUCCESS"
    outcome = Outcome.ASSESSED if looked else Outcome.UNASSESSED if state in UNFINISHED else Outcome.FAILED
    scan = ImageScan(
        image=_facts(report.scan_origin_resource or Origin()),
        outcome=Outcome.ASSESSED if outcome == Outcome.UNASSESSED and matches else outcome,
        error=f"Wiz says that the scan ended as {state[:100]}" if outcome == Outcome.FAILED else "",
        matches=tuple(matches),
        checks=checks,
    )
    name = text_of((report.scan_origin_resource or Origin()).name)
    verdict = text_of(status.verdict)
    return ScanReport(
        format=NAME,
        scanner="wiz",
        images=() if is_code else (scan,),
        kind=Kind.COMPLIANCE if is_code else Kind.VULNERABILITY,
        benchmarks=(Benchmark("project", name, "Wiz: infrastructure as code", checks),) if is_code else (),
        scanner_version=text_of((report.extra_info or Extra()).client_version),
        scanned_at=moment(report.created_at),
        entries=len(matches),
        notes=(f"Wiz's own verdict: {verdict[:100]}",) if verdict else (),
    )


def _facts(origin: Origin) -> ImageFacts:
    name = text_of(origin.name)
    if text_of(origin.kind) != "CICDScanOriginContainerImage":
        return ImageFacts()
    digest = with_algorithm(text_of(origin.digest))
    named = is_reference(name)
    written = (f"{repository_of(name)}@{digest}" if named and digest else "", name if "@sha256:" in name else "")
    repo_digests = tuple(dict.fromkeys(filter(None, written)))
    image_id = with_algorithm(text_of(origin.id))
    return ImageFacts(
        references=(name,) if named else (),
        config_digest=config_digest(image_id, repo_digests) if image_id.startswith("sha256:") else "",
        repo_digests=repo_digests,
    )


def _matches(result: Result) -> Iterable[Match]:
    listed = (result.os_packages, result.libraries, result.applications, result.cpes)
    for package in (one for packages in listed for one in packages or ()):
        place = _package(package)
        for found in package.vulnerabilities or ():
            yield _match(found, place)


def _package(package: Package) -> PackageAt:
    layer = text_of((package.layer_metadata or LayerMetadata()).id)
    return PackageAt(
        text_of(package.name),
        text_of(package.version),
        path=text_of(package.path),
        layer=layer if layer.startswith("sha256:") else "",
    )


def _match(found: Vulnerability, package: PackageAt) -> Match:
    advisory, source = text_of(found.name), text_of(found.source)
    other = GHSA.search(source)
    return Match(
        advisory=advisory,
        package=package,
        severity=severity_of(text_of(found.severity)),
        severity_word=text_of(found.severity),
        fixed_version=text_of(found.fixed_version),
        aliases=(other[1],) if other and other[1] != advisory else (),
        description=text_of(found.description)[:MAX_DESCRIPTION],
        url=source,
        cvss=score_of(points_of(found.score)),
        published=time_text(text_of(found.publish_date)),
    )


def _checks(result: Result) -> Iterable[Check]:
    """Yield secrets (where they lie, never what they are) and rules that matched."""
    for secret in result.secrets or ():
        kind, path, line = text_of(secret.type), text_of(secret.path), text_of(secret.line_number)
        target = f"{path}:{line}" if line not in {"", "0"} else path
        yield Check("secret", kind, Verdict.FAIL, kind.replace("_", " ").capitalize(), target=target)
    for found in result.rule_matches or ():
        yield from _rules(found)


def _rules(found: RuleMatch) -> Iterable[Check]:
    rule = found.rule or Named()
    for place in found.matches or (Place(),):
        where = text_of(place.file_name) or text_of(place.resource_name)
        line = text_of(place.line_number)
        target = f"{where}:{line}" if where and line else where
        severity = severity_of(text_of(found.severity))
        yield Check("misconfiguration", text_of(rule.id), Verdict.FAIL, text_of(rule.name), severity, target)
