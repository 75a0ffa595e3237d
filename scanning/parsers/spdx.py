"""SPDX 2.2 and 2.3 in JSON (ISO/IEC 5962): a package list. SECURITY references may name a package's vulnerabilities."""

from __future__ import annotations

import re
from collections.abc import Iterator

import msgspec

from governance.findings.report import ImageScan, Kind, Match, Outcome, PackageAt, ReportError, ScanReport
from scanning.parsers.advisories import CVE
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.packages import identify, upstream_of
from scanning.parsers.scalars import licenses_of, moment, text_of
from scanning.parsers.spdx_image import facts_of, is_image, purl_of, roots_of, said_of, system_of
from scanning.parsers.spdx_model import Creation, Package, Spdx

NAME = "spdx"
DECODER = msgspec.json.Decoder(Spdx)
# Written as such: lower-case words in a link are a web site's, no identifier.
IDENTIFIER = re.compile(rf"{CVE.pattern}|\bGHSA(?:-[0-9a-z]{{4}}){{3}}\b")
LINKS = {"advisory", "fix", "url"}
# `built package from: openssl 1:1.1.1k-7`, as Trivy writes the source package.
BUILT_FROM = re.compile(r"built package from: (\S{1,300})(?: (\S{1,300}))?")
# Where Clair found it: its packages have no purl.
DATABASES = {"var/lib/rpm": "rpm", "var/lib/dpkg": "deb", "lib/apk/db": "apk"}
NOTHING = {"", "NONE", "NOASSERTION"}


def recognises(document: Document) -> bool:
    """The format names itself."""
    return document.text("spdxVersion").startswith("SPDX-") or "spdx.org/rdf/3" in document.text("@context")


def parse(document: Document) -> ScanReport:
    """Read the packages and what their SECURITY references name."""
    if not document.text("spdxVersion").startswith("SPDX-2."):
        raise ReportError("only SPDX 2.x is read: make the SBOM as spdx-json 2.3, or as CycloneDX")
    read = decode(DECODER, document.body)
    packages = read.packages or []
    check_amount(len(packages) + len(read.relationships or ()), "packages and relationships")
    roots = set(roots_of(read))
    root = next((one for one in packages if one.id in roots), None)
    sources = _sources(read)
    aside = {id(system_of(packages)), *(id(one) for one in packages if one.id in roots or one.id in sources.values())}
    by_id = {one.id: one for one in packages}
    image = facts_of(read, root)
    kept = [
        (one, package_of(one, by_id.get(sources.get(one.id or "", "")), image.distro))
        for one in packages
        if id(one) not in aside and is_package(one)
    ]
    matches = tuple(match for one, package in kept for match in matches_of(one, package))
    check_amount(len(matches), "security references")
    creation = read.creation or Creation()
    tool, version = tool_of(creation)
    scan = ImageScan(
        image=image,
        outcome=Outcome.ASSESSED if matches else Outcome.UNASSESSED,
        matches=matches,
        packages=tuple(package for _, package in kept),
        inventory=bool(kept),
    )
    return ScanReport(
        format=NAME,
        scanner=tool or NAME,
        images=(scan,),
        kind=Kind.SBOM,
        scanner_version=version,
        scanned_at=moment(creation.created),
        entries=len(matches),
    )


def _sources(document: Spdx) -> dict[str, str]:
    """Binary to source package, where the document says what was generated from what (Clair)."""
    found = ((one.source, one.target) for one in document.relationships or () if one.type == "GENERATED_FROM")
    return {source: target for source, target in found if source and target}


def is_package(package: Package) -> bool:
    """Say whether it is a package, not what packages were found in or came from."""
    if is_image(package) or package.summary in ("repository", "distribution"):
        return False
    lock_file = package.purpose == "APPLICATION" and not text_of(package.version) and purl_of(package) is None
    return package.purpose not in ("FILE", "CONTAINER", "DEVICE") and not lock_file


def package_of(package: Package, source: Package | None, distro: str) -> PackageAt:
    """Return the package, with its source and layer where the document names them."""
    said, purl = said_of(package), purl_of(package)
    version = text_of(package.version)
    if purl and purl.version.startswith(version):
        version = purl.version  # Trivy left out an rpm's release
    database = next((kind for path, kind in DATABASES.items() if path in (package.file or "")), "")
    identity = identify(text_of(package.name), version, purl, next(iter(said["PkgType"]), database), distro)
    source_name, source_version = upstream_of(purl)
    if source is not None:
        source_name, source_version = text_of(source.name), text_of(source.version)
    elif built := BUILT_FROM.match(package.source or ""):
        source_name, source_version = built[1], built[2] or ""
    return PackageAt(
        name=identity.name,
        version=identity.version,
        type=identity.type,
        namespace=identity.namespace,
        path=next(iter(said["FilePath"]), "") or package.file or "",
        layer=next(iter(said["LayerDiffID"]), ""),
        source_name=source_name,
        source_version=source_version,
        licenses=licenses_of(
            [text for text in (package.concluded, package.declared) if text and text not in NOTHING][:1]
        ),
    )


def matches_of(package: Package, at: PackageAt) -> Iterator[Match]:
    """Yield a match for each identifier in a link; what is no link to an advisory (CPE) is none."""
    for ref in package.refs or ():
        if ref.category == "SECURITY" and ref.type in LINKS and (found := IDENTIFIER.search(ref.locator or "")):
            yield Match(advisory=found[0], package=at, url=ref.locator or "")


def tool_of(creation: Creation) -> tuple[str, str]:
    """Name and version of the first tool (`Tool: syft-1.50.0`)."""
    named = next((text[6:] for text in creation.creators or () if text.startswith("Tool: ")), "")
    name, dash, version = named.rpartition("-")
    return (name.lower(), version) if dash else (named.lower(), "")
