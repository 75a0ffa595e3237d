"""Sysdig's scan of one image: sysdig-cli-scanner's JSON, old and of schema v1, and the API's results."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from governance.findings.report import (
    Check,
    ImageFacts,
    ImageScan,
    Match,
    Outcome,
    PackageAt,
    ScanReport,
    severity_of,
)
from scanning.parsers.checks import result_of
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.image_config import config_digest, is_reference
from scanning.parsers.scalars import Scalar, licenses_of, moment, points_of, score_of, size_of, text_of, time_text
from scanning.parsers.sysdig_model import (
    Info,
    Layer,
    Metadata,
    Package,
    Policies,
    Producer,
    Report,
    Scanner,
    Score,
    Vulnerability,
)
from scanning.parsers.sysdig_model import Outcome as Scanned
from scanning.parsers.sysdig_names import package_of, system_of

NAME = "sysdig"
DECODER = msgspec.json.Decoder(Report)
ALONE = msgspec.json.Decoder(Scanned)
API = {"metadata", "packages", "vulnerabilities", "assetType"}
OLD = {"metadata", "packages"}


def recognises(document: Document) -> bool:
    """The scanner's name with a result, or the API's result alone."""
    if document.has("result", "scanner") and "version" in document.inside("scanner"):
        return document.inside("result").keys() >= OLD
    return document.members.keys() >= API


def parse(document: Document) -> ScanReport:
    """Read the scan; it lists every package of the image."""
    report = decode(DECODER, document.body)
    result = report.result if document.has("result") else decode(ALONE, document.body)
    reading = Reading(result or Scanned())
    scanner = report.scanner or Scanner()
    scanned_at = (report.info or Info()).scan_time or (report.producer or Producer()).produced_at
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(reading.scan(),),
        scanner_version=text_of(scanner.version),
        scanned_at=moment(scanned_at),
        entries=len(reading.rows),
        notes=tuple(reading.notes()),
    )


class Reading:
    """One result, its references followed. `rows` are matches and whether the risk was accepted."""

    def __init__(self, result: Scanned) -> None:
        self.result = result
        self.metadata = result.metadata or Metadata()
        self.layers = result.layers if isinstance(result.layers, dict) else {}
        self.distro, self.release = system_of(text_of(self.metadata.base_os))
        listed = result.packages
        self.keyed = listed if isinstance(listed, dict) else {str(at): one for at, one in enumerate(listed or ())}
        self.packages = {key: self._package(one) for key, one in self.keyed.items()}
        found = list(self._found())
        check_amount(len(self.packages) + len(found), "packages and vulnerabilities")
        self.rows = [(_match(one, self.packages[key]), self._accepted(one, self.keyed[key])) for key, one in found]

    def scan(self) -> ImageScan:
        """Return what it comes to."""
        return ImageScan(
            image=self._facts(),
            outcome=self._outcome(),
            matches=tuple(match for match, is_accepted in self.rows if not is_accepted),
            suppressed=tuple(match for match, is_accepted in self.rows if is_accepted),
            packages=tuple(self.packages.values()),
            inventory=bool(self.packages),
            checks=tuple(self._checks()),
        )

    def _outcome(self) -> Outcome:
        """Say what it proves. Without a system and a package there was nothing that Sysdig knows."""
        if self.result.packages is None:
            return Outcome.UNASSESSED
        return Outcome.ASSESSED if self.distro or self.packages else Outcome.UNSUPPORTED

    def notes(self) -> Iterable[str]:
        """Say what was set aside."""
        accepted = sum(is_accepted for _, is_accepted in self.rows)
        if accepted:
            yield f"findings whose risk was accepted in Sysdig: {accepted:,}; they are kept and not counted"

    def _found(self) -> Iterable[tuple[str, Vulnerability]]:
        """Yield each vulnerability with the key of its package."""
        apart = self.result.vulnerabilities
        by_key = apart if isinstance(apart, dict) else {text_of(one.name): one for one in apart or ()}
        for key, package in self.keyed.items():
            for one in package.vulns or ():
                yield key, one
            for reference in package.vulnerabilities_refs or ():
                if (known := by_key.get(text_of(reference))) is not None:
                    yield key, known

    def _accepted(self, one: Vulnerability, package: Package) -> bool:
        """Say whether a risk is accepted, for the vulnerability or its package, and still is."""
        known = self.result.risk_accepts or {}
        named = [text_of(name) for name in (*(one.risk_accept_refs or ()), *(package.risk_accept_refs or ()))]
        active = (text_of(known[name].status) in {"", "active"} if name in known else True for name in named)
        return bool(one.accepted_risks) or bool(package.accepted_risks) or any(active)

    def _package(self, one: Package) -> PackageAt:
        layer = text_of(one.layer_digest) or text_of(self.layers.get(text_of(one.layer_ref), Layer()).digest)
        name, version, kind = text_of(one.name), text_of(one.version), text_of(one.type)
        package = package_of(name, version, kind, self.distro, text_of(one.path), layer)
        return msgspec.structs.replace(package, licenses=licenses_of([text_of(one.license)]))

    def _facts(self) -> ImageFacts:
        told = self.metadata
        name, digest, image_id = text_of(told.pull_string), text_of(told.digest), text_of(told.image_id)
        references = (name,) if is_reference(name) else ()
        repo_digests = (f"{repository_of(name)}@{digest}",) if references and digest else ()
        listed = self.result.layers
        layers = sorted(listed.values(), key=_place) if isinstance(listed, dict) else listed or []
        layers = [layer for layer in layers if layer.digest]
        return ImageFacts(
            references=references,
            config_digest=config_digest(image_id, repo_digests),
            repo_digests=repo_digests,
            os=text_of(told.os),
            architecture=text_of(told.architecture),
            created=time_text(text_of(told.created_at)),
            size=size_of(told.size) if isinstance(told.size, int) else 0,
            diff_ids=tuple(text_of(layer.digest) for layer in layers),
            history=tuple(text_of(layer.command) for layer in layers),
            distro=self.distro,
            distro_version=self.release,
        )

    def _checks(self) -> Iterable[Check]:
        """Yield the rules of all policies."""
        evaluations = self.result.policy_evaluations or (self.result.policies or Policies()).evaluations or ()
        for policy in evaluations:
            for bundle in policy.bundles or ():
                for rule in bundle.rules or ():
                    title = text_of(rule.description) or text_of(rule.rule_type)
                    result = result_of(text_of(rule.evaluation_result))
                    yield Check("policy", text_of(policy.name), result, title, target=text_of(bundle.name))


def _place(layer: Layer) -> int:
    return layer.index if isinstance(layer.index, int) and not isinstance(layer.index, bool) else 1 << 31


def repository_of(name: str) -> str:
    """Return a reference without its tag and digest."""
    name = name.partition("@")[0]
    head, colon, tag = name.rpartition(":")
    return head if colon and "/" not in tag else name


def _match(one: Vulnerability, package: PackageAt) -> Match:
    fixed: Scalar = one.fixed_in_version or one.fix_version
    score = one.cvss_score or Score()
    return Match(
        advisory=text_of(one.name),
        package=package,
        severity=severity_of(one.word),
        severity_word=one.word,
        fixed_version="" if fixed == "None" else text_of(fixed),
        cvss=score_of(points_of((score.value or score).score)),
        published=time_text(text_of(one.disclosure_date)),
    )
