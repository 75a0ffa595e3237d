"""Who publishes a repository, as far as vendors say where they do (`sources.json`, with source and date)."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from pathlib import Path

import msgspec
from django.db.models import TextChoices

FILE = Path(__file__).with_name("sources.json")


class Publisher(TextChoices):
    """What is known of who stands behind a repository."""

    OFFICIAL = "official", "Official"
    VERIFIED = "verified", "Verified publisher"
    PERSONAL = "personal", "Personal account"
    UNKNOWN = "unknown", "Publisher unknown"


class Place(msgspec.Struct, frozen=True):
    """Repositories whose name begins with `below` are the publisher's."""

    below: str
    publisher: str
    kind: str
    source: str


class Document(msgspec.Struct, frozen=True):
    """The file. On `shared` registries anybody can open an account."""

    date: str
    note: str
    shared: frozenset[str]
    sources: list[Place]


@dataclass(frozen=True, slots=True)
class Origin:
    """Of a repository: what kind, whose, and where that is said, as of a day."""

    kind: Publisher
    publisher: str = ""
    source: str = ""
    date: str = ""

    @property
    def label(self) -> str:
        """For people."""
        return str(self.kind.label)


@cache
def document() -> Document:
    """Read once."""
    return msgspec.json.decode(FILE.read_bytes(), type=Document)


def origin_of(name: str) -> Origin:
    """Who publishes `host/repository`. An account on a shared registry that no vendor names may be anybody's."""
    known = document()
    fitting = [place for place in known.sources if name.startswith(place.below)]
    if fitting:
        place = max(fitting, key=lambda one: len(one.below))
        return Origin(Publisher(place.kind), place.publisher, place.source, known.date)
    is_shared = name.partition("/")[0] in known.shared
    return Origin(Publisher.PERSONAL if is_shared else Publisher.UNKNOWN, date=known.date)
