"""What is known of an image on a day: its packages' flaws that are public by then, and the fixes that are out."""

from __future__ import annotations

from dataclasses import dataclass

from scanning.demo.images import Built, Shipped, written
from scanning.demo.sources import Flaw


@dataclass(frozen=True, slots=True)
class Statement:
    """A flaw in a package of an image; `fixed_version` is empty while no fix is out."""

    flaw: Flaw
    package: Shipped
    fixed_version: str
    status: str


def statements(image: Built, day: int) -> list[Statement]:
    """In the order of packages and flaws. For a distribution past its end of life nobody tells any more."""
    if image.distro and image.distro.end_of_life:
        return []
    return [
        _state(flaw, package, image, day)
        for package in image.packages
        for flaw in package.source.flaws
        if flaw.disclosed <= day and (flaw.fixed is None or package.number < flaw.fixed)
    ]


def _state(flaw: Flaw, package: Shipped, image: Built, day: int) -> Statement:
    if flaw.fixed is None:
        return Statement(flaw, package, "", flaw.status)
    out, version = package.source.versions[flaw.fixed]
    if out > day:
        return Statement(flaw, package, "", "affected")
    return Statement(flaw, package, written(version, image.distro), "fixed")
