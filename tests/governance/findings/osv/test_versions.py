"""Versions are ordered as each ecosystem's own tools order them."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.findings.osv.versions import LONGEST, SCHEMES, order

# Each from the oldest to the newest. Sources: deb-version(7), rpm's vercmp tests, apk-tools' version.data, PEP 440,
# Semantic Versioning 2.0.0 section 11, Maven's ComparableVersion, RubyGems' Gem::Version, NuGet's versioning page,
# PHP's version_compare.
ASCENDING = {
    "deb": [
        "1.0~~",
        "1.0~rc1-1",
        "1.0-1~deb12u1",
        "1.0-1",
        "1.0-1ubuntu1",
        "1.0-1ubuntu1.1",
        "1.0-1+b1",
        "1.0-1+deb12u9",
        "1.0-1+deb12u10",
        "1.0+dfsg-1",
        "1.0.1-1",
        "1.10-1",
        "1:0.5-1",
        "2:0.1-1",
    ],
    "rpm": [
        "1.0~rc1-1",
        "1.0-1.el9",
        "1.0-1.el9_4",
        "1.0-1.el9_4.2",
        "1.0-2.el9",
        "1.0-10.el9",
        "1.0^git1-1",
        "1.0a-1",
        "1.0.1-1",
        "1.9-1",
        "1.10-1",
        "1:0.5-1",
    ],
    "apk": [
        "1.0_alpha-r0",
        "1.0_alpha2-r0",
        "1.0_beta1-r0",
        "1.0_pre2-r0",
        "1.0_rc1-r0",
        "1.0-r0",
        "1.0-r1",
        "1.0-r10",
        "1.0_git20220801-r0",
        "1.0_git20230101-r0",
        "1.0_p1-r0",
        "1.0a-r0",
        "1.0b-r0",
        "1.0.1-r0",
        "1.02-r0",
        "1.1-r0",
        "1.9-r0",
        "1.10-r0",
        "006-r0",
        "20230506-r0",
    ],
    "pypi": ["1.0.dev1", "1.0a1", "1.0b2", "1.0rc1", "1.0", "1.0+local", "1.0.post1", "1.1", "1.10", "1!0.1"],
    "semver": [
        "0.0.0-20210921155107-089bfa567519",
        "0.0.0-20220921155107-089bfa567519",
        "1.0.0-alpha",
        "1.0.0-alpha.1",
        "1.0.0-alpha.beta",
        "1.0.0-beta.2",
        "1.0.0-beta.11",
        "1.0.0-rc.1",
        "1.0.0",
        "v1.2.0",
        "go1.21.5",
        "1.100.0",
        "24.0.7+incompatible",
    ],
    "maven": [
        "1.0-alpha-1",
        "1.0-beta-1",
        "1.0-M1",
        "1.0-rc1",
        "1.0-SNAPSHOT",
        "1.0",
        "1.0-sp1",
        "1.0-jre",
        "1.0.1",
        "1.9",
        "1.10",
        "4.1.94.Final",
        "4.1.100.Final",
    ],
    "gem": ["1.0.a", "1.0.pre1", "1.0.rc1", "1.0.rc10", "1.0", "1.0.0.1", "1.9", "1.10", "5.0.0-x86_64-linux", "5.0.1"],
    "nuget": ["1.0.0-alpha", "1.0.0-BETA.2", "1.0.0-beta.10", "1.0.0", "1.0.0.1", "1.9.0", "1.10.0"],
    "composer": [
        "1.0.0-dev",
        "1.0.0-alpha1",
        "1.0.0-beta2",
        "v1.0.0-beta10",
        "1.0.0-RC1",
        "1.0.0",
        "1.0.0-p1",
        "1.0.0.1",
        "1.9",
        "1.10.0",
    ],
}
EQUAL = {
    "deb": [("0:1.0-1", "1.0-1"), ("1.0", "1.0-0")],
    "rpm": [("0:1.0-1", "1.0-1"), ("1.05-1", "1.5-1")],
    "apk": [("1.0-r0", "1.0~3a2b-r0")],
    "pypi": [("1.0", "1.0.0"), ("1.0-rc1", "1.0rc1")],
    "semver": [("v1.2.3", "1.2.3"), ("1.2.3+build.5", "1.2.3"), ("1.2", "1.2.0"), ("24.0.7+incompatible", "24.0.7")],
    "maven": [("1.0", "1.0.0"), ("1.0.Final", "1.0"), ("5.3.1.RELEASE", "5.3.1"), ("1.0-cr1", "1.0-rc1")],
    "gem": [("1.0", "1.0.0"), ("1.15.4-x86_64-linux-gnu", "1.15.4")],
    "nuget": [("1.0", "1.0.0.0"), ("1.0.0+a", "1.0.0"), ("1.0.0-BETA", "1.0.0-beta")],
    "composer": [("v1.0", "1.0.0.0"), ("1.0.0-b2", "1.0.0-beta2"), ("1.0.0-stable", "1.0.0")],
}
NONE = {
    "deb": ["", "r23-1", "1.0_2", "a b"],
    "rpm": ["x:1-1"],
    "apk": ["", "1.0-x", "v1.0", "1.0_what-r0"],
    "pypi": ["2004d", "latest"],
    "semver": ["", "1.2.3.4", "(devel)", "latest"],
    "gem": ["", "latest"],
    "nuget": ["", "latest"],
    "composer": ["dev-master", "2.x-dev", "1.0.0.0.0"],
    "maven": [],
}


@pytest.mark.parametrize("scheme", SCHEMES)
def test_versions_are_in_order(scheme: str) -> None:
    for older, newer in pairwise(ASCENDING[scheme]):
        assert order(scheme, older) < order(scheme, newer), (older, newer)
        assert not order(scheme, newer) < order(scheme, older), (older, newer)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_spellings_of_one_version_are_equal(scheme: str) -> None:
    for left, right in EQUAL[scheme]:
        assert not order(scheme, left) < order(scheme, right), (left, right)
        assert not order(scheme, right) < order(scheme, left), (left, right)


@pytest.mark.parametrize("scheme", SCHEMES)
def test_what_is_no_version_has_no_place(scheme: str) -> None:
    assert [text for text in NONE[scheme] if order(scheme, text) is not None] == []
    assert order(scheme, "1" * (LONGEST + 1)) is None
    assert order(scheme, "1\N{ARABIC-INDIC DIGIT TWO}") is None
    assert order(scheme, "1\x00") is None


PIECES = "0 1 2 9 10 03 . . - - _ ~ + ^ : a b rc rc1 alpha beta _git _p -r1 post dev Final SNAPSHOT sp jre Z ! \udc80"
TEXTS = st.builds(
    lambda first, rest: first + "".join(rest),
    st.sampled_from(["1", "0", "1.2", "1.0.0", "1:2", ""]),
    st.lists(st.sampled_from(PIECES.split()), max_size=7),
)


@pytest.mark.parametrize("scheme", SCHEMES)
@given(one=TEXTS, two=TEXTS, three=TEXTS)
def test_whatever_is_written_there_is_an_order_or_none(scheme: str, one: str, two: str, three: str) -> None:
    found = [at for text in (one, two, three) if (at := order(scheme, text)) is not None]
    assert not any(left < right and right < left for left in found for right in found)
    # univers is no order of what nobody publishes for Maven: `1` = `1Final0` > `1_` > `1`.
    if scheme != "maven":
        assert not any(later < earlier for earlier, later in pairwise(sorted(found)))
