"""What is known of an image when it is judged. Frozen values, nothing is looked up from here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import NamedTuple

from governance.findings.report import Severity


class Line(NamedTuple):
    """A finding, as rules see it: the same for all images of the fleet.

    `names` are those of its vulnerability that any rule asks for, `fix_since` the day on which a fix was first known.
    """

    vulnerability: int
    name: str
    names: frozenset[str]
    package: str
    type: str
    version: str
    severity: int
    fixed_version: str
    exploited: bool
    epss: float | None
    fix_since: date | None

    @property
    def key(self) -> tuple[int, str, str]:
        """What counts once: the vulnerability and the package at its version."""
        return self.vulnerability, self.package, self.version

    @property
    def word(self) -> str:
        """Its severity."""
        return Severity(self.severity).name.lower()


class Exempted(NamedTuple):
    """A vulnerability whose findings a decision sets aside, in one package (empty: all); `source` says which it was."""

    vulnerability: int
    package: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Seen:
    """What scans found: ids into `lines`, and which of them the image brought itself (None: no base to compare).

    `key` is the same only where both are the same, so that what is said of it is said once; None shares nothing.
    """

    ids: tuple[int, ...] = ()
    own: frozenset[int] | None = None
    lines: Mapping[int, Line] = field(default_factory=dict, hash=False, compare=False, repr=False)
    key: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class BaseFacts:
    """What an image is built on, and what the approved list says of that; `built` is None where nobody knows."""

    name: str
    verdict: str
    reasons: tuple[str, ...] = ()
    built: date | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """An image. None always means that nobody knows; `findings` that no scan looked.

    `packages` are those of the whole package list that any rule denies by name, as (type, name, version).
    """

    image: int
    reference: str = ""
    repositories: frozenset[str] = frozenset()
    teams: frozenset[str] = frozenset()
    platform: tuple[str, str] = ("", "")
    distro: tuple[str, str] = ("", "")
    size: int | None = None
    built: date | None = None
    findings: Seen | None = None
    packages: frozenset[tuple[str, str, str]] | None = None
    base: BaseFacts | None = None
    scans: tuple[tuple[str, date], ...] = ()
    failed: frozenset[str] = frozenset()
    end_of_life: bool | None = None
    end_of_life_on: date | None = None
    root: bool | None = None
    traits: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    running: bool | None = None
    exempted: frozenset[Exempted] = frozenset()
