"""What Trivy's `Results` say, whichever document they stand in: packages, vulnerabilities, checks."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

import msgspec

from governance.findings.report import Check, Match, PackageAt, ReportError, Result, severity_of
from scanning.parsers.document import check_amount, decode
from scanning.parsers.packages import OS_TYPES, identify_by_purl
from scanning.parsers.scalars import MAX_DESCRIPTION, licenses_of
from scanning.parsers.trivy_model import Cvss, Identifier, Misconfiguration, Modified, Package, Vulnerability
from scanning.parsers.trivy_model import Result as TrivyResult

FINDING = msgspec.json.Decoder(Vulnerability)
CHECK_RESULTS = {"PASS": Result.PASS, "FAIL": Result.FAIL, "EXCEPTION": Result.INFO}

# Name, installed version, path, layer: what one report calls one package.
type Key = tuple[str, str, str, str]


@dataclass(slots=True)
class Contents:
    """Collects the results of one image. `assessed` once one of them proves that packages were looked at."""

    assessed: bool = False
    inventory: bool = False
    matches: list[Match] = field(default_factory=list)
    suppressed: list[Match] = field(default_factory=list)
    packages: list[PackageAt] = field(default_factory=list)
    checks: list[Check] = field(default_factory=list)
    known: dict[Key, PackageAt] = field(default_factory=dict)
    # What the licence scanner found, by whether it is a system's package and by name.
    licences: dict[tuple[bool, str], list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, result: TrivyResult, owner: str = "") -> None:
        """Read one result. `owner` names the workload that a check is about, where there is one."""
        family = result.type or ""
        self.assessed = self.assessed or result.of_packages
        self._check_amounts(result)
        if result.packages is not None:
            self.inventory = True
            self.packages.extend(self._package(package, family) for package in result.packages)
        self.matches.extend(self._match(found, family) for found in result.vulnerabilities or ())
        for modified in result.modified or ():
            self._set_aside(modified, family)
        self.checks.extend(checks_of(result, owner or result.target or ""))
        for licence in result.licenses or ():
            if licence.package and licence.name:
                self.licences[result.target == "OS Packages", licence.package].append(licence.name)

    def _check_amounts(self, result: TrivyResult) -> None:
        found = len(result.vulnerabilities or ()) + len(result.modified or ())
        packages = len(result.packages or ())
        check_amount(len(self.matches) + len(self.suppressed) + found, "vulnerabilities")
        check_amount(len(self.packages) + packages, "packages")
        check_amount(len(self.checks) + result.amount - found - packages, "checks")

    def _package(self, package: Package, family: str) -> PackageAt:
        version = full_version(package.epoch, package.version, package.release)
        path, layer = package.path or "", (package.layer and package.layer.diff_id) or ""
        identity = identify_by_purl(package.name, version, purl_of(package.identifier), family)
        found = PackageAt(
            identity.name,
            identity.version,
            identity.type,
            identity.namespace,
            path,
            layer,
            package.source_name or "",
            full_version(package.source_epoch, package.source_version, package.source_release),
            licenses_of(package.licenses) if package.licenses else (),
        )
        return self.known.setdefault((package.name, version, path, layer), found)

    def listed(self) -> tuple[PackageAt, ...]:
        """Return the packages; those that carry no licences take what the licence scanner found under their name."""
        if not self.licences:
            return tuple(self.packages)
        names = {id(package): key[0] for key, package in self.known.items()}
        found = ((one, self.licences.get((one.type in OS_TYPES, names.get(id(one), "")))) for one in self.packages)
        return tuple(
            one if one.licenses or not told else msgspec.structs.replace(one, licenses=licenses_of(told))
            for one, told in found
        )

    def _place(self, found: Vulnerability, family: str) -> PackageAt:
        """Return the package a vulnerability is about: the one listed, else one made of what the finding says."""
        name, version, path = found.package or "", found.version or "", found.path or ""
        key = (name, version, path, (found.layer and found.layer.diff_id) or "")
        package = self.known.get(key)
        if package is None:
            one = identify_by_purl(name, version, purl_of(found.identifier), family)
            package = self.known[key] = PackageAt(one.name, one.version, one.type, one.namespace, path, key[3])
        return package

    def _match(self, found: Vulnerability, family: str, status: str | None = None) -> Match:
        if not found.id and not found.package:
            raise ReportError("a vulnerability names neither itself (`VulnerabilityID`) nor a package (`PkgName`)")
        word = (status or found.status or "").lower()
        # By place: names cost a third of the time that it takes to make one of so many.
        return Match(
            found.id,
            self._place(found, family),
            severity_of(found.severity),
            found.severity or "",
            found.fixed_version or "",
            "" if word == "unknown" else word,
            (),
            found.title or "",
            (found.description or "")[:MAX_DESCRIPTION],
            found.url or "",
            best_score(found.cvss) if found.cvss else 0.0,
            found.published or "",
        )

    def _set_aside(self, modified: Modified, family: str) -> None:
        if modified.type == "vulnerability":
            self.suppressed.append(self._match(decode(FINDING, modified.finding), family, modified.status))


def best_score(sources: dict[str, Cvss | None]) -> float:
    """Return the highest base score of all sources; what is not a CVSS score (0 to 10) is none."""
    best = 0.0
    for cvss in sources.values():
        if cvss is not None:
            for value in (cvss.v3, cvss.v4, cvss.v2):
                if value is not None and best < value <= 10:
                    best = value
    return best


def purl_of(identifier: Identifier | None) -> str:
    """Return the package URL, where there is one."""
    return (identifier.purl or "") if identifier else ""


def full_version(epoch: int | None, version: str | None, release: str | None) -> str:
    """Put a package's version together as Trivy writes `InstalledVersion`."""
    if not version:
        return ""
    return f"{f'{epoch}:' if epoch else ''}{version}{f'-{release}' if release else ''}"


def checks_of(result: TrivyResult, target: str) -> list[Check]:
    """Return misconfigurations, secrets (never their text) and licences."""
    checks = [_misconfiguration(found, target) for found in result.misconfigurations or ()]
    for secret in result.secrets or ():
        severity = severity_of(secret.severity)
        checks.append(Check("secret", secret.id or "", Result.FAIL, secret.title or "", severity, target))
    for found in result.licenses or ():
        name, where = found.name or "", found.package or found.path or target
        checks.append(Check("licence", name, Result.FAIL, name, severity_of(found.severity), where))
    return checks


def _misconfiguration(found: Misconfiguration, target: str) -> Check:
    outcome = CHECK_RESULTS.get((found.status or "").upper(), Result.WARN)
    return Check("misconfiguration", found.id or "", outcome, found.title or "", severity_of(found.severity), target)
