"""Trivy's JSON before release 0.20: a bare list of results, or `null` where nothing was found. No identity in it."""

from __future__ import annotations

import msgspec

from governance.findings.report import ImageFacts, Kind, ScanReport
from scanning.parsers.document import Document, Shape, decode
from scanning.parsers.trivy_image import named_in, outcome_of, scan_of, split_target
from scanning.parsers.trivy_model import Result
from scanning.parsers.trivy_results import Contents

NAME = "trivy-legacy"
DECODER = msgspec.json.Decoder(list[Result] | None)
FIRST = msgspec.json.Decoder(dict[str, msgspec.Raw])
MEMBERS = {"Type", "Class", "Vulnerabilities", "Misconfigurations", "Secrets"}


def recognises(document: Document) -> bool:
    """`null`, or a list whose first element has a target and something Trivy finds in one."""
    if document.shape != Shape.LIST or not document.items:
        return document.shape == Shape.NULL
    try:
        first = FIRST.decode(document.items[0])
    except (msgspec.DecodeError, RecursionError):
        return False
    return "Target" in first and not MEMBERS.isdisjoint(first)


def parse(document: Document) -> ScanReport:
    """Read the list. `null` proves nothing: an image of an unknown distribution gave it too."""
    results = decode(DECODER, document.body) or []
    contents = Contents()
    for result in results:
        contents.add(result)
    name = named_in(results)
    systems = (split_target(result.target or "")[1:] for result in results)
    family, version = next(filter(any, systems), ("", ""))
    image = ImageFacts(references=(name,) if name else (), distro=family, distro_version=version)
    return ScanReport(
        format=NAME,
        scanner="trivy",
        images=(scan_of(image, contents, outcome_of(contents, None, bare=False)),),
        kind=Kind.COMPLIANCE if contents.checks and not contents.assessed else Kind.VULNERABILITY,
        entries=len(contents.matches),
    )
