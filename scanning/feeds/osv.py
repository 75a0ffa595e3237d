"""OSV's bulk file of an ecosystem (`ECOSYSTEM/all.zip`, ossf/osv-schema 1.7): one JSON document per advisory.

The zip is a stranger's: its directory, each member and all of them together are bounded before they are read. A record
that cannot be read is noted and left out; the rest counts.
"""

from __future__ import annotations

import hashlib
import struct
import zipfile
import zlib
from collections.abc import Collection, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import IO, NamedTuple

import msgspec

from governance.findings.osv.advice import Record
from governance.findings.osv.ecosystems import ECOSYSTEMS, feed_name, split_ecosystem
from scanning.feeds.osv_model import Peek, PeekAffected
from scanning.feeds.osv_record import BadRecord, decode, moment, name_of
from scanning.feeds.osv_record import read as read_record
from scanning.feeds.reading import FeedError, Reading

PEEK = msgspec.json.Decoder(Peek)
MAX_DIRECTORY = 128 * 2**20
MAX_MEMBERS = 500_000
MAX_RECORD = 32 * 2**20
# All records unpacked: JSON packs to a tenth or less, a bomb to a thousandth.
MAX_UNPACKED, MAX_RATIO = 2**30, 60
MAX_NOTES = 20
END = struct.Struct("<4s4H2LH")  # end of central directory record (APPNOTE 4.3.16)
# Part of each hash: with another number everything is read again, because we read more of it than before.
READING = b"1"
UNREADABLE = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError, ValueError)


class Member(NamedTuple):
    """Where the newest copy of a record lies."""

    number: int
    modified: datetime
    hash: bytes


class Archive:
    """An opened zip: what it says of one ecosystem (`governance.findings.osv.advice.Offer`). FeedError: not read."""

    def __init__(self, body: IO[bytes], ecosystem: str) -> None:
        self.ecosystem = ecosystem
        self.notes: list[str] = []
        self.unreadable: set[str] = set()
        size = check_directory(body)
        try:
            self.zip = zipfile.ZipFile(body)
        except UNREADABLE as error:
            raise FeedError(f"this is not the zip of this feed: {error}") from None
        self.files = [one for one in self.zip.infolist() if one.filename.endswith(".json")]
        self.left = max(MAX_UNPACKED, size * MAX_RATIO)
        self.members: dict[str, Member] = {}
        self._look_through()

    def __len__(self) -> int:
        return len(self.members)

    @property
    def date(self) -> datetime | None:
        """When the newest of its records was changed."""
        return max((member.modified for member in self.members.values()), default=None)

    def hashes(self) -> dict[str, bytes]:
        """{record: hash of what it says}."""
        return {name: member.hash for name, member in self.members.items()}

    def records(self, names: Collection[str]) -> Iterator[Record]:
        """Those records in full, in the order of the file."""
        for number, name in sorted((self.members[name].number, name) for name in names):
            try:
                yield read_record(self._unpack(self.files[number]))
            except BadRecord as error:
                self._note(name, error)

    def _look_through(self) -> None:
        """Find every record's newest copy."""
        for number, file in enumerate(self.files):
            stem = file.filename.rpartition("/")[2].removesuffix(".json")
            try:
                data = self._unpack(file)
                peek = decode(PEEK, data)
                if any(self._is_ours(one) for one in peek.affected or ()):
                    name, at = name_of(peek.id), moment(peek.modified)
                    known = self.members.get(name)
                    if known is None or known.modified < at:
                        hashed = hashlib.blake2b(data + READING, digest_size=16).digest()
                        self.members[name] = Member(number, at, hashed)
            except BadRecord as error:
                self._note(stem, error)

    def _is_ours(self, affected: PeekAffected) -> bool:
        return affected.package is not None and split_ecosystem(affected.package.ecosystem)[0] == self.ecosystem

    def _unpack(self, member: zipfile.ZipInfo) -> bytes:
        """The member's bytes. Raises `BadRecord`, and `FeedError` where all together become too much."""
        if member.file_size > MAX_RECORD:
            raise BadRecord(f"larger than {MAX_RECORD // 2**20} MB")
        try:
            with self.zip.open(member) as file:
                data = file.read(MAX_RECORD + 1)
        except UNREADABLE as error:
            raise BadRecord(f"cannot be unpacked: {str(error)[:200]}") from None
        self.left -= len(data)
        if self.left < 0:
            raise FeedError("the zip unpacks to more than such files do: it may be a bomb")
        if len(data) > MAX_RECORD:
            raise BadRecord(f"larger than {MAX_RECORD // 2**20} MB")
        return data

    def _note(self, name: str, error: BadRecord) -> None:
        self.unreadable.add(name)
        if len(self.notes) < MAX_NOTES:
            self.notes.append(f"{name[:100]}: {error}")


def check_directory(body: IO[bytes]) -> int:
    """Refuse a zip whose directory alone would fill the memory; returns how many bytes the zip has."""
    size = body.seek(0, 2)
    body.seek(max(0, size - END.size - 0xFFFF))
    tail = body.read()
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or len(tail) - at < END.size:
        raise FeedError("this is not the zip of this feed")
    _, _, _, _, members, length, _, _ = END.unpack_from(tail, at)
    if length > MAX_DIRECTORY or (members != 0xFFFF and members > MAX_MEMBERS):
        raise FeedError(f"a zip with a directory of {length // 2**20} MB is larger than such files are")
    return size


class Feed:
    """The advisories on one ecosystem's packages (`scanning.feeds.Feed`)."""

    EVERY = timedelta(hours=6)
    # The newest change of any record: a small ecosystem may rest for weeks.
    STALE = timedelta(days=60)
    LIMIT, SHRINK = 2**30, 20
    BUILT_IN: Path | None = None
    KEEP = False
    OPTIONAL = True

    def __init__(self, ecosystem: str) -> None:
        self.ecosystem = ecosystem
        self.NAME = feed_name(ecosystem)
        self.TITLE = f"OSV: {ecosystem}"
        self.ABOUT = f"Advisories on {ecosystem}'s packages, with which the known packages of all images are matched."

    def read(self, body: IO[bytes]) -> Reading:
        """Look through all records; those that changed are read in full when they are stored."""
        archive = Archive(body, self.ecosystem)
        if not archive:
            raise FeedError(f"no record of it speaks of packages of {self.ecosystem}")
        return Reading(archive, archive.date)


FEEDS = tuple(map(Feed, ECOSYSTEMS))
