"""Every feed that is read beside reports. A new one: one file here, one name in FEEDS, one line in `refresh.STORES`."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import IO, Protocol

from scanning.feeds import endoflife, epss, kev, osv
from scanning.feeds.reading import FeedError, Reading

__all__ = ["FEEDS", "Feed", "FeedError", "Reading", "find"]


class Feed(Protocol):
    """One feed. Where it is fetched from is a setting (`settings.FEEDS`)."""

    NAME: str
    TITLE: str
    # What it is good for, in a sentence.
    ABOUT: str
    # How often to look for a new copy, and the age of its own date at which it counts as stale.
    EVERY: timedelta
    STALE: timedelta
    # Bytes a copy may have, and per cent of its rows that it may lose from one copy to the next.
    LIMIT: int
    SHRINK: int
    # A copy that ships with Portwarden, to start with.
    BUILT_IN: Path | None
    # The copy is kept in the database, to be read again.
    KEEP: bool
    # Nobody misses it where it is off.
    OPTIONAL: bool

    def read(self, body: IO[bytes]) -> Reading:
        """Read all of a copy (a seekable file); FeedError where any of it is not as it should be."""


FEEDS: tuple[Feed, ...] = (epss, kev, endoflife, *osv.FEEDS)


def find(name: str) -> Feed:
    """A feed by its name; KeyError for one that is not there."""
    return {feed.NAME: feed for feed in FEEDS}[name]
