"""A body is counted, unpacked and hashed while it streams in; what is too much stops early."""

import gzip
import hashlib
import io
import tarfile
import zipfile

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from scanning.body import Refused, receive, unpack_stored
from tests.make import Bytes

REPORT = b'{"matches": []}' * 100


def refused(data: bytes, encoding: str = "") -> int:
    with pytest.raises(Refused) as caught:
        receive(Bytes(data), encoding)
    return caught.value.status


@pytest.mark.parametrize(
    ("encoding", "data"),
    [
        ("", REPORT),
        ("identity", REPORT),
        ("gzip", gzip.compress(REPORT, mtime=0)),
        ("gzip", gzip.compress(REPORT[:700], mtime=0) + gzip.compress(REPORT[700:], mtime=0)),
        ("zstd", zstandard.compress(REPORT)),
    ],
    ids=["plain", "identity", "gzip", "gzip members", "zstd"],
)
def test_it_keeps_the_unpacked_bytes(encoding: str, data: bytes) -> None:
    body = receive(Bytes(data), encoding)
    assert unpack_stored(body.packed) == REPORT
    assert body.sha256 == hashlib.sha256(REPORT).digest()
    assert (body.wire_bytes, body.raw_bytes) == (len(data), len(REPORT))


def test_it_refuses_more_than_the_wire_limit(settings) -> None:
    settings.WIRE_LIMIT = 1000
    assert refused(b"x" * 1001) == 413


def test_a_declared_length_over_the_limit_is_refused_before_reading(settings) -> None:
    settings.WIRE_LIMIT = 1000
    source = Bytes(b"x" * 10)
    with pytest.raises(Refused):
        receive(source, "", 1001)
    assert source.data == b"x" * 10


@pytest.mark.parametrize("pack", [("gzip", gzip.compress), ("zstd", zstandard.compress)])
def test_a_bomb_stops_at_its_ratio(pack) -> None:
    encoding, compress = pack
    assert refused(compress(bytes(50 * 2**20)), encoding) == 413


def test_it_refuses_more_than_the_unpacked_limit(settings) -> None:
    settings.BODY_LIMIT = 500
    assert refused(gzip.compress(REPORT), "gzip") == 413


def make_zip() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("report.json", REPORT)
    return file.getvalue()


def make_tar(mode: str) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode=mode) as archive:
        entry = tarfile.TarInfo("../../etc/passwd")
        entry.size = len(REPORT)
        archive.addfile(entry, io.BytesIO(REPORT))
    return file.getvalue()


@pytest.mark.parametrize(
    "data",
    [make_zip(), make_tar("w"), make_tar("w:gz"), make_tar("w:xz"), b"7z\xbc\xaf\x27\x1c0"],
    ids=["zip", "tar", "tar.gz", "tar.xz", "7z"],
)
def test_archives_are_refused(data: bytes) -> None:
    assert refused(data) == 415


def test_a_packed_archive_is_refused_too() -> None:
    assert refused(gzip.compress(make_tar("w")), "gzip") == 415
    assert refused(gzip.compress(make_zip()), "gzip") == 415


@pytest.mark.parametrize(
    ("data", "encoding"),
    [(gzip.compress(REPORT, mtime=0)[:-20], "gzip"), (b"no gzip", "gzip"), (b"no zstd", "zstd")],
    ids=["cut off", "no gzip", "no zstd"],
)
def test_damaged_data_is_refused(data: bytes, encoding: str) -> None:
    assert refused(data, encoding) == 400


def test_an_unknown_encoding_is_refused() -> None:
    assert refused(REPORT, "br") == 415


@given(st.binary(max_size=3000), st.sampled_from(["", "gzip", "zstd", "br"]))
def test_any_bytes_are_taken_or_refused(data: bytes, encoding: str) -> None:
    try:
        assert receive(Bytes(data), encoding).raw_bytes >= 0
    except Refused as error:
        assert error.status in (400, 413, 415)  # noqa: PT017 (either outcome is right)
