"""CycloneDX documents that are VEX (ECMA-424, `vulnerabilities[].analysis`): statements on another SBOM's components.

A document that lists components and rates their vulnerabilities is a scan, with analyses or without (`cyclonedx`).
"""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import unquote

import msgspec

from governance.findings.report import Kind, ScanReport, Statement, Status
from scanning.parsers.cyclonedx import aliases_of, flattened, tools_of
from scanning.parsers.cyclonedx_image import facts_of
from scanning.parsers.cyclonedx_kind import is_vex
from scanning.parsers.cyclonedx_model import Affect, Bom, Component, Metadata, Vulnerability
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.scalars import MAX_DESCRIPTION, moment, text_of
from scanning.parsers.vex_target import Target

NAME = "cyclonedx-vex"
DECODER = msgspec.json.Decoder(Bom)
STATES = {
    "not_affected": Status.NOT_AFFECTED,
    "false_positive": Status.NOT_AFFECTED,
    "resolved": Status.FIXED,
    "resolved_with_pedigree": Status.FIXED,
    "in_triage": Status.UNDER_INVESTIGATION,
    "exploitable": Status.AFFECTED,
}
# The words of OpenVEX and CSAF for those of CycloneDX; the original word stays before the issuer's own.
JUSTIFICATIONS = (
    {
        "code_not_present": "vulnerable_code_not_present",
        "code_not_reachable": "vulnerable_code_not_in_execute_path",
    }
    | dict.fromkeys(
        ("requires_configuration", "requires_dependency", "requires_environment"),
        "vulnerable_code_cannot_be_controlled_by_adversary",
    )
    | dict.fromkeys(
        ("protected_by_compiler", "protected_at_runtime", "protected_at_perimeter", "protected_by_mitigating_control"),
        "inline_mitigations_already_exist",
    )
)
BOM_LINK = "urn:cdx:"


def recognises(document: Document) -> bool:
    """A CycloneDX document that only judges."""
    return is_vex(document)


def parse(document: Document) -> ScanReport:
    """Read one statement for each vulnerability and thing affected."""
    bom = decode(DECODER, document.body)
    listed = bom.vulnerabilities or []
    entries = sum(max(1, len(one.affects or ())) for one in listed)
    check_amount(entries, "statements")
    metadata = bom.metadata or Metadata()
    tool = next(tools_of(metadata), Component())
    things = Things(bom, metadata)
    made = [(one, tuple(statements_of(one, things, metadata))) for one in listed]
    unknown = sorted({one.id or "(no identifier)" for one, found in made if not found})
    return ScanReport(
        format=NAME,
        scanner=text_of(tool.name) or "cyclonedx",
        images=(),
        kind=Kind.VEX,
        statements=tuple(statement for _, found in made for statement in found),
        issuer=issuer_of(metadata),
        scanner_version=text_of(tool.version),
        scanned_at=moment(metadata.timestamp),
        entries=entries,
        notes=(f"analyses of unknown state were not kept: {', '.join(unknown)[:200]}",) if unknown else (),
    )


def issuer_of(metadata: Metadata) -> str:
    """Return who says so: the author, else the supplier or manufacturer, else the tool."""
    authors = [one.name for one in metadata.authors or ()]
    others = [one.name for one in (metadata.supplier, metadata.manufacturer, metadata.manufacture) if one]
    tools = [text_of(one.name) for one in tools_of(metadata)]
    return next(filter(None, [*authors, *others, *tools]), "")


class Things:
    """What `affects` may mean: the document's subject, a component of it, or what lies in another document."""

    def __init__(self, bom: Bom, metadata: Metadata) -> None:
        self.subject = metadata.component or Component()
        components = list(flattened(bom.components or []))
        self.components = {one.ref: one for one in reversed(components) if one.ref}
        facts = facts_of(metadata, ())
        self.product = tuple(
            dict.fromkeys(
                filter(None, (self.subject.purl, *facts.repo_digests, facts.config_digest, *facts.references))
            )
        ) or _own_name(self.subject)

    def find(self, affect: Affect) -> tuple[tuple[str, ...], str]:
        """Return the names of the product and the component of it that a reference means."""
        ref = affect.ref or ""
        if ref == self.subject.ref:
            return self.product, ""
        link, _, fragment = ref.partition("#")
        if link.startswith(BOM_LINK):
            return (link,), _with_version(unquote(fragment), affect)
        named = self.components.get(ref) or self.components.get(unquote(ref))
        if named is None:
            return (_with_version(ref, affect),), ""
        component = named.purl or next(iter(_own_name(named)), "")
        return self.product or (component,), _with_version(component, affect) if self.product else ""


def _own_name(component: Component) -> tuple[str, ...]:
    """What it calls itself, in words that can be taken for no image's name."""
    words = (component.type, component.group, text_of(component.name), text_of(component.version))
    return (" ".join(filter(None, words)),) if component.name else ()


def _with_version(name: str, affect: Affect) -> str:
    """Write the versions that a statement is limited to behind the purl; a range is no version of any package."""
    versions = [text_of(one.version) or one.range or "" for one in affect.versions or ()]
    limited = name.startswith("pkg:") and "@" not in name and any(versions)
    return f"{name}@{'|'.join(filter(None, versions))}" if limited else name


def statements_of(vulnerability: Vulnerability, things: Things, metadata: Metadata) -> Iterator[Statement]:
    """Yield the statements on one vulnerability; without `affects` it is about the document's subject."""
    analysis = vulnerability.analysis
    status = STATES.get((analysis and analysis.state) or "")
    if analysis is None or status is None:
        return
    name, word = vulnerability.id or vulnerability.ref or "", analysis.justification or ""
    other = f"({word}) " if word and JUSTIFICATIONS.get(word) not in (None, word) else ""
    common = Statement(
        vulnerability=name,
        status=status,
        products=things.product,
        aliases=aliases_of(name, vulnerability.references or []),
        justification=JUSTIFICATIONS.get(word, word),
        detail=f"{other}{analysis.detail or ''}".strip()[:MAX_DESCRIPTION],
        stated_at=analysis.updated or analysis.issued or metadata.timestamp or "",
    )
    if not vulnerability.affects:
        yield msgspec.structs.replace(common, **Target(things.product, "").fields)
    for affect in vulnerability.affects or ():
        products, component = things.find(affect)
        target = Target(products, component)
        yield msgspec.structs.replace(common, products=products, component=component, **target.fields)
