"""Every way in which Portwarden has an image scanned. A new one: one file here, one name in SCANNERS."""

from __future__ import annotations

from typing import Protocol

from scanning.scanners import command, harbor, quay
from scanning.scanners.values import Asked, Outcome, Place, Report, ScanFailed

__all__ = ["SCANNERS", "Asked", "Outcome", "Place", "Report", "ScanFailed", "Scanner", "ways"]


class Scanner(Protocol):
    """One way."""

    NAME: str

    def suits(self, kind: str) -> bool:
        """It can be had for registries of this kind, as things are set."""

    def scan(self, place: Place, remote_ref: str) -> Outcome:
        """Scan, or ask for it and later (with what was given back then) for its result. Raises `ScanFailed`."""


# The registry's own first: it knows what is scanned already, and costs us nothing.
SCANNERS: tuple[Scanner, ...] = (harbor, quay, command)


def ways(kind: str) -> list[Scanner]:
    """The ways for a kind of registry, the best first."""
    return [scanner for scanner in SCANNERS if scanner.suits(kind)]
