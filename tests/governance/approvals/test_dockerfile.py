"""What a Dockerfile takes, in every form it may be written, and what does not frighten the reader."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from governance.approvals.dockerfile import Unreadable, read_dockerfile
from tests.make import digest_of


def taken(text: str, **args: str) -> list[tuple[int, str]]:
    """[(line, reference, stage or problem)]."""
    found = read_dockerfile(text, args)
    return [(one.line, str(one.reference) if one.reference else one.stage or f"! {one.problem}") for one in found]


ALPINE = "docker.io/library/alpine"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("FROM alpine:3.20", [(1, f"{ALPINE}:3.20")]),
        ("\n# hello\nfrom\talpine", [(3, ALPINE)]),
        (f"FROM alpine@{digest_of('x')}", [(1, f"{ALPINE}@{digest_of('x')}")]),
        ("FROM scratch\nFROM scratch AS two", [(1, "scratch"), (2, "scratch")]),
        ("FROM alpine AS Build\nFROM build\nFROM BUILD AS last", [(1, ALPINE), (2, "build"), (3, "build")]),
        ("ARG V=3.20\nFROM alpine:${V}", [(2, f"{ALPINE}:3.20")]),
        ("ARG V\nFROM alpine:${V:-3.19}", [(2, f"{ALPINE}:3.19")]),
        ("ARG V=1\nFROM alpine:${V:+3.18}", [(2, f"{ALPINE}:3.18")]),
        ("ARG A=3\nARG B=\"$A.20\" C=x\nFROM 'alpine:$B'", [(3, f"{ALPINE}:3.20")]),
        ("FROM --platform=linux/arm64 alpine AS a", [(1, ALPINE)]),
        ("FROM \\\n  # between\n\n  alpine:3 \\\n  AS a\nRUN x", [(1, f"{ALPINE}:3")]),
        ("# escape=`\nFROM `\n alpine:3", [(2, f"{ALPINE}:3")]),
        ("# a comment\n# escape=`\nFROM alpine:3", [(3, f"{ALPINE}:3")]),
        ("FROM alpine\nRUN <<EOF\nFROM evil\nEOF\nFROM a/b", [(1, ALPINE), (5, "docker.io/a/b")]),
        ("FROM alpine\nCOPY <<-'A' <<\"B\" /x/\n\tA\nFROM y\nB\nFROM a/b", [(1, ALPINE), (6, "docker.io/a/b")]),
        # No heredocs: the word does not begin with it, or it is quoted.
        ("FROM alpine\nRUN echo a<<EOF\nFROM a/b", [(1, ALPINE), (3, "docker.io/a/b")]),
        ('FROM alpine\nRUN echo "<<EOF"\nFROM a/b', [(1, ALPINE), (3, "docker.io/a/b")]),
        ("FROM alpine\nRUN echo \\\\\nFROM a/b", [(1, ALPINE), (3, "docker.io/a/b")]),
        (
            "FROM a/b AS x\nCOPY --from=x a b\nCOPY --from=0 a b\nCOPY --from=c/d a b",
            [(1, "docker.io/a/b"), (4, "docker.io/c/d")],
        ),
        ("FROM a/b\nRUN --mount=type=bind,from=c/d,target=/x ls", [(1, "docker.io/a/b"), (2, "docker.io/c/d")]),
        ("\ufeffFROM a/b\r\nFROM c/d\r", [(1, "docker.io/a/b"), (2, "docker.io/c/d")]),
        # What a stage declares does not reach FROM lines.
        ("ARG V=1\nFROM a/b:$V\nARG V=2\nFROM a/b:$V", [(2, "docker.io/a/b:1"), (4, "docker.io/a/b:1")]),
    ],
)
def test_every_form_is_read(text: str, expected: list[tuple[int, str]]) -> None:
    assert taken(text) == expected


def test_build_arguments_go_before_defaults_and_only_where_declared() -> None:
    assert taken("ARG V=1\nFROM a/b:$V", V="2") == [(2, "docker.io/a/b:2")]
    assert "not declared" in taken("FROM a/b:$V", V="2")[0][1]


@pytest.mark.parametrize(
    "line",
    ["FROM", "FROM $X", "FROM a b", "FROM a as", "FROM ${X%y}", "FROM a//b", "FROM a:b:c", "FROM a@sha256:1"],
)
def test_what_cannot_be_known_is_a_problem_and_no_reference(line: str) -> None:
    assert taken(f"{line}\n")[0][1].startswith("!")


def test_the_platform_is_known_where_it_is_written() -> None:
    first, second = read_dockerfile("FROM --platform=linux/ARM64 a/b\nFROM --platform=$BUILDPLATFORM a/b")
    assert (first.platform, second.platform) == ("linux/arm64", "")


@pytest.mark.parametrize(
    "text", ["", "RUN x", "\x00" * 100, "FROM a\n" * 1_001, "\n" * 20_001, "x" * (1 << 21), "FROM a\nRUN <<EOF\nx"]
)
def test_what_is_no_dockerfile_is_refused(text: str) -> None:
    with pytest.raises(Unreadable):
        read_dockerfile(text)


def test_arguments_that_grow_without_end_end() -> None:
    bomb = "ARG A=xxxxxxxxxxxxxxxxxxxxxxxx\n" + "".join("ARG A=$A$A\n" for _ in range(60))
    wide = "ARG B=" + "y" * 4_000 + "\n" + f"FROM {'$B' * 400_000}\n"
    started = time.monotonic()
    assert taken(f"{bomb}FROM a:$A\n")[0][1].startswith("!")
    assert taken(wide)[0][1].startswith("!")
    assert taken("FROM " + "'\"" * 200_000)[0][1].startswith("!")
    assert time.monotonic() - started < 5


@given(st.text(st.sampled_from("FROM ARGCOPYrun\\\n\t$\"'{}:-+=<>#a0@/.`\x00\ud800é"), max_size=200))
def test_nothing_else_than_an_answer_or_a_refusal(text: str) -> None:
    try:
        found = read_dockerfile(f"FROM a\n{text}")
    except Unreadable:
        return
    assert found[0].reference
