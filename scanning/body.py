"""Reading a request's body: counted, hashed, unpacked and packed again while it streams in, never parsed."""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Protocol, cast

import zstandard
from django.conf import settings

# Web servers buffer what they read ahead and copy it for each piece that is asked for.
CHUNK = 262_144
# Small bodies of repeated text pack better than any ratio worth refusing.
RATIO_FREE = 2**20
ARCHIVES = {
    b"PK\x03\x04": "a zip archive",
    b"7z\xbc\xaf\x27\x1c": "a 7z archive",
    b"BZh": "a bzip2 file",
    b"\xfd7zXZ\x00": "an xz file",
    b"\x1f\x8b": "gzip data without the header `Content-Encoding: gzip`",
    b"\x28\xb5\x2f\xfd": "zstd data without the header `Content-Encoding: zstd`",
}


class Source(Protocol):
    """Anything to read from."""

    def read(self, size: int, /) -> bytes:
        """At most `size` bytes, none at the end."""
        ...


class Refused(Exception):
    """The body is not taken; `status` is the HTTP status that says why."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True, slots=True)
class Body:
    """What arrived: SHA-256 of the unpacked bytes, both sizes, and the bytes as zstd."""

    sha256: bytes
    wire_bytes: int
    raw_bytes: int
    packed: bytes


class Counted:
    """A source that knows how much was read and refuses more than the wire limit."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.total = 0

    def read(self, size: int = CHUNK) -> bytes:
        """At most 64 kB at a time."""
        try:
            chunk = self.source.read(min(size, CHUNK) if size > 0 else CHUNK)
        except Exception as error:
            # Each server has errors of its own for a body that breaks off.
            raise cut_off(self.total) from error
        self.total += len(chunk)
        if self.total > settings.WIRE_LIMIT:
            raise too_large(settings.WIRE_LIMIT, "as sent")
        return chunk


def too_large(limit: int, what: str) -> Refused:
    """413 with the limit in words."""
    return Refused(413, f"the report is larger than {limit // 2**20} MiB {what}")


def cut_off(received: int) -> Refused:
    """400: the sender went away, or does not keep to the protocol. Half a report must not be taken for a whole one."""
    return Refused(400, f"the body was cut off after {received:,} bytes; send it again")


def receive(source: Source, encoding: str = "", length: int | None = None) -> Body:
    """Read to the end. Raises `Refused`: 413 over a limit, 415 for archives and unknown encodings, 400 if damaged.

    `length` is what the sender announced; a body that ends earlier was cut off on its way.
    """
    if length is not None and length > settings.WIRE_LIMIT:
        raise too_large(settings.WIRE_LIMIT, "as sent")
    wire = Counted(source)
    digest, raw = hashlib.sha256(), 0
    packer = zstandard.ZstdCompressor(level=3).compressobj()
    packed = bytearray()
    head = b""
    for chunk in _unpack(wire, encoding.strip().lower()):
        if len(head) < 512:
            head += chunk[:512]
            _refuse_archive(head)
        raw += len(chunk)
        if raw > settings.BODY_LIMIT:
            raise too_large(settings.BODY_LIMIT, "unpacked")
        if raw > RATIO_FREE + settings.RATIO_LIMIT * wire.total:
            raise Refused(413, f"the report unpacks to more than {settings.RATIO_LIMIT} times its size")
        digest.update(chunk)
        packed += packer.compress(chunk)
    if length is not None and wire.total < length:
        raise cut_off(wire.total)
    packed += packer.flush()
    return Body(digest.digest(), wire.total, raw, bytes(packed))


def _refuse_archive(head: bytes) -> None:
    for magic, name in ARCHIVES.items():
        if head.startswith(magic):
            raise Refused(415, f"the body is {name}; send the report itself, as the scanner wrote it")
    if head[257:262] == b"ustar":
        raise Refused(415, "the body is a tar archive; send the report itself, as the scanner wrote it")


def _unpack(wire: Counted, encoding: str) -> Iterator[bytes]:
    if encoding in ("", "identity"):
        return _plain(wire)
    if encoding in ("gzip", "x-gzip"):
        return _gzip(wire)
    if encoding == "zstd":
        return _zstd(wire)
    raise Refused(415, f"content encoding {encoding[:40]!r} is not one of gzip, zstd, identity")


def _plain(wire: Counted) -> Iterator[bytes]:
    while chunk := wire.read():
        yield chunk


def _gzip(wire: Counted) -> Iterator[bytes]:
    """Members one after the other (RFC 1952, section 2.2), never more than 64 kB out of one step."""
    unpacker = zlib.decompressobj(wbits=31)
    rest = b""
    try:
        while rest or (rest := wire.read()):
            if unpacker.eof:
                unpacker = zlib.decompressobj(wbits=31)
            yield unpacker.decompress(rest, CHUNK)
            rest = unpacker.unused_data if unpacker.eof else unpacker.unconsumed_tail
        yield unpacker.flush()
    except zlib.error as error:
        raise Refused(400, f"the gzip data is damaged: {error}") from error
    if not unpacker.eof:
        raise Refused(400, "the gzip data ends too early")


def _zstd(wire: Counted) -> Iterator[bytes]:
    reader = zstandard.ZstdDecompressor(max_window_size=2**27).stream_reader(
        cast("IO[bytes]", wire), read_across_frames=True
    )
    try:
        while chunk := reader.read(CHUNK):
            yield chunk
    except zstandard.ZstdError as error:
        raise Refused(400, f"the zstd data is damaged: {error}") from error


def unpack_stored(packed: bytes) -> bytes:
    """The bytes of a stored body."""
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    return unpacker.decompress(packed)
