"""What all feeds share: a copy's values, its errors, JSON and gzip that do not run away."""

from __future__ import annotations

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import IO, Any

import msgspec

# CVE record format 5: at least four digits. The same as kev's own schema, which says at most nineteen.
CVE = re.compile(r"CVE-[0-9]{4}-[0-9]{4,19}", re.ASCII)
LONGEST_LINE = 400


class FeedError(Exception):
    """A copy that must not replace the last good one; the sentence says why."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What a copy says: its rows (what `refresh.STORES` takes, and a length), its own date, its model's version."""

    rows: Any
    date: datetime | None = None
    version: str = ""


def decode[T](body: IO[bytes], shape: type[T]) -> T:
    """JSON of this shape; members that are not part of it are skipped."""
    try:
        return msgspec.json.decode(body.read(), type=shape)
    except (msgspec.DecodeError, RecursionError, UnicodeError) as error:
        raise FeedError(f"this is not the JSON of this feed: {error}") from error


def lines(body: IO[bytes], limit: int) -> Iterator[str]:
    """The lines of a text, gzipped or not, of at most `limit` bytes in all."""
    is_gzip = body.read(2) == b"\x1f\x8b"
    body.seek(0)
    text: Any = gzip.GzipFile(fileobj=body, mode="rb") if is_gzip else body
    seen = 0
    try:
        while line := text.readline(LONGEST_LINE):
            seen += len(line)
            if seen > limit or len(line) == LONGEST_LINE:
                raise FeedError("this is not the text of this feed: it or a line of it is too long")
            yield line.decode("ascii").strip()
    except (OSError, EOFError, zlib.error, UnicodeError) as error:
        raise FeedError(f"this is not the text of this feed: {error}") from error


def moment(text: str) -> datetime | None:
    """A time as feeds write it, with or without zone; None for anything else."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def once(names: Sequence[str], what: str) -> None:
    """Refuse a copy that says something twice."""
    if len(set(names)) != len(names):
        raise FeedError(f"it names a {what} twice")
