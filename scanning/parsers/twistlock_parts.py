"""What Twistlock's formats have in common: states, packages, one image."""

from __future__ import annotations

import re
from collections.abc import Iterable

from governance.findings.report import (
    Check,
    ImageFacts,
    ImageScan,
    Match,
    Outcome,
    PackageAt,
    Result,
    severity_of,
)
from scanning.parsers.packages import identify
from scanning.parsers.scalars import (
    MAX_DESCRIPTION,
    Scalar,
    licenses_of,
    moment,
    points_of,
    score_of,
    text_of,
    time_text,
)
from scanning.parsers.twistlock_model import Found, Issue, Package
from scanning.parsers.twistlock_model import Result as Image

# The kind of package; what is of the operating system is of its distribution.
FAMILIES = {"nodejs": "npm", "jar": "maven", "java": "maven", "go": "golang", "binary": "", "windows": "", "app": ""}
SYSTEM = {"os", "package"}
FIXED = re.compile(r"\s*fixed in\b[:\s]*(?P<versions>.*)", re.IGNORECASE | re.DOTALL)
USED_IN = " (used in "  # `glibc (used in libc6, libc-bin)`: the source package, and what was built from it
# The distributions' words, in lower case, that open a state.
STATES = (
    ("will not fix", "will_not_fix"),
    ("won't fix", "will_not_fix"),
    ("wont fix", "will_not_fix"),
    ("ignored", "will_not_fix"),
    ("out of support", "end_of_life"),
    ("end of life", "end_of_life"),
    ("end of support", "end_of_life"),
    ("fix deferred", "fix_deferred"),
    ("deferred", "fix_deferred"),
    ("postponed", "fix_deferred"),
    ("under investigation", "under_investigation"),
    ("under review", "under_investigation"),
    ("needs triage", "under_investigation"),
    ("undetermined", "under_investigation"),
    ("not affected", "not_affected"),
    ("affected", "affected"),
    ("open", "affected"),
    ("needed", "affected"),
    ("pending", "affected"),
    ("vulnerable", "affected"),
)


def state_of(text: str) -> tuple[str, str]:
    """Return the versions that fix it, and the vendor's state, of a text like `fixed in 1.2, 1.3` or `will not fix`."""
    found = FIXED.fullmatch(text[:1_000])
    if found:
        return found["versions"].strip(), "fixed"
    lowered = text[:100].strip().lower().replace("-", " ").replace("_", " ")
    return "", next((state for opening, state in STATES if lowered.startswith(opening)), "")


def package_at(one: Package, kind: str, distro: str) -> PackageAt:
    """Return a package. Maven's group and artifact are joined by an underscore."""
    kind, path = kind.lower(), text_of(one.path)
    family = distro if kind in SYSTEM else FAMILIES.get(kind, kind)
    if not kind and path.endswith((".jar", ".war", ".ear")):
        family = "maven"
    name = text_of(one.name).partition(USED_IN)[0]
    group, joined, artifact = name.partition("_")
    if family == "maven" and joined and "." in group:
        name = f"{group}:{artifact}"
    found = identify(name, text_of(one.version), None, family, distro)
    names = [text_of(name) for name in one.licenses or ()] or [text_of(one.license)]
    return PackageAt(found.name, found.version, found.type, found.namespace, path=path, licenses=licenses_of(names))


def match_of(one: Found, package: PackageAt) -> Match:
    """Return one finding."""
    fixed, state = state_of(text_of(one.status))
    published = one.published_date or one.published
    at = moment(published) if isinstance(published, int) else None
    return Match(
        advisory=text_of(one.cve) or text_of(one.id),
        package=package,
        severity=severity_of(text_of(one.severity)),
        severity_word=text_of(one.severity),
        fixed_version=fixed,
        status=state,
        description=text_of(one.description)[:MAX_DESCRIPTION],
        url=text_of(one.link),
        cvss=score_of(points_of(one.cvss)),
        published=at.isoformat() if at else time_text(published if isinstance(published, str) else ""),
    )


def check_of(number: Scalar, title: Scalar, severity: Scalar) -> Check:
    """Return the check of a compliance issue."""
    name = text_of(title)
    return Check("misconfiguration", text_of(number) or name, Result.FAIL, name, severity_of(text_of(severity)))


class Packages:
    """The packages of one image, and which of them a finding means."""

    def __init__(self, image: Image, distro: str) -> None:
        self.distro = distro
        self.listed: dict[PackageAt, None] = {}
        self.known: dict[tuple[str, str], PackageAt] = {}
        for group in image.packages or ():
            for one in (group, *(group.pkgs or ())):
                if text_of(one.name):
                    self._add(one, text_of(group.kind) or text_of(one.type))
        for one in image.applications or ():
            self._add(one, "app")

    def _add(self, one: Package, kind: str) -> None:
        package = package_at(one, kind, self.distro)
        self.listed[package] = None
        self.known.setdefault((package.name, package.version), package)
        self.known.setdefault((text_of(one.name), text_of(one.version)), package)

    def of(self, one: Found) -> PackageAt:
        """Return the package that a finding names; its own path tells several places apart."""
        named = Package(name=one.package_name, version=one.package_version, path=one.package_path)
        alone = package_at(named, text_of(one.package_type), self.distro)
        known = self.known.get((text_of(one.package_name), text_of(one.package_version)))
        known = known or self.known.get((alone.name, alone.version))
        if known is None:
            return alone
        return PackageAt(
            known.name,
            known.version,
            known.type,
            known.namespace,
            path=alone.path or known.path,
            licenses=known.licenses,
        )


def scan_of(image: Image, facts: ImageFacts) -> ImageScan:
    """Read one image. Without findings, packages or a known system nothing shows that anything was looked at."""
    packages = Packages(image, facts.distro)
    found = image.vulnerabilities or []
    error = text_of(image.err) or ("the scan was stopped" if image.stopped else "")
    looked = bool(found or packages.listed or text_of(image.distro) or facts.distro) and not is_counted_only(image)
    return ImageScan(
        image=facts,
        outcome=Outcome.FAILED if error else Outcome.ASSESSED if looked else Outcome.UNASSESSED,
        error=error,
        matches=tuple(match_of(one, packages.of(one)) for one in found),
        packages=tuple(packages.listed),
        inventory=any(package.type for package in packages.listed),
        checks=tuple(_checks(image)),
    )


def is_counted_only(image: Image) -> bool:
    """Say whether the image has findings that are not listed (the API's `compact`)."""
    counted = (image.vulnerability_distribution or {}).get("total")
    return not image.vulnerabilities and (points_of(counted) or 0) > 0


def _checks(image: Image) -> Iterable[Check]:
    issues: list[Issue] = [*(image.compliances or ()), *(image.compliance_issues or ())]
    for issue in issues:
        yield check_of(issue.id, issue.title, issue.severity)
    for secret in (*(image.secrets or ()), *(image.pascal_secrets or ())):
        # The path of a file that holds one.
        if isinstance(secret, str):
            yield Check("secret", "secret", Result.FAIL, target=secret)
