"""OSV-Scanner's JSON (google/osv-scanner, versions 1 and 2): projects, SBOMs and images."""

from __future__ import annotations

import re
from collections.abc import Iterable

import msgspec

from governance.findings.report import (
    Check,
    ImageFacts,
    ImageScan,
    Match,
    Outcome,
    PackageAt,
    Result,
    ScanReport,
    Severity,
    severity_of,
)
from scanning.parsers.document import Document, check_amount, decode, first_of
from scanning.parsers.image_config import is_reference
from scanning.parsers.osv_model import Found, Group, Image, Origin, Package, Range, Report, Source, Vulnerability
from scanning.parsers.packages import identify
from scanning.parsers.sarif_model import word
from scanning.parsers.sarif_rules import band_of
from scanning.parsers.scalars import MAX_DESCRIPTION, Scalar, licenses_of, points_of, score_of, text_of, time_text

NAME = "osv-scanner"
DECODER = msgspec.json.Decoder(Report)

# Ecosystems of the OSV schema that are no distributions.
ECOSYSTEMS = {
    "crates.io": "cargo",
    "go": "golang",
    "maven": "maven",
    "npm": "npm",
    "nuget": "nuget",
    "packagist": "composer",
    "pypi": "pypi",
    "rubygems": "gem",
}
DISTRIBUTIONS = {
    "almalinux": "alma",
    "red hat": "redhat",
    "rocky linux": "rocky",
    "suse": "suse",
    "ubuntu": "ubuntu",
}
# Records of distributions that are about one CVE: `DEBIAN-CVE-2099-0001`.
OWN_CVE = re.compile(r"[A-Z]+-(CVE-\d{4}-\d{4,19})")
SYSTEM = re.compile(r"(?P<name>.+?)(?: Linux| GNU/Linux)?(?: v?(?P<version>\d[\w.]*).*)?", re.IGNORECASE)


def recognises(document: Document) -> bool:
    """Results by source with packages; without any, its settings, which every report of version 1.3 and later has."""
    if not document.has("results"):
        return False
    first = document.first_of("results")
    if first:
        named = {"source", "packages"} <= first.keys() or {"packageSource", "packages"} <= first.keys()
        return named and ("package" in first_of(first["packages"]) or bytes(first["packages"]).strip() == b"[]")
    return document.has("experimental_config") or "layer_metadata" in document.inside("image_metadata")


def parse(document: Document) -> ScanReport:
    """Read the report. `results` is always there; where it is empty nothing vulnerable was found."""
    report = decode(DECODER, document.body)
    results = report.results or []
    image = report.image or Image()
    reading = Reading(image)
    for result in results:
        source = result.source or result.package_source or Source()
        for found in result.packages or ():
            reading.add(found, source)
    names = {text_of(one.source.path) for one in results if one.source and text_of(one.source.type) == "docker"}
    scan = ImageScan(
        image=msgspec.structs.replace(
            reading.facts(), references=tuple(filter(is_reference, names)) if len(names) == 1 else ()
        ),
        outcome=Outcome.UNASSESSED if report.results is None else Outcome.ASSESSED,
        matches=tuple(reading.matches),
        packages=tuple(reading.packages),
        # Without `--all-packages` only what is vulnerable is listed.
        inventory=reading.harmless > 0,
        checks=tuple(reading.checks),
    )
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(scan,),
        entries=len(reading.matches),
    )


class Reading:
    """Collects packages and their vulnerabilities from all sources."""

    def __init__(self, image: Image) -> None:
        self.image = image
        self.matches: list[Match] = []
        self.packages: list[PackageAt] = []
        self.checks: list[Check] = []
        self.harmless = 0
        self.distro = ("", "")

    def facts(self) -> ImageFacts:
        """Return the layers and the system; the report does not name the image."""
        layers = [layer for layer in self.image.layers or () if layer.diff_id]
        system = SYSTEM.fullmatch(text_of(self.image.os)[:200])
        told = (system["name"].lower(), system["version"] or "") if system else self.distro
        distro, version = self.distro if self.distro[0] else told
        return ImageFacts(
            diff_ids=tuple(text_of(layer.diff_id) for layer in layers),
            history=tuple(text_of(layer.command) for layer in layers),
            distro=distro,
            distro_version=version,
        )

    def add(self, found: Found, source: Source) -> None:
        """Read one package of one source."""
        package = self._package(found.package or Package(), found, text_of(source.path))
        self.packages.append(package)
        rows = found.vulnerabilities or []
        check_amount(len(self.matches) + len(rows) + len(self.packages), "packages and vulnerabilities")
        self.harmless += not rows
        groups = {text_of(name): group for group in found.groups or () for name in group.ids or ()}
        for one in rows:
            group = groups.get(text_of(one.id), Group())
            self.matches.append(match_of(one, package, text_of((found.package or Package()).name), group))
        for name in found.license_violations or ():
            text = text_of(name)
            self.checks.append(Check("licence", text, Result.FAIL, text, target=f"{package.name}@{package.version}"))

    def _package(self, package: Package, found: Found, path: str) -> PackageAt:
        kind, distro, release = ecosystem_of(text_of(package.ecosystem))
        if distro and not self.distro[0]:
            self.distro = (distro, release)
        name, binary = text_of(package.name), text_of(package.os_package_name)
        identity = identify(binary or name, text_of(package.version) or text_of(package.commit), None, kind, distro)
        return PackageAt(
            identity.name,
            identity.version,
            identity.type,
            identity.namespace,
            path=path,
            layer=self._layer((package.origin or Origin()).index),
            source_name=name if binary and binary != name else "",
            licenses=licenses_of([text_of(one) for one in found.licenses or ()]),
        )

    def _layer(self, index: Scalar) -> str:
        layers = self.image.layers or []
        is_place = isinstance(index, int) and not isinstance(index, bool) and 0 <= index < len(layers)
        return text_of(layers[index].diff_id) if is_place and isinstance(index, int) else ""


def ecosystem_of(text: str) -> tuple[str, str, str]:
    """Split an ecosystem of the OSV schema, `Alpine:v3.18` or `npm`: (kind, distribution, its version)."""
    name, _, rest = text.partition(":")
    known = ECOSYSTEMS.get(name.lower())
    if known:
        return known, "", ""
    distro = DISTRIBUTIONS.get(name.lower(), name.lower())
    version = next((part for part in rest.removeprefix("v").split(":") if part[:1].isdigit()), "")
    return distro, distro, version


def match_of(one: Vulnerability, package: PackageAt, name: str, group: Group) -> Match:
    """Return one advisory on one package; the group says what else the vulnerability is called."""
    advisory = text_of(one.id)
    score = points_of(group.max_severity)
    said = word(one.database_specific, "severity") or next(
        (text_of(rating.score) for rating in one.severity or () if text_of(rating.type) == "Ubuntu"), ""
    )
    severity = severity_of(said)
    if severity == Severity.UNKNOWN and score is not None:
        severity = band_of(score)
    return Match(
        advisory=advisory,
        package=package,
        severity=severity,
        severity_word=said or text_of(group.max_severity),
        fixed_version=", ".join(dict.fromkeys(fixes_of(one, name)))[:500],
        aliases=aliases_of(advisory, one, group),
        title=text_of(one.summary),
        description=text_of(one.details)[:MAX_DESCRIPTION],
        url=url_of(one),
        cvss=score_of(score),
        published=time_text(text_of(one.published)),
    )


def aliases_of(advisory: str, one: Vulnerability, group: Group) -> tuple[str, ...]:
    """Return the other names: the record's, and the group's of which the record is one; of a CVE no other CVE."""
    own = OWN_CVE.fullmatch(advisory)
    told = map(text_of, (*(one.aliases or ()), *(group.aliases or ()), *(group.ids or ())))
    names = dict.fromkeys([*([own[1]] if own else []), *told])
    is_cve = advisory.startswith("CVE-")
    return tuple(name for name in names if name and name != advisory and not (is_cve and name.startswith("CVE-")))[:100]


def fixes_of(one: Vulnerability, name: str) -> Iterable[str]:
    """Yield the versions that fix it for the package of that name; commits are none."""
    for affected in one.affected or ():
        if affected.package and text_of(affected.package.name) == name:
            for span in affected.ranges or (Range(),):
                if text_of(span.type).upper() != "GIT":
                    yield from filter(None, (text_of(event.fixed) for event in span.events or ()))


def url_of(one: Vulnerability) -> str:
    """Return the advisory's address, else the first."""
    links = [(text_of(link.type), text_of(link.url)) for link in one.references or ()]
    return next((url for kind, url in links if kind == "ADVISORY"), links[0][1] if links else "")
