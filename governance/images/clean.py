"""Between a report and the database: one function per type, so that no hostile value reaches a column.

PostgreSQL refuses what JSON parsers pass: NUL in text, numbers beyond the column, dates beyond its calendar.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

from governance.web.fields import pack_digest

FUTURE = timedelta(minutes=5)
OLDEST = datetime(2010, 1, 1, tzinfo=UTC)
FRACTION = re.compile(r"(\.\d{6})\d+")
ARCHITECTURES = {"x86_64": "amd64", "x86-64": "amd64", "x64": "amd64", "aarch64": "arm64", "i386": "386", "i686": "386"}
HEX = re.compile(r"[0-9a-f]{64}")
# What tools write where they know none: zeros, and the SHA-256 of nothing at all.
NONE = {f"sha256:{'0' * 64}", "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"}


def clean_text(value: str, limit: int) -> str:
    """Take out NUL and cut to `limit` characters."""
    if "\x00" in value:
        value = value.replace("\x00", "")
    return value[:limit] if len(value) > limit else value


def clean_digest(value: str) -> str:
    """Return `algorithm:hex` in lower case, "" for what is no digest or stands for none. A bare 64-hex is sha256."""
    word = value.strip().lower()
    if HEX.fullmatch(word):
        word = f"sha256:{word}"
    try:
        pack_digest(word)
    except ValueError:
        return ""
    return "" if word in NONE else word


def clean_architecture(value: str) -> str:
    """As Go names it (`GOARCH`): what kernels call x86_64 and aarch64 is amd64 and arm64."""
    word = clean_text(value.strip().lower(), 30)
    return ARCHITECTURES.get(word, word)


def clean_time(value: str | datetime | None) -> datetime | None:
    """Read an RFC 3339 time (nanoseconds cut), assume UTC without a zone; None before 2010 or if unreadable."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(FRACTION.sub(r"\1", value.strip())) if value.strip() else None
        except ValueError:
            return None
    if value is None:
        return None
    try:
        value = value.astimezone(UTC) if value.tzinfo else value.replace(tzinfo=UTC)
    except (OverflowError, ValueError):
        return None
    return value if value >= OLDEST else None


def clean_scan_time(value: str | datetime | None, received: datetime) -> tuple[datetime, bool]:
    """Return when the scan was made and whether that was clamped: never later than 5 minutes after its arrival."""
    at = clean_time(value)
    if at is None:
        return received, False
    return (received, True) if at > received + FUTURE else (at, False)


def clean_url(value: str) -> str:
    """Return http(s) links only, at most 2,000 characters; anything else is dropped."""
    word = clean_text(value.strip(), 2001)
    is_link = word.startswith(("https://", "http://")) and len(word) <= 2000 and not re.search(r"[\s<>\"']", word)
    return word if is_link else ""


def clean_int(value: int, maximum: int = 2**63 - 1) -> int | None:
    """Return a number that fits the column, else None."""
    return value if 0 < value <= maximum else None
