"""CSAF 2.0 and 2.1 (OASIS): a vendor's statements on products, whatever the profile (`csaf_vex`, security advisory)."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

import msgspec

from governance.findings.report import Kind, ReportError, ScanReport, Statement, Status
from scanning.parsers.advisories import IDENTIFIER
from scanning.parsers.csaf_model import (
    Csaf,
    Engine,
    Generator,
    Helper,
    Product,
    Publisher,
    Remark,
    Tracking,
    Tree,
    Vulnerability,
)
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.scalars import MAX_DESCRIPTION, moment
from scanning.parsers.vex_target import Target

NAME = "csaf"
DECODER = msgspec.json.Decoder(Csaf)
VERSIONS = {"2.0", "2.1"}
STATUSES = {
    "known_affected": Status.AFFECTED,
    "first_affected": Status.AFFECTED,
    "last_affected": Status.AFFECTED,
    "known_not_affected": Status.NOT_AFFECTED,
    "fixed": Status.FIXED,
    "first_fixed": Status.FIXED,
    "under_investigation": Status.UNDER_INVESTIGATION,
}
EVERY = ""  # the key of what is said of all products


def recognises(document: Document) -> bool:
    """The document names its version."""
    return "csaf_version" in document.inside("document")


def parse(document: Document) -> ScanReport:
    """Read one statement for each vulnerability, product and status."""
    read = decode(DECODER, document.body)
    version = read.head.csaf_version or ""
    if version not in VERSIONS:
        raise ReportError(f"CSAF version {version[:20]!r} is not read, only {' and '.join(sorted(VERSIONS))}")
    listed = read.vulnerabilities or []
    entries = sum(len(ids or ()) for one in listed for ids in (one.statuses or {}).values())
    check_amount(entries, "product statuses")
    tracking, tree = read.head.tracking or Tracking(), read.tree or Tree()
    products = Products(tree)
    engine = (tracking.generator or Generator()).engine or Engine()
    draft = ("the document calls itself a draft",) if tracking.status == "draft" else ()
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(),
        kind=Kind.VEX,
        statements=tuple(
            statement for one in listed for statement in statements_of(one, products, tracking.released or "")
        ),
        issuer=(read.head.publisher or Publisher()).name or "",
        scanner_version=engine.version or "",
        scanned_at=moment(tracking.released),
        entries=entries,
        notes=draft,
    )


class Products:
    """What the document's own identifiers mean."""

    def __init__(self, tree: Tree) -> None:
        self.known = {one.id: one for one in _products(tree) if one.id}
        self.groups = {one.id: one.products or [] for one in tree.groups or () if one.id}
        self.parts = {
            one.product.id: (one.component or "", one.whole or "")
            for one in tree.relationships or ()
            if one.product and one.product.id
        }
        check_amount(len(self.known) + len(self.parts), "products")

    def names(self, product: str) -> tuple[str, ...]:
        """Return all names of a product; of a component those of what it is a part of, after its own identifier."""
        _, whole = self.parts.get(product, ("", ""))
        named = self.known.get(whole or product, Product())
        helper = named.helper
        outside = (helper.purl, *(helper.purls or ()), helper.cpe) if helper else ()
        return tuple(dict.fromkeys(filter(None, (product, whole, *outside, named.name))))

    def target(self, product: str) -> Target:
        """Return what can be looked up: purls and CPEs; a product's name in words is no image's."""
        _, whole = self.parts.get(product, ("", ""))
        helper = self.known.get(whole or product, Product()).helper or Helper()
        named = [*filter(None, (helper.purl, *(helper.purls or ())))]
        # A part of what has no purl is still a part of something.
        if whole and not named:
            named = [f"urn:csaf:{whole}"]
        return Target(named, self.component(product), [helper.cpe or ""])

    def component(self, product: str) -> str:
        """Return the purl of the component, else its name; "" for a product that is no part of another."""
        part, _ = self.parts.get(product, ("", ""))
        helper = self.known.get(part, Product()).helper
        purl = (helper.purl or next(iter(helper.purls or ()), "")) if helper else ""
        return purl or part

    def members(self, remark: Remark) -> Iterable[str]:
        """Return the products that a remark is about; `EVERY` where it names none."""
        found = [*(remark.products or ())]
        for group in remark.groups or ():
            found += self.groups.get(group, ())
        return found or (EVERY,)


def _products(tree: Tree) -> Iterator[Product]:
    """Yield what the tree names, without recursion."""
    yield from tree.names or ()
    waiting = list(tree.branches or ())
    while waiting:
        branch = waiting.pop()
        if branch.product:
            yield branch.product
        waiting.extend(branch.branches or ())


def statements_of(one: Vulnerability, products: Products, released: str) -> Iterator[Statement]:
    """Yield the statements on one vulnerability; a status that says nothing of being affected is none."""
    others = [found.text or "" for found in one.ids or ()]
    name = one.cve or next(filter(None, others), "") or one.title or ""
    aliases = tuple(dict.fromkeys(text for text in others if text != name and IDENTIFIER.fullmatch(text)))
    labels = _by_product(one.flags, products, "label")
    impacts = _by_product([row for row in one.threats or () if row.category == "impact"], products, "details")
    remedies = _by_product(one.remedies, products, "details")
    for word, listed in (one.statuses or {}).items():
        status = STATUSES.get(word)
        for product in (listed or ()) if status else ():
            words = impacts if status == Status.NOT_AFFECTED else remedies
            target = products.target(product)
            yield Statement(
                vulnerability=name,
                status=Status(status or ""),
                products=products.names(product),
                component=products.component(product),
                aliases=aliases,
                justification=next(iter(_said(labels, product)), ""),
                detail=" ".join(_said(words, product))[:MAX_DESCRIPTION],
                stated_at=released,
                reach=target.reach,
                images=target.images,
                platforms=target.platforms,
                package=target.package,
            )


def _by_product(remarks: Iterable[Remark] | None, products: Products, member: str) -> dict[str, list[str]]:
    """Group what is said by the products it is said of."""
    found: dict[str, list[str]] = defaultdict(list)
    for remark in remarks or ():
        if text := getattr(remark, member):
            for product in products.members(remark):
                found[product].append(text)
    return found


def _said(found: dict[str, list[str]], product: str) -> list[str]:
    return [*found.get(product, ()), *found.get(EVERY, ())]
