"""The verdict on a base: references by states by days, and what terms add."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.approvals.judgement import (
    Asked,
    Content,
    Seen,
    Terms,
    Verdict,
    judge_reference,
)
from governance.approvals.patterns import number_between, read_pattern
from tests.governance.approvals.lists import ALPINE, CASES, DAYS, MATRIX, entry, judged


def test_the_matrix_is_large_enough() -> None:
    assert len(CASES) >= 40


def test_verdicts_by_reference_and_day() -> None:
    for text, day, verdict in MATRIX:
        said = judged(text, day)
        assert said.verdict == verdict, (text, day, said.reasons)
        assert said.reasons


def test_what_no_entry_names_gets_what_the_setting_says() -> None:
    assert judged("busybox:1", DAYS[0], Verdict.DENY).verdict == Verdict.DENY
    assert judged("alpine:3.22", DAYS[0], Verdict.DENY).verdict == Verdict.ALLOW


def test_reasons_say_what_to_do() -> None:
    assert judged("alpine:3.20", DAYS[1]).replacement == f"{ALPINE}:3.22"
    assert f"use {ALPINE}:3.22 before 2026-10-01" in judged("alpine:3.20", DAYS[1]).reasons[0]
    assert f"{ALPINE}:~3.22" in " ".join(judged("alpine:3.23", DAYS[0]).reasons)
    assert "not decided" in " ".join(judged("registry.example/base/node:22", DAYS[0]).reasons)


def test_a_tag_that_moved_breaks_nothing_before_the_stated_time() -> None:
    base = entry(1, ALPINE, "3.22", outdated_days=30)
    for day, verdict in ((1, "allow"), (30, "allow"), (31, "allow"), (32, "deny")):
        on = date(2026, 5, 31).fromordinal(date(2026, 5, 31).toordinal() + day)
        asked = Asked(ALPINE, digests=frozenset({"sha256:x"}), tags=(Seen("3.22", date(2026, 6, 1)),))
        said = judge_reference(asked, [base], on)
        assert (said.verdict, said.outdated) == (verdict, True), on


def test_an_entry_for_one_platform_is_none_for_another() -> None:
    arm = entry(1, ALPINE, "3.22", platforms=frozenset({"linux/arm64"}))
    wanted = {"linux/arm64": "allow", "linux/amd64": "unknown", "": "allow"}
    for platform, verdict in wanted.items():
        assert judge_reference(Asked(ALPINE, "3.22", platform=platform), [arm], DAYS[0]).verdict == verdict


def test_terms_are_judged_where_the_content_is_known() -> None:
    terms = Terms(max_age=60, most=(("critical", 0),), grace=14, signed=True, non_root=True)
    base = entry(1, ALPINE, "3.22", terms=terms)
    asked = Asked(ALPINE, "3.22")
    assert judge_reference(asked, [base], DAYS[0]).verdict == Verdict.ALLOW
    young = Content(built=date(2026, 1, 1), counts={"critical": 0}, fix_since=date(2026, 1, 2), root=False)
    said = judge_reference(replace(asked, content=young), [base], DAYS[0])
    assert (said.verdict, "signature" in said.reasons[-1]) == (Verdict.ALLOW, True)
    for change in ({"built": date(2025, 1, 1)}, {"counts": {"critical": 1}}, {"fix_since": date(2025, 12, 1)}):
        said = judge_reference(replace(asked, content=replace(young, **change)), [base], DAYS[0])
        assert said.verdict == Verdict.WARN, change
    strict = replace(base, terms=replace(terms, breach=Verdict.DENY))
    root = replace(young, root=True)
    assert judge_reference(replace(asked, content=root), [strict], DAYS[0]).verdict == Verdict.DENY


@given(st.integers(0, 3000), st.integers(0, 3000), st.integers(0, 40_000))
def test_numbers_between_two_are_those_and_no_others(low: int, more: int, number: int) -> None:
    pattern = read_pattern(f">={low} <={low + more}")
    assert pattern.fits(str(number)) == (low <= number <= low + more)
    assert pattern.fits(f"v0{number}.7.1") == (low <= number <= low + more)
    assert number_between(low, None)


VERSION = st.tuples(*[st.sampled_from([0, 1, 2, 9, 10, 19, 20, 21])] * 3)


@given(VERSION, VERSION, VERSION, st.integers(1, 3))
def test_ranges_of_versions(low: tuple[int, ...], high: tuple[int, ...], asked: tuple[int, ...], given_: int) -> None:
    text = f">={'.'.join(map(str, low))} <{'.'.join(map(str, high))}"
    if low >= high:
        with pytest.raises(ValueError, match="No version"):
            read_pattern(text)
        return
    written = asked[:given_]
    full = (*written, 0, 0)[:3]
    assert read_pattern(text).fits(".".join(map(str, written))) == (low <= full < high)


@pytest.mark.parametrize(
    ("pattern", "fits", "not_"),
    [
        ("~3.20", ["3.20", "3.20.9", "v3.20.1"], ["3.2", "3.21", "3.200", "3.20-slim", "3.20.1.1"]),
        ("^3.18", ["3.18", "3.99.1"], ["3.17.9", "4.0", "3"]),
        ("^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0", "0.2.2"]),
        ("=24.04", ["24.04", "24.4"], ["24.10", "24"]),
        (">3.20", ["3.21"], ["3.20.5"]),
        ("<=3.20", ["3.20.5", "1"], ["3.21"]),
        ("*-slim", ["3.12-slim"], ["slim", "3.12-slim-1"]),
        ("3.?", ["3.9"], ["3.10"]),
    ],
)
def test_patterns_as_people_write_them(pattern: str, fits: list[str], not_: list[str]) -> None:
    read = read_pattern(pattern)
    assert all(read.fits(tag) for tag in fits)
    assert not any(read.fits(tag) for tag in not_)


@pytest.mark.parametrize("text", ["", "a b", "sha256:12", ">=x", ">=1 nonsense", "3.20)", "(?:a)", ">= 3", "é", "-x"])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w+"):
        read_pattern(text)
