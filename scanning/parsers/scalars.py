"""Single values as scanners write them: texts, scores, points in time."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec

# What may stand where a text belongs: hand-made documents write versions as numbers.
Scalar = str | int | float | bool | None

MAX_DESCRIPTION = 4_000
MAX_LICENSES = 32
MAX_LICENSE = 1_000
ZERO_TIME = "0001-01-01"  # Go's time.Time{}: "not set"


def text_of(value: Scalar) -> str:
    """Return it as text; null is ""."""
    return value if isinstance(value, str) else "" if value is None else str(value)


def score_of(*values: float | None) -> float:
    """Return the highest base score among them; what is not a CVSS score (0 to 10) is none."""
    best = 0.0
    for value in values:
        if value is not None and best < value <= 10:
            best = value
    return best


def points_of(value: Scalar) -> float | None:
    """Return a score that may be written as text; None where it is none."""
    try:
        return None if value is None else float(value)
    except (ValueError, OverflowError):
        return None


def size_of(value: int | None) -> int:
    """Return a number of bytes, 0 where it is none that fits 64 bits."""
    return value if value and 0 < value < 1 << 63 else 0


def moment(value: Scalar) -> datetime | None:
    """Read an RFC 3339 time, in UTC where it names no zone, or seconds since 1970; anything else is None."""
    try:
        # A number is seconds; a number in a text is no time.
        read = msgspec.convert(value, datetime, strict=isinstance(value, str | bool))
        if read.year <= 1:
            return None
        return read.replace(tzinfo=UTC) if read.tzinfo is None else read.astimezone(UTC)
    except (msgspec.ValidationError, ValueError, OverflowError):
        return None


def time_text(value: str | None) -> str:
    """Return a time as written, or "" where it is Go's zero time."""
    return "" if not value or value.startswith(ZERO_TIME) else value


def licenses_of(names: list[str]) -> tuple[str, ...]:
    """Keep the first of the licences, shortened: some packages carry whole licence texts."""
    return tuple([name[:MAX_LICENSE] for name in names[:MAX_LICENSES] if name])
