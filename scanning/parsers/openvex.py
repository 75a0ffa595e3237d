"""OpenVEX 0.2.0 and before (openvex/spec): an issuer's statements whether products are affected."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from governance.findings.report import Kind, ScanReport, Statement, Status
from scanning.parsers import openvex_model as model
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.scalars import MAX_DESCRIPTION, moment, text_of
from scanning.parsers.vex_target import Target

NAME = "openvex"
DECODER = msgspec.json.Decoder(model.OpenVex)
STATUSES = {str(status): status for status in Status}


def recognises(document: Document) -> bool:
    """The context names the format."""
    return document.text("@context").startswith("https://openvex.dev/ns")


def parse(document: Document) -> ScanReport:
    """Read the statements: one for each product and component."""
    read = decode(DECODER, document.body)
    listed = read.statements or []
    check_amount(sum(_amount(one) for one in listed), "statements")
    made = [(one, list(statements_of(one, read))) for one in listed]
    unknown = sorted({one.status or "(none)" for one, found in made if not found})
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(),
        kind=Kind.VEX,
        statements=tuple(statement for _, found in made for statement in found),
        issuer=read.author or "",
        scanned_at=moment(read.updated or read.timestamp),
        entries=sum(_amount(one) for one in listed),
        notes=(f"statements of unknown status were not kept: {', '.join(unknown)[:200]}",) if unknown else (),
    )


def _amount(one: model.Statement) -> int:
    components = len(one.subcomponents or ())
    return sum(max(1, len(_components(product)) or components) for product in one.products or ("",))


def _components(product: model.Product | str) -> list[model.Product | str]:
    return [] if isinstance(product, str) else product.subcomponents or []


def statements_of(one: model.Statement, document: model.OpenVex) -> Iterator[Statement]:
    """Yield what it comes to; nothing where its status is none of OpenVEX's."""
    status = STATUSES.get(one.status or "")
    if status is None:
        return
    name, aliases = vulnerability_of(one.vulnerability)
    common = Statement(
        vulnerability=name,
        status=status,
        aliases=aliases,
        justification=one.justification or "",
        detail=(one.impact or one.action or one.notes or "")[:MAX_DESCRIPTION],
        # What a statement leaves out it takes from its document.
        stated_at=one.updated or one.timestamp or document.updated or document.timestamp or "",
    )
    for product in one.products or ("",):
        names = names_of(product)
        for component in _components(product) or one.subcomponents or ("",):
            part = component_of(component)
            target = Target(names, part)
            yield msgspec.structs.replace(common, products=names, component=part, **target.fields)


def vulnerability_of(said: model.Vulnerability | str | None) -> tuple[str, tuple[str, ...]]:
    """Return its identifier and the other ones."""
    if said is None or isinstance(said, str):
        return said or "", ()
    name = said.name or said.id or ""
    return name, tuple(dict.fromkeys(alias for alias in said.aliases or () if alias and alias != name))


def names_of(product: model.Product | str) -> tuple[str, ...]:
    """Return all names of a product: identifier, purl, CPEs, and its SHA-256 as a digest."""
    if isinstance(product, str):
        return (product,) if product else ()
    hashes = {kind.lower(): text_of(value) for kind, value in (product.hashes or {}).items()}
    digest = hashes.get("sha-256") or hashes.get("sha256")
    named = [product.id or "", *(text_of(value) for value in (product.identifiers or {}).values())]
    return tuple(dict.fromkeys(filter(None, [*named, f"sha256:{digest}" if digest else ""])))


def component_of(component: model.Product | str) -> str:
    """Return the purl of a component, else what it calls itself."""
    names = names_of(component)
    return next((name for name in names if name.startswith("pkg:")), next(iter(names), ""))
