"""CycloneDX JSON 1.2 to 1.7 (ECMA-424): a component list, with or without vulnerabilities."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

import msgspec

from governance.findings.report import ImageScan, Kind, Match, Outcome, PackageAt, ScanReport, severity_of
from scanning.parsers.cyclonedx_image import OPERATING_SYSTEM, TRIVY, facts_of
from scanning.parsers.cyclonedx_kind import is_vex
from scanning.parsers.cyclonedx_model import (
    Affect,
    Bom,
    Component,
    Metadata,
    Rating,
    Reference,
    Tools,
    Vulnerability,
)
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.packages import OS_TYPES, identify, split_purl, upstream_of
from scanning.parsers.scalars import MAX_DESCRIPTION, licenses_of, moment, score_of, text_of
from scanning.parsers.tools import SCOUT, scanner_of

NAME = "cyclonedx"
DECODER = msgspec.json.Decoder(Bom)
AMOUNT = "components and vulnerabilities"

# What is listed beside packages; Trivy's lock files are applications without a version and without a purl.
NO_PACKAGES = {OPERATING_SYSTEM, "file", "data", "cryptographic-asset", "container", "device", "machine-learning-model"}
STATES = {
    "not_affected": "not_affected",
    "false_positive": "not_affected",
    "resolved": "resolved",
    "resolved_with_pedigree": "resolved",
    "in_triage": "under_investigation",
    "exploitable": "affected",
}


def recognises(document: Document) -> bool:
    """The format names itself; what is VEX alone, `cyclonedx_vex` reads."""
    return document.text("bomFormat") == "CycloneDX" and not is_vex(document)


def parse(document: Document) -> ScanReport:
    """Read the document. Without vulnerabilities it proves no scan; without components neither (it is a VEX)."""
    bom = decode(DECODER, document.body)
    scan = scan_of(bom)
    metadata = bom.metadata or Metadata()
    tool = maker_of(metadata)
    return ScanReport(
        format=NAME,
        scanner=scanner_of(text_of(tool.name)) or NAME,
        images=(scan,),
        kind=Kind.VULNERABILITY if scan.matches else Kind.SBOM,
        scanner_version=text_of(tool.version),
        scanned_at=moment(metadata.timestamp),
        entries=len(scan.matches),
    )


def scan_of(bom: Bom) -> ImageScan:
    """Return what the document says of the thing it describes."""
    metadata = bom.metadata or Metadata()
    components = list(flattened(bom.components or []))
    vulnerabilities = bom.vulnerabilities or []
    check_amount(len(components) + sum(max(1, len(one.affects or ())) for one in vulnerabilities), AMOUNT)
    packages = {id(one): package_of(one) for one in components if is_package(one)}
    places = Places(components, packages, metadata.component)
    matches = tuple(match for one in vulnerabilities for match in matches_of(one, places))
    affected = {match.package for match in matches}
    return ImageScan(
        image=facts_of(metadata, components),
        outcome=Outcome.ASSESSED if matches and components else Outcome.UNASSESSED,
        matches=matches,
        packages=tuple(packages.values()),
        # A list of nothing but affected packages is a list of findings.
        inventory=any(package not in affected for package in packages.values()),
    )


def flattened(components: list[Component]) -> Iterator[Component]:
    """Yield components and what they contain, without recursion."""
    waiting = components[::-1]
    while waiting:
        component = waiting.pop()
        yield component
        waiting.extend(reversed(component.components or ()))


def tools_of(metadata: Metadata) -> Iterator[Component]:
    """Yield the tools that made the document."""
    tools = metadata.tools
    yield from (tools.components or ()) if isinstance(tools, Tools) else tools or ()


def maker_of(metadata: Metadata) -> Component:
    """Return the tool that looked at the image: Docker Scout, which names its helpers too, else the first."""
    tools = list(tools_of(metadata))
    scout = (tool for tool in tools if scanner_of(text_of(tool.name)) == SCOUT)
    return next(scout, tools[0] if tools else Component())


def is_package(component: Component) -> bool:
    """Say whether a component is a package, not what packages were found in."""
    if component.type == "application":
        return bool(component.purl) or bool(component.version)
    return component.type not in NO_PACKAGES


def package_of(component: Component) -> PackageAt:
    """Return the package, with what Trivy and Syft say of it in properties."""
    purl = split_purl(component.purl or "")
    said = {item.name: text_of(item.value) for item in component.properties or ()}.get
    name = text_of(component.name)
    full = f"{component.group}/{name}" if component.group else name
    kind = said(f"{TRIVY}PkgType") or said("syft:package:type") or ""
    identity = identify(full, text_of(component.version), purl, kind, kind)
    source_name, source_version = upstream_of(purl)
    return PackageAt(
        name=identity.name,
        version=identity.version,
        type=identity.type,
        namespace=identity.namespace,
        path=said(f"{TRIVY}FilePath") or said("syft:location:0:path") or "",
        layer=said(f"{TRIVY}LayerDiffID") or said("syft:location:0:layerID") or "",
        source_name=said(f"{TRIVY}SrcName") or source_name,
        source_version=said(f"{TRIVY}SrcVersion") or source_version,
        licenses=licenses_of([choice.text for choice in component.licenses or ()]),
    )


class Places:
    """Finds the package an `affects` reference means. Of components that share a `bom-ref` the first counts."""

    def __init__(self, components: list[Component], packages: dict[int, PackageAt], subject: Component | None) -> None:
        self.packages = packages
        listed = [*components, subject] if subject else components
        self.components = {one.ref: one for one in reversed(listed) if one.ref}
        self.known: dict[str, PackageAt] = {}
        self.subject = package_of(subject) if subject else PackageAt(name="")

    def find(self, affect: Affect) -> PackageAt:
        """Return the component's package; for one of another document (a BOM-Link or purl) what the reference says."""
        ref = affect.ref or ""
        # A BOM-Link: the fragment is the `bom-ref`, percent-encoded or not.
        fragment = ref.partition("#")[2]
        component = self.components.get(ref)
        if component is None and fragment:
            component = self.components.get(fragment) or self.components.get(unquote(fragment))
        if component is None:
            return foreign(ref, unquote(fragment))
        package = self.packages.get(id(component)) or self.known.get(ref)
        if package is None:
            package = self.known[ref] = package_of(component)
        return package


def foreign(ref: str, fragment: str) -> PackageAt:
    """Make a package of a reference that leads nowhere. The `versions` a statement is about are none installed."""
    purl = split_purl(ref) or split_purl(fragment)
    if purl is None:
        return PackageAt(name=ref)
    parts = (purl.name,) if purl.type in OS_TYPES else (purl.namespace, purl.name)
    identity = identify("/".join(filter(None, parts)), purl.version, purl)
    return PackageAt(name=identity.name, version=identity.version, type=identity.type, namespace=identity.namespace)


def matches_of(vulnerability: Vulnerability, places: Places) -> Iterator[Match]:
    """Yield one match for each package affected; one for the document's subject where none is named."""
    worst = worst_of(vulnerability.ratings or [])
    advice = advice_of(vulnerability.recommendation or "")
    advisory = vulnerability.id or vulnerability.ref or ""
    common = Match(
        advisory=advisory,
        package=places.subject,
        severity=severity_of(worst.severity),
        severity_word=worst.severity or "",
        status=status_of(vulnerability, Affect()),
        aliases=aliases_of(advisory, vulnerability.references or []),
        description=(vulnerability.description or vulnerability.detail or "")[:MAX_DESCRIPTION],
        url=(vulnerability.source and vulnerability.source.url) or "",
        cvss=score_of(*(rating.score for rating in vulnerability.ratings or ())),
        published=vulnerability.published or "",
    )
    if not vulnerability.affects:
        yield common
    for affect in vulnerability.affects or ():
        package = places.find(affect)
        fixed, status = advice.get(package.name, ""), status_of(vulnerability, affect)
        yield msgspec.structs.replace(common, package=package, fixed_version=fixed, status=status)


def aliases_of(advisory: str, references: list[Reference]) -> tuple[str, ...]:
    """Return the other identifiers of the same vulnerability."""
    return tuple(dict.fromkeys(one.id for one in references if one.id and one.id != advisory))


def worst_of(ratings: list[Rating]) -> Rating:
    """Return the rating with the highest severity; the first of equal ones."""
    return max(ratings, key=lambda rating: severity_of(rating.severity), default=Rating())


def status_of(vulnerability: Vulnerability, affect: Affect) -> str:
    """Return what the analysis says, else whether every version listed is declared unaffected."""
    state = (vulnerability.analysis and vulnerability.analysis.state) or ""
    if state:
        return STATES.get(state, "")
    statuses = {one.status for one in affect.versions or ()}
    return "not_affected" if statuses == {"unaffected"} else ""


def advice_of(recommendation: str) -> dict[str, str]:
    """Read Trivy's `Upgrade <name> to version <version>`, one per package, parted by semicolons."""
    advice = {}
    for part in recommendation.split("; "):
        name, found, version = part.removeprefix("Upgrade ").partition(" to version ")
        if found and part.startswith("Upgrade "):
            advice[name] = version
    return advice
