"""Which tags or digest an entry of the approved list means, as one regular expression that every enforcer reads alike.

| written | means |
|---|---|
| `*` | every tag |
| `3.20*`, `*-slim`, `bookworm` | tags by name; `*` any signs, `?` one |
| `~3.20`, `^3.18`, `>=3.18 <3.22` | tags that are versions of one to three numbers; missing ones count as 0 |
| `>=3.11 <3.14 -slim*` | the same with an ending |
| `sha256:…` | one digest |

The expressions keep to what Go's RE2, Rust's regex and Python's re have in common: no look-around, no back references.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum

from governance.images.clean import clean_digest

GLOB = re.compile(r"[A-Za-z0-9_*?][A-Za-z0-9._*?-]{0,127}")
ENDING = re.compile(r"-[A-Za-z0-9._*?-]{1,100}")
COMPARISON = re.compile(r"(>=|<=|>|<|=|~|\^)v?([0-9]{1,9})(?:\.([0-9]{1,9}))?(?:\.([0-9]{1,9}))?")
SIGN = "[A-Za-z0-9._-]"
ANY_TAIL = (r"(?:\.[0-9]+(?:\.[0-9]+)?)?", r"(?:\.[0-9]+)?", "")
MOST_WORDS = 6

type Version = tuple[int, ...]


class Kind(StrEnum):
    """How an entry names what it means."""

    TAGS = "tags"
    RANGE = "range"
    DIGEST = "digest"


@dataclass(frozen=True, slots=True)
class Pattern:
    """`expression` is for the whole tag (empty for a digest); of two that fit, the one with the higher `rank` counts.

    A digest goes before a tag written out, that before one with `*`, the more of it is written out the better; then
    come ranges, and `*` last.
    """

    kind: Kind
    text: str
    expression: str
    rank: tuple[int, int]

    def fits(self, tag: str) -> bool:
        """The tag is one of those meant."""
        return bool(self.expression) and re.fullmatch(self.expression, tag) is not None


def read_pattern(text: str) -> Pattern:
    """Read what a person wrote. Raises ValueError with a sentence that says what is wrong."""
    text = " ".join(text.split())
    if digest := clean_digest(text):
        return Pattern(Kind.DIGEST, digest, "", (3, 0))
    if text.partition(":")[0] in ("sha256", "sha384", "sha512"):
        raise ValueError("This digest is not whole.")
    if text[:1] in ("<", ">", "=", "~", "^"):
        return _range(text)
    if not GLOB.fullmatch(text):
        raise ValueError("Write a tag such as 3.20*, a range such as >=3.18 <3.22, a digest, or * for every tag.")
    written = len(text.replace("*", "").replace("?", ""))
    place = 2 if written == len(text) else 1 if written else 0
    return Pattern(Kind.TAGS, text, _glob(text), (place, written))


def _glob(text: str) -> str:
    return "".join({"*": f"{SIGN}*", "?": SIGN}.get(sign, re.escape(sign)) for sign in text)


def _range(text: str) -> Pattern:
    words = text.split(" ")
    ending = words.pop() if ENDING.fullmatch(words[-1]) else ""
    if not words or len(words) > MOST_WORDS:
        raise ValueError(f"Write one to {MOST_WORDS} comparisons, such as >=3.18 <3.22.")
    low: Version = (0, 0, 0)
    high: Version | None = None
    for word in words:
        least, below = _bounds(word)
        low = max(low, least)
        if below is not None:
            high = below if high is None else min(high, below)
    versions = _between(low, high, 0)
    if versions is None:
        raise ValueError(f"No version fits {text}.")
    return Pattern(Kind.RANGE, text, f"v?{versions}{_glob(ending)}", (1, len(ending.replace("*", ""))))


def _bounds(word: str) -> tuple[Version, Version | None]:
    """The first version that one comparison lets in, and the first beyond it that it no longer does (None: no end)."""
    found = COMPARISON.fullmatch(word)
    if found is None:
        raise ValueError(f"{word[:40]} is no comparison such as >=3.18, ~3.20 or ^3.")
    given = [int(part) for part in found.groups()[1:] if part is not None]
    version = _padded(given)
    if found[1] in ("<", "<="):
        return (0, 0, 0), version if found[1] == "<" else _next(given, len(given))
    if found[1] == ">=":
        return version, None
    if found[1] == ">":
        return _next(given, len(given)), None
    return version, _next(given, _kept(found[1], given))


def _kept(sign: str, given: list[int]) -> int:
    """How many of the numbers given stay the same: `=` all, `~` the first two, `^` up to the first that is not 0."""
    if sign == "^":
        return next((place for place, number in enumerate(given, 1) if number), len(given))
    return min(len(given), 2) if sign == "~" else len(given)


def _padded(given: list[int]) -> Version:
    return tuple([*given, 0, 0][:3])


def _next(given: list[int], kept: int) -> Version:
    return _padded([*given[: kept - 1], given[kept - 1] + 1])


def _between(low: Version | None, high: Version | None, place: int) -> str | None:
    """The numbers from `place` on that lie in [low, high); None for a side is no bound. None where nothing does."""
    if place == 3:
        return "" if high is None else None
    first, last = low[0] if low else 0, high[0] if high else None
    found = []
    if last is not None and first == last:
        found.append((str(first), _between(low[1:] if low else None, high[1:] if high else None, place + 1)))
    elif last is None or first < last:
        if low:
            found.append((number_between(first, first), _between(low[1:], None, place + 1) if any(low[1:]) else None))
            first += 1 if any(low[1:]) else 0
        middle = last - 1 if last is not None else None
        if middle is None or first <= middle:
            found.append((number_between(first, middle), ANY_TAIL[place]))
        if high:
            found.append((str(last), _between(None, high[1:], place + 1)))
    parts = [f"0*(?:{number}){tail}" for number, tail in found if tail is not None]
    if not parts:
        return None
    one = parts[0] if len(parts) == 1 else f"(?:{'|'.join(parts)})"
    if place == 0:
        return one
    zero = (0,) * (3 - place)
    left_out = (low is None or low <= zero) and (high is None or zero < high)
    return rf"(?:\.{one})?" if left_out else rf"\.{one}"


def number_between(low: int, high: int | None) -> str:
    """Whole numbers from `low` to `high` (None: without end), without leading zeros, as an expression."""
    if high is None:
        digits = len(str(low))
        return "|".join([*_of_length(low, 10**digits - 1), f"[1-9][0-9]{{{digits},}}"])
    found = []
    while low <= high:
        last = min(high, 10 ** len(str(low)) - 1)
        found += _of_length(low, last)
        low = last + 1
    return "|".join(found)


def _of_length(low: int, high: int) -> list[str]:
    """Numbers with as many digits as both have."""
    return _same(str(low), str(high))


def _same(low: str, high: str) -> list[str]:
    if low == high:
        return [low]
    rest = len(low) - 1
    if not rest:
        return [f"[{low}-{high}]"]
    if low[0] == high[0]:
        return [low[0] + tail for tail in _same(low[1:], high[1:])]
    found, first, last = [], int(low[0]), int(high[0])
    if low[1:] != "0" * rest:
        found += [low[0] + tail for tail in _same(low[1:], "9" * rest)]
        first += 1
    tails = []
    if high[1:] != "9" * rest:
        tails = [high[0] + tail for tail in _same("0" * rest, high[1:])]
        last -= 1
    if first <= last:
        found.append(f"[{first}-{last}]" + "[0-9]" * rest)
    return found + tails
