"""Anchore's vulnerability reports (Engine's and Enterprise's API, anchorectl, export of the console).

The answer of `/images/DIGEST/vuln/all`, which anchore-cli prints too; the bare list that anchorectl prints; what the
console exports. `inherited_from_base` stays in the stored document only: here it follows from the layers.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

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
from scanning.parsers.advisories import CVE
from scanning.parsers.anchore_model import Answer, Export, Found, Metadata, Row, told
from scanning.parsers.document import Document, Shape, check_amount, decode, first_of
from scanning.parsers.packages import OS_TYPES, distribution, identify
from scanning.parsers.scalars import MAX_DESCRIPTION, moment, points_of, score_of, text_of

NAME = "anchore"
ANSWER = msgspec.json.Decoder(Answer)
LIST = msgspec.json.Decoder(list[Found])
EXPORT = msgspec.json.Decoder(Export)
DIGESTS = ("imageDigest", "image_digest")
KINDS = ("vulnerability_type", "vulnerabilityType")
FOUND = {"vuln", "severity"}
PACKAGES = {"packageName", "package_name", "package"}

FAMILIES = {"dpkg": "deb", "apkg": "apk", "java": "maven", "go": "golang", "kb": ""}
# `name-version`: the version opens at the first hyphen before a digit (`stdlib-go1.22` of Go included).
GLUED = re.compile(r"(?P<name>.+?)-(?P<version>(?:v|go)?\d.*)")


def recognises(document: Document) -> bool:
    """A list of its findings, an answer with the image's digest, or the console's export. `[]` names nobody."""
    if document.shape == Shape.LIST:
        return _is_finding(document.first())
    if document.has("metadata", "securityEvaluation"):
        return True
    if not document.has("vulnerabilities") or not any(document.has(name) for name in DIGESTS):
        return False
    return any(document.has(name) for name in KINDS) or _is_finding(first_of(document.members["vulnerabilities"]))


def _is_finding(members: dict[str, msgspec.Raw]) -> bool:
    return members.keys() >= FOUND and not PACKAGES.isdisjoint(members)


def parse(document: Document) -> ScanReport:
    """Read the report. It is written of analysed images only, so an empty list is a scan that found nothing."""
    if document.shape == Shape.LIST:
        listed = decode(LIST, document.body)
        return _report(ImageFacts(), listed, looked=True)
    if document.has("securityEvaluation"):
        return _export(decode(EXPORT, document.body))
    answer = decode(ANSWER, document.body)
    tag = told(answer.image_tag) or told(answer.camel_tag)
    image = ImageFacts(
        references=(tag,) if tag else (),
        manifest_digest=told(answer.image_digest) or told(answer.camel_digest),
    )
    kind = told(answer.kind) or told(answer.camel_kind)
    # Only one half of the packages was looked at: `os` says nothing of the libraries, `non-os` nothing of the system.
    note = f"only packages of the kind {kind[:20]} were asked for: ask for all" if kind in {"os", "non-os"} else ""
    given = not isinstance(answer.vulnerabilities, msgspec.UnsetType)
    found = answer.vulnerabilities or []
    return _report(image, found, looked=given, notes=(note,) if note else ())


def _report(image: ImageFacts, found: list[Found], *, looked: bool, notes: tuple[str, ...] = ()) -> ScanReport:
    check_amount(len(found), "vulnerabilities")
    systems = (one.group.partition(":") for one in found if FAMILIES.get(one.family, one.family) in OS_TYPES)
    distro, _, version = next((system for system in systems if system[0]), ("", "", ""))
    scan = ImageScan(
        image=msgspec.structs.replace(image, distro=distribution(distro), distro_version=version),
        outcome=Outcome.ASSESSED if looked else Outcome.UNASSESSED,
        matches=tuple(map(_match, found)),
    )
    return ScanReport(format=NAME, scanner=NAME, images=(scan,), entries=len(found), notes=notes)


def _match(one: Found) -> Match:
    fix = told(one.fix)
    name, version = told(one.package_name) or told(one.camel_name), told(one.package_version) or told(one.camel_version)
    if not name:
        name, version = _split(told(one.package))
    description = text_of(one.description) or text_of(one.extra.description if one.extra else None)
    return Match(
        advisory=told(one.vuln),
        package=_package(
            name, version, one.family, one.group.partition(":")[0], told(one.package_path) or told(one.camel_path)
        ),
        severity=severity_of(told(one.severity)),
        severity_word=told(one.severity),
        fixed_version=fix,
        status="fixed" if fix else "will_not_fix" if one.is_given_up else "",
        aliases=_aliases(told(one.vuln), [text_of(rating.id) for rating in one.nvd_data or one.camel_nvd or ()]),
        description=description[:MAX_DESCRIPTION],
        url=told(one.url),
        cvss=one.points,
    )


def _package(name: str, version: str, family: str, group: str, path: str) -> PackageAt:
    kind = FAMILIES.get(family, family)
    found = identify(name, version, None, kind, group if kind in OS_TYPES else "")
    # "pkgdb" is the package manager's own list of packages.
    return PackageAt(found.name, found.version, found.type, found.namespace, path="" if path == "pkgdb" else path)


def _aliases(advisory: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return the CVEs of an advisory that is none."""
    if CVE.fullmatch(advisory):
        return ()
    return tuple(dict.fromkeys(name for name in names if CVE.fullmatch(name)))


def _split(package: str) -> tuple[str, str]:
    """Split `name-version` as well as can be told."""
    found = GLUED.fullmatch(package[:1_000])
    return (found["name"], found["version"]) if found else (package, "")


def _export(export: Export) -> ScanReport:
    given = not isinstance(export.rows, msgspec.UnsetType)
    rows, named = export.rows or [], export.metadata or Metadata()
    check_amount(len(rows), "vulnerabilities")
    repository = "/".join(filter(None, (told(named.registry), told(named.repository))))
    tag = told(named.tag)
    image = ImageFacts(
        references=(f"{repository}:{tag}" if tag else repository,) if repository else (),
        manifest_digest=told(named.digest),
    )
    scan = ImageScan(
        image=image,
        outcome=Outcome.ASSESSED if given else Outcome.UNASSESSED,
        matches=tuple(map(_exported, rows)),
    )
    at = moment(named.timestamp)
    return ScanReport(format=NAME, scanner=NAME, images=(scan,), scanned_at=at, entries=len(rows))


def _exported(row: Row) -> Match:
    advisory, fix = told(row.vulnerability_id), told(row.fix_available)
    name, version = _split(told(row.package))
    cves = row.cves if isinstance(row.cves, list) else [row.cves]
    return Match(
        advisory=advisory,
        package=_package(name, version, told(row.package_type).lower(), "", told(row.path)),
        severity=severity_of(told(row.severity)),
        severity_word=told(row.severity),
        fixed_version=fix,
        status="fixed" if fix else "will_not_fix" if text_of(row.will_not_fix).lower() == "true" else "",
        aliases=_aliases(advisory, [name for text in cves for name in CVE.findall(text_of(text)[:20_000])]),
        url=told(row.link),
        cvss=score_of(points_of(row.nvd_cvss_base_score)),
    )
