"""A database for the real Trivy with the advisories that a test states, so that it finds just these, without a network.

Trivy's schema 2 (`trivy-db`, pkg/db) in a bbolt file (bbolt, page.go, node.go and bucket.go): pages of 4 kB, of which
the first two are meta pages, the third lists free pages, and each bucket is a leaf page of its own.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

PAGE = 4096
MAGIC, VERSION = 0xED0CDAED, 2
LEAF, META, FREE = 0x02, 0x04, 0x10
NEVER = "2099-01-01T00:00:00Z"
SOURCE = {"ID": "debian", "Name": "Debian Security Tracker", "URL": "https://tracker.example"}


def page(number: int, flags: int, count: int, body: bytes) -> bytes:
    """A page, with as many pages behind it as its body needs."""
    whole = -(-(16 + len(body)) // PAGE)
    return (struct.pack("<QHHI", number, flags, count, whole - 1) + body).ljust(whole * PAGE, b"\0")


def meta(number: int, root: int, pages: int) -> bytes:
    """Where the root bucket is; the checksum is FNV-1a of all before it."""
    body = struct.pack("<IIIIQQQQQ", MAGIC, VERSION, PAGE, 0, root, 0, 2, pages, number)
    check = 0xCBF29CE484222325
    for one in body:
        check = (check ^ one) * 0x100000001B3 % 2**64
    return page(number, META, 0, body + struct.pack("<Q", check))


class Bolt:
    """The pages of nested buckets, the innermost first."""

    def __init__(self, root: dict[str, Any]) -> None:
        self.pages = [page(2, FREE, 0, b"")]
        self.next = 3
        top = self.bucket(root)
        self.whole = b"".join([meta(0, top, self.next), meta(1, top, self.next), *self.pages])

    def bucket(self, items: dict[str, Any]) -> int:
        """Write one; returns the number of its page."""
        rows = []
        for key, value in sorted((key.encode(), value) for key, value in items.items()):
            is_bucket = isinstance(value, dict)
            rows.append((int(is_bucket), key, struct.pack("<QQ", self.bucket(value), 0) if is_bucket else value))
        heads, data = b"", b""
        for place, (flags, key, value) in enumerate(rows):
            # From this element's head to its key.
            where = 16 * (len(rows) - place) + len(data)
            heads += struct.pack("<IIII", flags, where, len(key), len(value))
            data += key + value
        number, written = self.next, page(self.next, LEAF, len(rows), heads + data)
        self.pages.append(written)
        self.next += len(written) // PAGE
        return number


def write_database(cache: Path, system: str, advisories: dict[str, tuple[str, str, str]]) -> None:
    """`advisories` is {identifier: (source package, version with the fix or nothing, severity)} of one `system`."""
    packages: dict[str, dict[str, bytes]] = {}
    for name, (package, fixed, _) in advisories.items():
        said = {"FixedVersion": fixed} if fixed else {"Status": 2}
        packages.setdefault(package, {})[name] = json.dumps(said).encode()
    known = {
        name: json.dumps({"Title": f"A flaw in {package}", "Severity": severity}).encode()
        for name, (package, _, severity) in advisories.items()
    }
    root = {"data-source": {system: json.dumps(SOURCE).encode()}, system: packages, "vulnerability": known}
    (cache / "db").mkdir(parents=True)
    (cache / "db" / "trivy.db").write_bytes(Bolt(root).whole)
    dates = dict.fromkeys(("NextUpdate", "UpdatedAt", "DownloadedAt"), NEVER)
    (cache / "db" / "metadata.json").write_text(json.dumps({"Version": 2, **dates}))
