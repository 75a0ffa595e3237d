"""GitLab's container-scanning report (`gl-container-scanning-report.json`, schemas 2 to 15).

Written by GitLab's own analyzer (with Trivy, Grype or Clair inside) and by Trivy's template `gitlab.tpl`.
"""

from __future__ import annotations

import re

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
from scanning.parsers.document import Document, check_amount, decode, members_of
from scanning.parsers.gitlab_model import Dependency, Found, Identifier, Link, Location, Package, Report, Scan, Tool
from scanning.parsers.image_config import is_reference
from scanning.parsers.packages import identify
from scanning.parsers.scalars import MAX_DESCRIPTION, moment, text_of
from scanning.parsers.tools import scanner_of

NAME = "gitlab"
KIND = "container_scanning"
DECODER = msgspec.json.Decoder(Report)
PEEK_LIST = msgspec.json.Decoder(list[msgspec.Raw])
TEXT = msgspec.json.Decoder(str)

# Trivy's template writes its target where the image belongs: for packages of languages these words, or a lock file.
TARGETS = {"Node.js", "Python", "Java", "Ruby", "Rust", "Go", "PHP", "Conda", "Conda Pkgs", "Julia", ".NET", "Swift"}
FILES = re.compile(
    r"(?:^|/)(?:[\w.-]+\.(?:jar|war|ear|par|lock|lockfile|mod|sum|deps\.json|gemspec|toml)|package-lock\.json"
    r"|npm-shrinkwrap\.json|requirements\.txt|pnpm-lock\.yaml|pubspec\.lock|pom\.xml|packages\.config|conan\.lock)$"
)
# Identifiers of weaknesses and categories, which are no names of the vulnerability.
KINDS = {"cwe", "owasp", "wasc"}


def recognises(document: Document) -> bool:
    """A scan of that type; a report without `scan` by its first finding: its category, or an image at its place."""
    if not document.has("vulnerabilities"):
        return False
    if document.has("scan"):
        return _is_kind(document.inside("scan").get("type"))
    try:
        listed = PEEK_LIST.decode(document.members["vulnerabilities"])
    except (msgspec.DecodeError, RecursionError):
        return False
    first = members_of(listed[0]) if listed else {}
    return _is_kind(first.get("category")) or members_of(first.get("location")).keys() >= {"dependency", "image"}


def _is_kind(raw: msgspec.Raw | None) -> bool:
    return raw is not None and bytes(raw).strip() == b'"container_scanning"'


def parse(document: Document) -> ScanReport:
    """Read the report. `status` says whether the scan ended well; an older report without it did."""
    report = decode(DECODER, document.body)
    scan = report.scan or Scan()
    found = report.vulnerabilities or []
    check_amount(len(found), "vulnerabilities")
    scanner, analyzer = scan.scanner or Tool(), scan.analyzer or Tool()
    failed = text_of(scan.status) == "failure"
    told = [text_of(message.value) for message in scan.messages or () if message.value]
    outcome = Outcome.FAILED if failed else Outcome.UNASSESSED if report.vulnerabilities is None else Outcome.ASSESSED
    error = "; ".join(told[:5])[:1_000] or "GitLab's analyzer says that the scan failed"
    return ScanReport(
        format=NAME,
        scanner=scanner_of(text_of(scanner.id) or text_of(analyzer.id)) or NAME,
        images=tuple(
            ImageScan(_facts(name, grouped), outcome, error if failed else "", tuple(map(_match, grouped)))
            for name, grouped in _by_image(found).items()
        ),
        scanner_version=text_of(scanner.version),
        scanned_at=moment(scan.end_time) or moment(scan.start_time),
        entries=len(found),
        notes=tuple(told[:5]) if not failed else (),
    )


def is_target(name: str) -> bool:
    """Say whether it is a target inside the image, not the image."""
    return name in TARGETS or bool(FILES.search(name[-200:]))


def _by_image(found: list[Found]) -> dict[str, list[Found]]:
    """Group by image; targets inside of one belong to it where the report names one image only."""
    names = [text_of((one.location or Location()).image) for one in found]
    images = [name for name in dict.fromkeys(names) if name and not is_target(name)]
    if len(images) < 2:
        return {next(iter(images), ""): found}
    grouped: dict[str, list[Found]] = {}
    for name, one in zip(names, found, strict=True):
        grouped.setdefault("" if is_target(name) else name, []).append(one)
    return grouped


def _facts(name: str, found: list[Found]) -> ImageFacts:
    systems = (system_of(text_of((one.location or Location()).operating_system)) for one in found)
    distro, version = next(filter(any, systems), ("", ""))
    return ImageFacts(
        references=(name,) if is_reference(name) else (),
        repo_digests=(name,) if "@sha256:" in name else (),
        distro=distro,
        distro_version=version,
    )


def system_of(text: str) -> tuple[str, str]:
    """Split `debian 12.1`, `debian:9.4` or `Unknown`."""
    name, _, version = text.strip().replace(":", " ").partition(" ")
    return ("", "") if name.lower() in {"", "unknown", "none"} else (name, version)


def _match(one: Found) -> Match:
    location = one.location or Location()
    dependency = location.dependency or Dependency()
    distro, _ = system_of(text_of(location.operating_system))
    name = text_of((dependency.package or Package()).name)
    target = text_of(location.image)
    inside = is_target(target)
    # Of a target in the image the distribution says nothing: the package is one of a language.
    distro = "" if inside or ":" in name or "/" in name else distro
    package = identify(name, text_of(dependency.version), None, distro, distro)
    names = [identifier for identifier in one.identifiers or () if text_of(identifier.type).lower() not in KINDS]
    advisory = advisory_of(one, names)
    return Match(
        advisory=advisory,
        package=PackageAt(
            package.name,
            package.version,
            package.type,
            package.namespace,
            path=target if "/" in target and inside else "",
        ),
        severity=severity_of(text_of(one.severity)),
        severity_word=text_of(one.severity),
        fixed_version=fix_of(text_of(one.solution)),
        aliases=aliases_of(advisory, names),
        title=text_of(one.name) or text_of(one.message),
        description=text_of(one.description)[:MAX_DESCRIPTION],
        url=next((text_of(it.url) for it in names if it.url), "") or text_of(next(iter(one.links or ()), Link()).url),
    )


def advisory_of(one: Found, names: list[Identifier]) -> str:
    """Return the CVE, else the first name; `id` is a hash in GitLab's own reports and stands in last."""
    cve = next((text_of(it.value) for it in names if text_of(it.type).lower() == "cve"), "")
    first = next((text_of(it.value) or text_of(it.name) for it in names), "")
    return cve or first or text_of(one.cve) or text_of(one.id)


def aliases_of(advisory: str, names: list[Identifier]) -> tuple[str, ...]:
    """Return the other names; of a CVE never another CVE."""
    others = dict.fromkeys(text_of(it.value) or text_of(it.name) for it in names)
    is_cve = advisory.startswith("CVE-")
    return tuple(
        other for other in others if other and other != advisory and not (is_cve and other.startswith("CVE-"))
    )[:100]


def fix_of(solution: str) -> str:
    """Return the version of `Upgrade NAME to VERSION` or `Upgrade NAME from OLD to VERSION`."""
    if not solution.startswith("Upgrade "):
        return ""
    return solution[:2_000].partition(" to ")[2].strip()
