"""CISA's catalogue of known exploited vulnerabilities (JSON).

Entries can be taken out again. `dueDate` binds federal agencies of the United States and nobody else. Whether
ransomware uses it is a word (`Known`, `Unknown`).
"""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path
from typing import IO, Annotated

import msgspec

from governance.findings.enrichment import Exploit
from scanning.feeds.reading import CVE, FeedError, Reading, decode, moment, once

NAME = "kev"
TITLE = "Known exploited"
ABOUT = "Vulnerabilities that are known to be used in attacks, by CISA's catalogue (KEV)."
EVERY, STALE = timedelta(hours=2), timedelta(days=30)
LIMIT, SHRINK = 32 * 2**20, 10
BUILT_IN: Path | None = None
KEEP = True
OPTIONAL = False


class Entry(msgspec.Struct, rename="camel"):
    """One vulnerability."""

    cve: Annotated[str, msgspec.Meta(max_length=30)] = msgspec.field(name="cveID")
    date_added: date
    due_date: date | None = None
    known_ransomware_campaign_use: str | None = None


class Catalogue(msgspec.Struct, rename="camel"):
    """The whole document."""

    catalog_version: str
    date_released: str
    count: int
    vulnerabilities: list[Entry]


def read(body: IO[bytes]) -> Reading:
    """Read the catalogue, or refuse it."""
    found = decode(body, Catalogue)
    if found.count != len(found.vulnerabilities):
        raise FeedError(f"it says that it has {found.count} entries and has {len(found.vulnerabilities)}")
    if not found.vulnerabilities:
        raise FeedError("it has no entry")
    for entry in found.vulnerabilities:
        if not CVE.fullmatch(entry.cve):
            raise FeedError(f"{entry.cve[:40]!r} is no CVE")
    once([entry.cve for entry in found.vulnerabilities], "CVE")
    rows = [
        Exploit(entry.cve, entry.date_added, entry.due_date, entry.known_ransomware_campaign_use == "Known")
        for entry in found.vulnerabilities
    ]
    return Reading(rows, moment(found.date_released), found.catalog_version[:60])
