"""OSV's zip: read as far as it can be, whatever a stranger put into it."""

import io
import json
import zipfile
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from governance.findings.osv.advice import Event, Record
from governance.findings.report import Severity
from scanning.feeds import FEEDS, FeedError, osv
from scanning.feeds.osv import Archive
from scanning.feeds.osv_record import BadRecord, read
from tests.make_osv import VECTOR, make_advisory, make_zip

VECTOR_4 = "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"


def opened(data: bytes, ecosystem: str = "Debian") -> Archive:
    """The archive."""
    return Archive(io.BytesIO(data), ecosystem)


def record(**fields: Any) -> Record:
    """One record, read."""
    return read(json.dumps(make_advisory(**fields)).encode())


def test_a_record_is_read() -> None:
    found = record()
    assert (found.name, found.aliases, found.cvss) == ("DEBIAN-CVE-2099-0001", ("CVE-2099-0001",), 7.5)
    assert found.url == "https://advisories.example/DEBIAN-CVE-2099-0001"
    one = found.affected[0]
    assert (one.ecosystem, one.release, one.package, one.severity) == ("Debian", "12", "openssl", Severity.HIGH)
    assert one.statement.ranges == (((Event.INTRODUCED, "0"), (Event.FIXED, "3.0.16-1")),)


def test_null_lists_and_absent_members_are_empty() -> None:
    names = (
        "aliases",
        "upstream",
        "severity",
        "affected",
        "references",
        "summary",
        "details",
        "published",
        "withdrawn",
    )
    found = record(**dict.fromkeys(names))
    assert (found.aliases, found.affected, found.cvss, found.withdrawn) == ((), (), 0.0, False)
    package = {"package": {"ecosystem": "npm", "name": "a"}, "ranges": None, "versions": None, "severity": None}
    assert record(affected=[package, {"package": None}, {}]).affected[0].statement.ranges == ()
    events = {"package": {"ecosystem": "npm", "name": "a"}, "ranges": [{"type": "SEMVER", "events": None}]}
    assert record(affected=[events]).affected[0].statement.ranges == ()
    assert read(b'{"id": "X-1", "modified": "2026-08-20T10:00:00Z"}').name == "X-1"


def test_ranges_of_commits_and_packages_of_no_list_are_left_out() -> None:
    commits = {"type": "GIT", "repo": "https://git.example/a", "events": [{"introduced": "0"}]}
    package = {"package": {"ecosystem": "PyPI", "name": "A_b"}, "ranges": [commits], "versions": ["1.0"]}
    elsewhere = {"package": {"ecosystem": "Android", "name": "a"}, "versions": ["1"]}
    found = record(affected=[package, elsewhere])
    assert [(one.package, one.statement.ranges, one.statement.versions) for one in found.affected] == [
        ("a-b", (), ("1.0",))
    ]


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({"severity": [{"type": "CVSS_V3", "score": VECTOR}]}, (Severity.HIGH, "", 7.5)),
        ({"severity": [{"type": "CVSS_V2", "score": "AV:N/AC:L/Au:N/C:P/I:P/A:P"}]}, (Severity.HIGH, "", 7.5)),
        (
            {
                "severity": [
                    {"type": "CVSS_V4", "score": "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"}
                ]
            },
            (Severity.CRITICAL, "", 9.3),
        ),
        ({"severity": [{"type": "Ubuntu", "score": "negligible"}]}, (Severity.NEGLIGIBLE, "negligible", 0.0)),
        ({"database_specific": {"severity": "MODERATE"}}, (Severity.MEDIUM, "MODERATE", 7.5)),
        ({"database_specific": {"severity": ["HIGH"]}}, (Severity.HIGH, "", 7.5)),
        ({"database_specific": "HIGH"}, (Severity.HIGH, "", 7.5)),
        ({"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/AV:N"}]}, (Severity.UNKNOWN, "", 0.0)),
        ({"severity": [{"type": "CVSS_V3", "score": "9.8"}]}, (Severity.UNKNOWN, "", 0.0)),
        ({"severity": [{"type": "CVSS_V3", "score": "CVSS:3.1/" + "A" * 10**6}]}, (Severity.UNKNOWN, "", 0.0)),
    ],
)
def test_severity_is_the_publishers_word_before_a_score(fields: dict[str, Any], expected: tuple[Any, ...]) -> None:
    found = record(**fields)
    assert (found.affected[0].severity, found.affected[0].severity_word, found.cvss) == expected


def test_the_urgency_of_a_release_counts_there() -> None:
    advisory = make_advisory()
    advisory["affected"][0]["ecosystem_specific"] = {"urgency": "unimportant"}
    found = read(json.dumps(advisory).encode())
    assert (found.affected[0].severity, found.affected[0].severity_word) == (Severity.NEGLIGIBLE, "unimportant")


@pytest.mark.parametrize(
    "fields",
    [
        {"id": ""},
        {"id": "a" * 101},
        {"id": "a b"},
        {"id": "a\x00"},
        {"id": None},
        {"id": ["CVE-2099-0001"]},
        {"modified": "yesterday"},
        {"modified": "2026-08-20T10:00:00"},
        {"modified": 1},
        {"published": "0000-00-00T00:00:00Z"},
        {"affected": {"package": "x"}},
        {"affected": [{"package": {"ecosystem": "npm", "name": "a"}, "versions": ["1.0"] * 200_001}]},
        {"aliases": "CVE-2099-0001"},
    ],
)
def test_a_bad_record_says_why(fields: dict[str, Any]) -> None:
    with pytest.raises(BadRecord):
        read(json.dumps(make_advisory() | fields).encode())


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"null", b"\xff\xfe", b"[" * 100_000, b'{"id": "\\ud800"}', b"{}"])
def test_what_is_no_record_says_so(data: bytes) -> None:
    with pytest.raises(BadRecord):
        read(data)


def test_one_bad_record_is_noted_and_the_rest_counts() -> None:
    bad = {"DSA-1": b"{", "DSA-2": b"[]", "DSA-3": b'{"id": 1}'}
    archive = opened(make_zip(make_advisory(), make_advisory("DSA-4", modified="never"), **bad))
    assert list(archive.hashes()) == ["DEBIAN-CVE-2099-0001"]
    assert set(archive.unreadable) == {"DSA-1", "DSA-2", "DSA-3", "DSA-4"}
    assert any(note.startswith("DSA-4: no point in time") for note in archive.notes)


def test_a_record_that_proves_bad_only_when_read_in_full_is_noted() -> None:
    archive = opened(make_zip(make_advisory(), make_advisory("DSA-2", aliases="x")))
    names = archive.hashes().keys()
    assert [one.name for one in archive.records(names)] == ["DEBIAN-CVE-2099-0001"]
    assert set(archive.unreadable) == {"DSA-2"}


def test_of_two_records_with_one_id_the_newest_counts() -> None:
    old, new = make_advisory(fixed="1"), make_advisory(fixed="2", modified="2026-08-21T10:00:00Z")
    for first, second in ((old, new), (new, old)):
        raw = [json.dumps(one).encode() for one in (first, second)]
        archive = opened(make_zip(*raw))
        (found,) = archive.records(archive.hashes())
        assert found.affected[0].statement.ranges[0][1] == (Event.FIXED, "2")


def test_a_record_counts_for_each_of_its_ecosystems() -> None:
    advisory = make_advisory("GHSA-1", "a", "npm")
    advisory["affected"] += make_advisory("GHSA-1", "b", "PyPI")["affected"]
    data = make_zip(advisory)
    assert opened(data, "npm").hashes() == opened(data, "PyPI").hashes()
    assert len(opened(data)) == 0


def test_each_ecosystem_is_a_feed_of_its_own() -> None:
    feed = next(feed for feed in FEEDS if feed.NAME == "osv-debian")
    found = feed.read(io.BytesIO(make_zip(make_advisory(), make_advisory("DSA-2", modified="2026-08-21T10:00:00Z"))))
    assert (len(found.rows), str(found.date)) == (2, "2026-08-21 10:00:00+00:00")
    with pytest.raises(FeedError, match="no record"):
        feed.read(io.BytesIO(make_zip(make_advisory("GHSA-1", "a", "npm"))))
    assert len({feed.NAME for feed in FEEDS}) == len(FEEDS)


@pytest.mark.parametrize("data", [b"", b"PK", b"not a zip", b"PK\x05\x06" + b"\xff" * 18, b"x" * 100_000])
def test_what_is_no_zip_is_refused(
    data: bytes,
) -> None:
    with pytest.raises(FeedError):
        opened(data)


def test_a_huge_member_is_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osv, "MAX_RECORD", 5_000)
    archive = opened(make_zip(make_advisory(), make_advisory("DSA-2", details="x" * 10_000)))
    assert set(archive.unreadable) == {"DSA-2"}
    assert len(archive.hashes()) == 1


def test_a_member_that_lies_about_its_size_is_noted() -> None:
    data = bytearray(make_zip(make_advisory(), **{"DSA-2": json.dumps(make_advisory("DSA-2")).encode()}))
    at = data.rfind(b"PK\x01\x02")
    data[at + 24 : at + 28] = (100).to_bytes(4, "little")
    archive = opened(bytes(data))
    assert set(archive.unreadable) == {"DSA-2"}


def test_a_bomb_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osv, "MAX_UNPACKED", 1_000_000)
    with pytest.raises(FeedError, match="bomb"):
        opened(make_zip(*[b" " * 2_000_000] * 2))


def test_a_directory_that_would_fill_the_memory_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osv, "MAX_MEMBERS", 10)
    with pytest.raises(FeedError):
        opened(make_zip(*[b"{}"] * 11))


def test_an_encrypted_member_and_an_unknown_compression_are_noted() -> None:
    whole = make_zip(make_advisory())
    for offset, value in ((8, 1), (10, 99)):
        data = bytearray(whole)
        at = data.rfind(b"PK\x01\x02")
        data[at + offset] = value
        archive = opened(bytes(data))
        assert set(archive.unreadable) == {"DEBIAN-CVE-2099-0001"}


def test_members_that_are_no_records_are_left_out() -> None:
    into = io.BytesIO(make_zip(make_advisory()))
    with zipfile.ZipFile(into, "a") as file:
        file.writestr("modified_id.csv", "x")
        file.writestr("../../etc/evil.txt", "x")
    archive = opened(into.getvalue())
    assert len(archive.hashes()) == 1
    assert not archive.unreadable


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_a_damaged_zip_is_refused_or_read_in_part(data: Any) -> None:
    whole = bytearray(make_zip(make_advisory(), make_advisory("DSA-2"), make_advisory("DSA-3")))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    cut = data.draw(st.sampled_from([len(whole), len(whole), len(whole) - 7, len(whole) // 2]))
    with suppress(FeedError):
        archive = opened(bytes(whole[:cut]))
        assert all(one.name for one in archive.records(archive.hashes()))
