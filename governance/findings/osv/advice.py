"""Advisories as the matcher needs them: plain values that a reader of the OSV format fills in."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from datetime import datetime
from enum import StrEnum
from typing import Protocol

import msgspec

from governance.findings.report import Severity


class Event(StrEnum):
    """What happens at a version of a range (OSV schema, `affected[].ranges[].events[]`), in one letter each."""

    INTRODUCED = "i"
    FIXED = "f"
    LAST_AFFECTED = "l"
    LIMIT = "x"


class Statement(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Which versions of a package are affected: those in one of the ranges, and those listed.

    A range is [(event, version)] in any order. Stored as JSON.
    """

    ranges: tuple[tuple[tuple[Event, str], ...], ...] = ()
    versions: tuple[str, ...] = ()


class Affected(msgspec.Struct, frozen=True, gc=False):
    """A package that a record speaks of. Ecosystem, release and package are spelled as `ecosystems` spells them."""

    ecosystem: str
    release: str
    package: str
    statement: Statement
    severity: Severity = Severity.UNKNOWN
    severity_word: str = ""


class Record(msgspec.Struct, frozen=True, gc=False):
    """One record. A withdrawn one affects nothing. `aliases` are its aliases and the advisories it goes back to."""

    name: str
    modified: datetime
    withdrawn: bool = False
    published: datetime | None = None
    aliases: tuple[str, ...] = ()
    cvss: float = 0.0
    summary: str = ""
    details: str = ""
    url: str = ""
    affected: tuple[Affected, ...] = ()


class Offer(Protocol):
    """All records of an ecosystem as a file offers them, read as often as wanted.

    `hashes` gives {record: hash of what it says}. `unreadable` are records that are there and cannot be read: what
    is known of them stays, `notes` say of some of them why. `records` reads those named; one that cannot be read after
    all is left out and noted.
    """

    ecosystem: str
    notes: list[str]

    def hashes(self) -> dict[str, bytes]:
        """{record: hash of what it says}."""
        ...

    def records(self, names: Collection[str]) -> Iterator[Record]:
        """Those records in full."""
        ...

    @property
    def unreadable(self) -> Collection[str]:
        """Names of records that are there and cannot be read."""
        ...
