"""One list and what is known of its repositories, for every test that asks whether two of us agree.

`CASES` is references by days: the verdicts on 2026-01-15, 2026-06-15 and 2026-12-15 by their first letters.
"""

from __future__ import annotations

from datetime import date
from typing import Any

from governance.approvals.copied import Copies
from governance.approvals.facts import Known, Line, asked_of
from governance.approvals.judgement import Approval, Judgement, Stage, Terms, Verdict, judge_reference
from governance.approvals.patterns import read_pattern
from governance.images.reference import parse_reference
from tests.make import digest_of

DAYS = (date(2026, 1, 15), date(2026, 6, 15), date(2026, 12, 15))
ALPINE, PYTHON = "docker.io/library/alpine", "docker.io/library/python"
JAVA, RUBY, GO = "registry.example/base/java", "registry.example/base/ruby", "registry.example:5000/base/go"
STATIC, NODE = "gcr.io/distroless/static", "registry.example/base/node"
SHELL, KEPT = "registry.example/base/shell", "own.example:5000/kept/registry.example/base/shell"


def entry(pk: int, name: str, pattern: str, standing: str = "approved", **fields: Any) -> Approval:
    """An entry; content that its tag left stays approved for 30 days if nothing else is said."""
    return Approval(pk, name, read_pattern(pattern), Stage(standing), **{"outdated_days": 30, **fields})


LISTED = [
    entry(
        *(1, ALPINE, "3.20*"),
        deprecated_on=date(2026, 3, 1),
        sunset_on=date(2026, 10, 1),
        replacement=f"{ALPINE}:3.22",
    ),
    entry(2, ALPINE, "~3.22"),
    entry(3, ALPINE, digest_of("broken"), "banned", replacement=f"{ALPINE}:3.22"),
    entry(4, ALPINE, "3.19*", "sunset", sunset_on=date(2025, 12, 1)),
    entry(5, ALPINE, "edge", "banned"),
    entry(6, JAVA, "*"),
    entry(7, JAVA, "11*", "deprecated", deprecated_on=date(2026, 1, 1), sunset_on=date(2026, 7, 1)),
    entry(8, JAVA, digest_of("pinned")),
    entry(9, STATIC, "nonroot", outdated_days=None),
    entry(10, PYTHON, ">=3.11 <3.14 -slim*"),
    entry(11, PYTHON, "*", "banned", replacement=f"{PYTHON}:3.13-slim"),
    entry(12, NODE, "*", "open"),
    entry(13, GO, "1.*", outdated_days=0),
    entry(14, RUBY, "3.3", "deprecated", deprecated_on=date(2026, 6, 15)),
    entry(15, RUBY, "3.*", "sunset", sunset_on=date(2026, 6, 16)),
    entry(16, SHELL, "1.*", terms=Terms(kept=True, breach=Verdict.DENY)),
]


def known(name: str, tag: str, word: str, until: date | None = None) -> Known:
    """A digest that a tag has, or had until a day."""
    return Known(name, tag, digest_of(word), hash(word) % 10**9, until)


HISTORY = [
    known(ALPINE, "3.20", "a20b"),
    known(ALPINE, "3.20", "a20a", date(2026, 1, 1)),
    known(ALPINE, "3.22", "a22b"),
    known(ALPINE, "3.22", "a22a", date(2026, 6, 1)),
    known(ALPINE, "latest", "a22b"),
    known(ALPINE, "3.22.1", "broken"),
    known(ALPINE, "3.17", "a17"),
    known(JAVA, "17", "j17b"),
    known(JAVA, "17", "j17a", date(2026, 1, 10)),
    known(JAVA, "11", "j11"),
    known(JAVA, "21", "pinned", date(2025, 6, 1)),
    known(STATIC, "nonroot", "s2"),
    known(STATIC, "nonroot", "s1", date(2025, 1, 1)),
    known(PYTHON, "3.12-slim", "p12"),
    known(PYTHON, "latest", "p14"),
    known(GO, "1.22", "g2"),
    known(GO, "1.22", "g1", date(2026, 6, 14)),
    known(RUBY, "3.3", "r33"),
    known(SHELL, "1.0", "s10"),
]
# Of one base a copy is kept, and its entry asks for being taken from there.
COPIES = Copies({KEPT: SHELL}, {(SHELL, "1.0"): f"{KEPT}:1.0@{digest_of('s10')}"}, frozenset({digest_of("s10")}))


def at(name: str, word: str) -> str:
    """`name@digest`."""
    return f"{name}@{digest_of(word)}"


CASES = {
    # The calendar alone: allow, warn, deny.
    "alpine:3.20": "awd",
    "alpine:3.20.9": "awd",
    "library/alpine:3.20": "awd",
    "docker.io/alpine:3.20": "awd",
    "docker.io/library/alpine:3.20-unseen": "awd",
    "index.docker.io/library/alpine:3.20": "awd",
    "DOCKER.IO/library/alpine:3.20": "awd",
    "alpine:3.22": "aaa",
    "alpine:3.22.0": "aaa",
    "alpine:v3.22.7": "aaa",
    "alpine:3.22.1": "ddd",  # points to a banned digest
    "alpine:3.220": "uuu",
    "alpine:3.23": "uuu",
    "alpine:3.17": "uuu",
    "alpine:3.19": "ddd",
    "alpine:3.19.1": "ddd",
    "alpine:edge": "ddd",
    "alpine:edge-1": "uuu",
    "alpine": "uuu",
    "alpine:latest": "uuu",
    at("alpine", "a20b"): "awd",
    # 3.20 left it on 2026-01-01: it stays for 30 days.
    at("alpine", "a20a"): "add",
    at("alpine", "a22b"): "aaa",
    at("docker.io/library/alpine:anything", "a22b"): "aaa",
    at("alpine", "a22a"): "aad",
    at("alpine", "broken"): "ddd",
    at("alpine:3.22", "broken"): "ddd",
    at("alpine", "a17"): "uuu",
    at("alpine:3.22", "never seen"): "uuu",
    "registry.example/base/java": "aaa",
    "registry.example/base/java:17": "aaa",
    "Registry.example/base/java:17": "aaa",
    "registry.example/base/java:11": "wwd",
    "registry.example/base/java:11.0.2": "wwd",
    "registry.example/base/java:1.1": "aaa",
    at(JAVA, "j17b"): "aaa",
    at(JAVA, "j17a"): "add",
    at(JAVA, "j11"): "wwd",
    at(JAVA, "pinned"): "aaa",  # left its tag long ago, but is named itself
    "registry.example/base/javac:17": "uuu",
    "registry.example/other/java:17": "uuu",
    "gcr.io/distroless/static:nonroot": "aaa",
    "gcr.io/distroless/static": "uuu",
    at(STATIC, "s1"): "aaa",
    "python:3.12-slim": "aaa",
    "python:3.12.1-slim-bookworm": "aaa",
    "python:3.12": "ddd",
    "python:3.14-slim": "ddd",
    "python:3.10-slim": "ddd",
    "python": "ddd",
    at("python", "p12"): "aaa",
    at("python", "p14"): "ddd",
    "registry.example/base/node:22": "uuu",  # asked for, not decided
    "registry.example:5000/base/go:1.22": "aaa",
    "registry.example/base/go:1.22": "uuu",
    at(GO, "g1"): "add",
    "registry.example/base/ruby:3.3": "aww",
    "registry.example/base/ruby:3.2": "wwd",
    "registry.example/shop/api:1.0": "uuu",
    "registry.example/base/shell:1.0": "ddd",  # not taken from the copy
    "registry.example/base/shell:1.unseen": "ddd",
    at(SHELL, "s10"): "ddd",
    f"{KEPT}:1.0": "aaa",
    f"{KEPT}:1.unseen": "aaa",
    f"{KEPT}:2.0": "uuu",
    at(KEPT, "s10"): "aaa",
    at(KEPT, "never seen"): "uuu",
}
LETTERS = {verdict.value[0]: verdict for verdict in Verdict}
MATRIX = [(text, day, LETTERS[letters[place]]) for text, letters in CASES.items() for place, day in enumerate(DAYS)]


def judged(text: str, on: date, unlisted: Verdict = Verdict.UNKNOWN) -> Judgement:
    """Our own word."""
    reference = parse_reference(text)
    assert reference is not None
    return judge_reference(asked_of(COPIES.meant(Line(reference)), HISTORY)[0], LISTED, on, unlisted)
