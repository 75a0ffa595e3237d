"""What feeds say, and what is no feed."""

from __future__ import annotations

import gzip
import io
import json
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scanning.feeds import FEEDS, FeedError, endoflife, epss, kev

EPSS = b"""#model_version:v2026.03.14,score_date:2026-11-20T00:00:00+0000
cve,epss,percentile
CVE-2099-0001,0.94210,0.99950
CVE-2099-0002,0.00042,0.11000
CVE-2099-0003,1,1.0
"""


def catalogue(*entries: dict[str, Any], **fields: Any) -> bytes:
    document = {"title": "t", "catalogVersion": "2026.11.20", "dateReleased": "2026-11-20T15:00:00.000Z"}
    return json.dumps({**document, "count": len(entries), "vulnerabilities": entries, **fields}).encode()


def entry(cve: str = "CVE-2099-0001", **fields: Any) -> dict[str, Any]:
    return {"cveID": cve, "dateAdded": "2026-11-01", "dueDate": "2026-11-22", "shortDescription": "Invented.", **fields}


KEV = catalogue(entry(knownRansomwareCampaignUse="Known"), entry("CVE-2099-0002", knownRansomwareCampaignUse="Unknown"))


def test_epss_is_read_packed_or_not() -> None:
    for body in (EPSS, gzip.compress(EPSS), EPSS.replace(b"\n", b"\r\n")):
        found = epss.read(io.BytesIO(body))
        assert found.rows[0] == ("CVE-2099-0001", 0.9421, 0.9995)
        assert (len(found.rows), found.version) == (3, "v2026.03.14")
        assert found.date == datetime(2026, 11, 20, tzinfo=UTC)


def test_epss_of_before_2022_has_no_first_line() -> None:
    found = epss.read(io.BytesIO(EPSS.partition(b"\n")[2]))
    assert (len(found.rows), found.date, found.version) == (3, None, "")


@pytest.mark.parametrize(
    "row",
    [
        *("CVE-2099-0009,nan,0.1", "CVE-2099-0009,0.1", "CVE-2099-0009,1.1,0.1", "CVE-2099-0009,-0.1,0.1", "x,0.1,0.1"),
        *("CVE-2099-0009,1e400,0.1", "CVE-2099-0009,0.1,0.1,0.1", "CVE-2099-0001,0.1,0.1", "CVE-2099-0009,,", "\x00"),
        *("CVE-2099-0009,\u0660,0.1", f"CVE-2099-{'9' * 20},0.1,0.1", "CVE-2099-0009,0_1,0.1", "x" * 500),
    ],
)
def test_one_wrong_row_refuses_all_of_epss(row: str) -> None:
    with pytest.raises(FeedError):
        epss.read(io.BytesIO(EPSS + row.encode() + b"\n"))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"cve,epss,percentile\n",
        b"<html>",
        gzip.compress(EPSS, mtime=0)[:-9],
        b"\x1f\x8bxxxx",
        gzip.compress(b"x" * 10_000, mtime=0),
    ],
)
def test_what_is_no_epss_is_refused(body: bytes) -> None:
    with pytest.raises(FeedError):
        epss.read(io.BytesIO(body))


def test_a_bomb_is_not_unpacked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(epss, "TEXT_LIMIT", 100_000)
    bomb = gzip.compress(EPSS + b"\n" * 50_000_000)
    assert len(bomb) < 60_000
    with pytest.raises(FeedError, match="too long"):
        epss.read(io.BytesIO(bomb))


def test_the_catalogue_is_read() -> None:
    found = kev.read(io.BytesIO(KEV))
    assert found.rows[0] == ("CVE-2099-0001", date(2026, 11, 1), date(2026, 11, 22), True)
    assert found.rows[1].ransomware is False
    assert found.version == "2026.11.20"


@pytest.mark.parametrize(
    "body",
    [
        catalogue(entry(), count=2),
        catalogue(),
        catalogue(entry(), entry()),
        catalogue(entry("CVE-2099-1")),
        catalogue(entry("<script>")),
        catalogue(entry(dateAdded="soon")),
        catalogue(entry(), count="1"),
        KEV[:-20],
        b"[" * 100_000,
        b"null",
        b'{"catalogVersion": "\xed\xa0\x80"}',
        b"",
    ],
)
def test_what_is_no_catalogue_is_refused(body: bytes) -> None:
    with pytest.raises(FeedError):
        kev.read(io.BytesIO(body))


def test_dates_of_distributions_are_read_and_others_skipped() -> None:
    releases = [{"name": "12", "eolFrom": "2026-06-10", "eoesFrom": "2028-06-30"}, {"name": "4", "isEol": True}]
    document = {
        "generated_at": "2026-11-20T00:00:00+00:00",
        "result": [
            {"name": "debian", "releases": releases},
            {"name": "ubuntu", "releases": [{"name": "24.04", "eolFrom": "2029-05-31", "eoesFrom": "2034-04-25"}]},
            {"name": "centos-stream", "releases": [{"name": "8", "eolFrom": "2024-05-31"}]},
            {"name": "centos", "releases": [{"name": "8", "eolFrom": "2021-12-31"}]},
            {"name": "python", "releases": [{"name": "3.9", "eolFrom": "2025-10-31"}]},
        ],
    }
    found = endoflife.read(io.BytesIO(json.dumps(document).encode()))
    assert set(found.rows) == {
        # Debian's long-term support is for everybody, Ubuntu's is not.
        ("debian", "12", date(2028, 6, 30), False),
        ("debian", "4", None, True),
        ("ubuntu", "24.04", date(2029, 5, 31), False),
        ("centos", "8", date(2021, 12, 31), False),
    }


def test_the_built_in_dates_are_read() -> None:
    with endoflife.BUILT_IN.open("rb") as body:
        found = endoflife.read(body)
    assert found.date
    assert {"debian", "ubuntu", "alpine", "rhel", "amzn"} <= {life.distro for life in found.rows}


@given(st.binary(max_size=300), st.sampled_from(FEEDS), st.sampled_from([b"", EPSS, KEV]), st.integers(0, 400))
def test_hostile_bytes_are_refused_or_read(noise: bytes, feed: Any, base: bytes, place: int) -> None:
    try:
        rows = feed.read(io.BytesIO(base[:place] + noise + base[place:])).rows
    except FeedError:
        return
    assert rows
