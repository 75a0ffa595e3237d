"""Syft's JSON (`syft -o json`, anchore/syft `syft/format/syftjson/model`), schema majors 1 to 16."""

from __future__ import annotations

import msgspec
from msgspec import field

from governance.findings.report import ImageFacts, ImageScan, Kind, Outcome, PackageAt, ScanReport
from scanning.parsers.anchore_image import Distro, Location, Target, facts_of, layers_of, place
from scanning.parsers.document import Document, check_amount, decode
from scanning.parsers.packages import identify, split_purl, upstream_of
from scanning.parsers.scalars import Scalar, licenses_of, moment

NAME = "syft"


class License(msgspec.Struct, gc=False):
    """One item of `licenses`; before schema 8 a text, in schema 1 sometimes instead of the list."""

    value: str | None = None
    expression: str | None = field(default=None, name="spdxExpression")


class Artifact(msgspec.Struct, gc=False):
    """One package."""

    name: str
    version: str | None = None
    type: str | None = None
    locations: list[Location | str] | None = None
    licenses: list[License | str] | str | None = None
    purl: str | None = None


class Source(msgspec.Struct, gc=False):
    """What was catalogued: `metadata`, before schema 9 `target`; that of a directory or file has other members."""

    type: str | None = None
    metadata: Target | Scalar | list[msgspec.Raw] = None
    target: Target | Scalar | list[msgspec.Raw] = None


class Descriptor(msgspec.Struct, gc=False):
    """The program."""

    version: str | None = None
    timestamp: str | None = None


class Report(msgspec.Struct, gc=False):
    """The whole document."""

    artifacts: list[Artifact] | None
    source: Source | None = None
    distro: Distro | None = None
    old_distro: Distro | None = field(default=None, name="linuxDistribution")
    descriptor: Descriptor | None = None


DECODER = msgspec.json.Decoder(Report)
PEEK = msgspec.json.Decoder(dict[str, msgspec.Raw])


def recognises(document: Document) -> bool:
    """The package list, and the relationships or the schema that Syft writes beside it.

    Before release 0.12 there was neither: then the source tells, which has a type and a target.
    """
    if not document.has("artifacts", "source"):
        return False
    if document.has("artifactRelationships") or document.has("schema"):
        return True
    try:
        return {"type", "target"} <= PEEK.decode(document.members["source"]).keys()
    except (msgspec.DecodeError, RecursionError):
        return False


def parse(document: Document) -> ScanReport:
    """Read the package list. It says nothing of vulnerabilities."""
    report = decode(DECODER, document.body)
    artifacts = report.artifacts or []
    check_amount(len(artifacts), "packages")
    source, distro = report.source or Source(), report.distro or report.old_distro or Distro()
    target = next((value for value in (source.metadata, source.target) if isinstance(value, Target)), Target())
    named = ImageFacts(distro=distro.family, distro_version=distro.release)
    image = facts_of(target, distro) if source.type == "image" else named
    layers = layers_of(target, image.diff_ids)
    descriptor = report.descriptor or Descriptor()
    packages = tuple(_package(artifact, distro.family, layers) for artifact in artifacts)
    return ScanReport(
        format=NAME,
        scanner=NAME,
        images=(ImageScan(image=image, outcome=Outcome.UNASSESSED, packages=packages, inventory=True),),
        kind=Kind.SBOM,
        scanner_version=descriptor.version or "",
        scanned_at=moment(descriptor.timestamp),
    )


def _package(artifact: Artifact, distro: str, layers: dict[str, str]) -> PackageAt:
    purl = split_purl(artifact.purl or "")
    identity = identify(artifact.name, artifact.version or "", purl, artifact.type or "", distro)
    path, layer = place(artifact.locations, layers)
    source_name, source_version = upstream_of(purl)
    listed = [artifact.licenses] if isinstance(artifact.licenses, str) else artifact.licenses or []
    names = [item if isinstance(item, str) else item.expression or item.value or "" for item in listed]
    return PackageAt(
        name=identity.name,
        version=identity.version,
        type=identity.type,
        namespace=identity.namespace,
        path=path,
        layer=layer,
        source_name=source_name,
        source_version=source_version,
        licenses=licenses_of(names),
    )
