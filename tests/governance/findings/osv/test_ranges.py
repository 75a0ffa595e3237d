"""Ranges and lists of versions, by the algorithm of the OSV schema."""

import pytest

from governance.findings.osv.advice import Event, Statement
from governance.findings.osv.ranges import affected

WORDS = {"introduced": Event.INTRODUCED, "fixed": Event.FIXED, "last_affected": Event.LAST_AFFECTED}
WORDS["limit"] = Event.LIMIT


def within(text: str) -> tuple[tuple[Event, str], ...]:
    """A range from words: `introduced 0 fixed 1.2`."""
    words = text.split()
    return tuple((WORDS[word], version) for word, version in zip(words[::2], words[1::2], strict=True))


@pytest.mark.parametrize(
    ("ranges", "version", "expected"),
    [
        (["introduced 0 fixed 1.2.0"], "1.1.9", "1.2.0"),
        (["introduced 0 fixed 1.2.0"], "1.2.0", None),
        (["introduced 0"], "99.0.0", ""),
        (["introduced 1.0.0 fixed 1.2.0"], "0.9.0", None),
        (["introduced 1.0.0 fixed 1.2.0"], "1.0.0", "1.2.0"),
        (["introduced 1.0.0 fixed 1.2.0"], "1.0.0-rc.1", None),
        (["introduced 0 last_affected 1.2.0"], "1.2.0", ""),
        (["introduced 0 last_affected 1.2.0"], "1.2.1", None),
        # Events may stand in any order, and a range may hold several stretches.
        (["fixed 2.3.0 introduced 2.0.0 fixed 1.5.0 introduced 0"], "1.2.0", "1.5.0"),
        (["fixed 2.3.0 introduced 2.0.0 fixed 1.5.0 introduced 0"], "1.7.0", None),
        (["fixed 2.3.0 introduced 2.0.0 fixed 1.5.0 introduced 0"], "2.1.0", "2.3.0"),
        (["introduced 0 fixed 1.0.0 introduced 1.0.0 fixed 2.0.0"], "1.0.0", "2.0.0"),
        # Several ranges are a union; the lowest fix above the version counts.
        (["introduced 2.0.0 fixed 2.3.0", "introduced 1.0.0 fixed 1.4.0"], "1.1.0", "1.4.0"),
        (["introduced 0 fixed 3.0.0", "introduced 1.0.0 fixed 1.4.0"], "1.1.0", "1.4.0"),
        # A limit ends what is looked at.
        (["introduced 1.0.0 limit 2.0.0"], "2.0.0", None),
        (["introduced 1.0.0 limit 2.0.0"], "1.9.0", ""),
        (["introduced 1.0.0 limit 2.0.0 limit 4.0.0"], "3.0.0", ""),
        (["introduced 1.0.0 limit *"], "3.0.0", ""),
        # Without an introduction nothing is affected; an event at no version makes the range say nothing.
        (["fixed 2.0.0"], "1.0.0", None),
        (["introduced 0 fixed latest"], "1.0.0", None),
        ([""], "1.0.0", None),
        ([], "1.0.0", None),
    ],
)
def test_ranges(ranges: list[str], version: str, expected: str | None) -> None:
    assert affected(Statement(tuple(map(within, ranges))), "semver", version) == expected


def test_listed_versions_and_ranges_are_a_union() -> None:
    statement = Statement((within("introduced 0 fixed 1.2.0"),), ("1.3.0", "v1.4.0"))
    found = {version: affected(statement, "semver", version) for version in ("1.1.0", "1.2.0", "v1.3.0", "1.4.0")}
    assert found == {"1.1.0": "1.2.0", "1.2.0": None, "v1.3.0": "", "1.4.0": ""}


def test_a_version_without_an_order_is_affected_only_where_it_is_listed() -> None:
    statement = Statement((within("introduced 0"),), ("dev-master",))
    assert affected(statement, "composer", "dev-master") == ""
    assert affected(statement, "composer", "dev-other") is None


@pytest.mark.parametrize(
    ("scheme", "fixed", "affected_by", "fixed_by"),
    [
        ("deb", "1:3.0.16-1~deb12u2", "1:3.0.16-1~deb12u1", "1:3.0.16-1"),
        ("deb", "3.0.16-1", "3.0.16-1~rc1", "1:0.1-1"),
        ("rpm", "1:3.0.7-28.el9_4", "1:3.0.7-27.el9", "1:3.0.7-100.el9"),
        ("apk", "3.1.4-r5", "3.1.4_rc1-r9", "3.1.4-r10"),
        ("pypi", "2.0", "2.0rc1", "2.0.post1"),
        ("maven", "2.17.1", "2.17.1-rc1", "2.17.1.Final"),
        ("gem", "1.15.4", "1.15.4.rc1", "1.15.4-x86_64-linux"),
        ("nuget", "4.3.1", "4.3.1-preview", "4.3.1.0"),
        ("composer", "5.4.46", "5.4.46-BETA2", "v5.4.46"),
        ("semver", "24.0.7", "24.0.7-rc.1", "24.0.7+incompatible"),
    ],
)
def test_each_ecosystem_has_its_own_order(scheme: str, fixed: str, affected_by: str, fixed_by: str) -> None:
    statement = Statement((within(f"introduced 0 fixed {fixed}"),))
    assert affected(statement, scheme, affected_by) == fixed
    assert affected(statement, scheme, fixed_by) is None
