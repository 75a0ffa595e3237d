"""Whether a CycloneDX document is a scan or an SBOM, or a VEX: statements on what another document lists."""

from __future__ import annotations

import msgspec

from scanning.parsers.document import Document, members_of


class Judged(msgspec.Struct, gc=False):
    """Of a vulnerability, what tells a VEX from a scan."""

    analysis: msgspec.Raw = msgspec.Raw()
    ratings: msgspec.Raw = msgspec.Raw()


PEEK = msgspec.json.Decoder(list[Judged])
LIST = msgspec.json.Decoder(list[msgspec.Raw])


def is_vex(document: Document) -> bool:
    """Say whether it is VEX: every vulnerability has an analysis, and no components are listed or none is rated."""
    listed = document.members.get("vulnerabilities")
    if document.text("bomFormat") != "CycloneDX" or listed is None or b'"analysis"' not in bytes(listed):
        return False
    try:
        judged = PEEK.decode(listed)
        components = LIST.decode(document.members.get("components", msgspec.Raw(b"[]")))
    except (msgspec.DecodeError, RecursionError):
        return False
    stated = all("state" in members_of(one.analysis or None) for one in judged)
    return stated and not (components and any(one.ratings for one in judged))
