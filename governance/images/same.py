"""Which image do reports without a config digest speak of? A pure function of all that is said, in any order.

A digest names content: whoever names it speaks of one image. An index digest names several, one per platform. Nobody
can tell an index digest from a manifest digest by looking; it shows when two images, or two platforms, are said to
have it. What is known by such a digest alone is put with the image of its platform, else it stays a record of its own.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass

type Platform = tuple[str, str, str]


@dataclass(frozen=True, slots=True)
class Known:
    """An image whose config digest is known, and the digests that were said together with it."""

    platform: Platform
    digests: frozenset[str]


@dataclass(frozen=True, slots=True)
class Unit:
    """Reports that say the same of an image's identity: digests of it, and a platform as far as they know it."""

    digests: frozenset[str]
    platform: Platform


def compatible(one: Platform, other: Platform) -> bool:
    """They do not contradict each other: what both know is the same."""
    return all(not ours or not theirs or ours == theirs for ours, theirs in zip(one, other, strict=True))


def assign(
    images: Mapping[int, Known], units: Iterable[Unit], single: Set[str] = frozenset()
) -> list[tuple[int | None, list[Unit]]]:
    """The groups that the units come to, each with the image that it is, None for one that no image is known of.

    `single` are digests of platform manifests: they never name several images.
    """
    ordered = sorted(set(units), key=lambda unit: (sorted(unit.digests), unit.platform))
    return _Assignment(images, ordered, single).groups()


class _Assignment:
    """The steps of `assign`."""

    def __init__(self, images: Mapping[int, Known], units: list[Unit], single: Set[str]) -> None:
        self.images = images
        self.units = units
        self.owners: dict[str, set[int]] = defaultdict(set)
        for pk, image in images.items():
            for digest in image.digests:
                self.owners[digest].add(pk)
        self.shared = self._shared() - single

    def _shared(self) -> set[str]:
        """Digests that name several images: by what is said of images, by one step further, or by platforms."""
        reached: dict[str, set[int]] = defaultdict(set)
        platforms: dict[str, list[Platform]] = defaultdict(list)
        for digest, pks in self.owners.items():
            reached[digest] |= pks
            platforms[digest] += [self.images[pk].platform for pk in pks]
        for unit in self.units:
            near = {pk for digest in unit.digests for pk in self.owners.get(digest, ())}
            for digest in unit.digests:
                reached[digest] |= near
                platforms[digest].append(unit.platform)
        return {
            digest
            for digest, pks in reached.items()
            if len(pks) > 1
            or any(not compatible(one, other) for one in platforms[digest] for other in platforms[digest])
        }

    def _places(self, unit: Unit) -> list[tuple[str, Platform | None]]:
        """What the unit hangs on: digests that name one image; of those that name several, with its platform."""
        own: list[tuple[str, Platform | None]] = [(digest, None) for digest in unit.digests - self.shared]
        if own and not unit.platform[1]:
            return own
        return own + [(digest, unit.platform) for digest in unit.digests & self.shared]

    def _images_at(self, place: tuple[str, Platform | None]) -> set[int]:
        """Images that surely lie at the place."""
        digest, platform = place
        owners = self.owners.get(digest, set())
        if platform is None:
            return owners
        if not platform[1]:
            return set()
        fitting = {pk for pk in owners if compatible(self.images[pk].platform, platform)}
        return {pk for pk in fitting if self.images[pk].platform[1]} if len(fitting) == 1 else set()

    def groups(self) -> list[tuple[int | None, list[Unit]]]:
        """Units that hang together."""
        leader: dict[tuple[str, Platform | None], tuple[str, Platform | None]] = {}

        def lead(place: tuple[str, Platform | None]) -> tuple[str, Platform | None]:
            while leader.setdefault(place, place) != place:
                place = leader[place]
            return place

        for unit in self.units:
            first, *others = self._places(unit)
            for other in others:
                leader[lead(other)] = lead(first)
        together: dict[tuple[str, Platform | None], list[Unit]] = defaultdict(list)
        for unit in self.units:
            together[lead(self._places(unit)[0])].append(unit)
        found: dict[int, list[Unit]] = defaultdict(list)
        loose: list[tuple[int | None, list[Unit]]] = []
        for units in together.values():
            pks = {pk for unit in units for place in self._places(unit) for pk in self._images_at(place)}
            if len(pks) == 1:
                found[pks.pop()] += units
            else:
                loose.append((None, units))
        return [*found.items(), *loose]
