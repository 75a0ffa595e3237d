"""Patterns for names of repositories, tags, labels and namespaces: one language for all who ask (docs/patterns.md).

| written | stands for |
|---|---|
| `*`, also `**` | any characters, `/` among them; also none |
| `?` | one character |
| `[abc]`, `[a-z]`, `[!abc]` | one character of these, or none of these; without a `]` a `[` is itself |

It is what `fnmatch` of Python's library reads, and always means the whole text, case included. Pure. PostgreSQL reads
the same by `like` and `expression`; tests/governance/images/test_matching.py holds both against each other.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fnmatch import translate
from functools import lru_cache

from governance.images.reference import DOCKER_HUB, split_host

SIGNS = frozenset("*?[")
# A host that is an address of version 6 stands in brackets that are no signs.
ADDRESS = re.compile(r"\[[0-9A-Fa-f]*:[0-9A-Fa-f:.]*\](?::\d+)?")


def has_signs(pattern: str) -> bool:
    """Whether it is more than a name written out."""
    return not SIGNS.isdisjoint(pattern)


@lru_cache(maxsize=2_000)
def matcher(pattern: str) -> re.Pattern[str]:
    """For `match` on any text. It takes no longer than length times length, however many `*` there are."""
    return re.compile(translate(pattern))


@lru_cache(maxsize=2_000)
def repository_matcher(pattern: str) -> re.Pattern[str]:
    """For `match` on `host/name`, of what a person wrote without the registry that everybody means."""
    return matcher(with_registry(pattern))


def with_registry(pattern: str) -> str:
    """The pattern for `host/name`: registries as references have them (`governance.images.reference`).

    `alpine` is `docker.io/library/alpine`, `bitnami/*` is `docker.io/bitnami/*`, and a host is in small letters. What
    begins with a sign (`*`, `*/api`) says by itself which registries it means.
    """
    pattern = pattern.strip()
    first, _, _ = pattern.partition("/")
    is_address = ADDRESS.fullmatch(first) is not None
    if has_signs(first) and not is_address:
        return pattern
    host, path = split_host(pattern)
    if host == DOCKER_HUB and "/" not in path and not has_signs(path):
        path = f"library/{path}"
    return f"{f'[[]{host[1:]}' if is_address else host}/{path}"


def chosen(name: str, matchers: Sequence[tuple[bool, re.Pattern[str]]], otherwise: bool) -> bool:
    """One line takes the name and none with `!` leaves it out; `otherwise` is what holds where no line takes any."""
    takes = [one for leaves, one in matchers if not leaves]
    taken = any(one.match(name) for one in takes) if takes else otherwise
    return taken and not any(leaves and one.match(name) for leaves, one in matchers)


def read_lines(lines: Sequence[str], of_repositories: bool) -> list[tuple[bool, re.Pattern[str]]]:
    """[(leaves out, matcher)] of patterns, one a line, `!` before those that leave out; for `chosen`."""
    read = repository_matcher if of_repositories else matcher
    return [(line.startswith("!"), read(line.removeprefix("!").strip())) for line in lines]


@dataclass(frozen=True, slots=True)
class Sign:
    """`*`, `?`, a character or a class: `members` are ranges of code points, or none of them where `is_not`."""

    kind: str
    text: str = ""
    members: tuple[tuple[int, int], ...] = ()
    is_not: bool = False


def like(pattern: str) -> str:
    """For LIKE: exact where the pattern has no class, else every text that fits and some more (see `expression`)."""
    kinds = {"any": "%", "one": "_", "class": "_"}
    return "".join(kinds.get(sign.kind) or re.sub(r"([\\%_])", r"\\\1", sign.text) for sign in _signs(pattern))


def expression(pattern: str) -> str:
    """For `~`, beside `like`; empty where that is exact, for PostgreSQL keeps only a few expressions ready."""
    signs = list(_signs(pattern))
    return f"^(?:{''.join(map(_said, signs))})$" if any(sign.kind == "class" for sign in signs) else ""


def _said(sign: Sign) -> str:
    if sign.kind == "class":
        members = "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in sign.members)
        return f"[{'^' if sign.is_not else ''}{members}]" if members else "." if sign.is_not else "(?!)"
    return {"any": ".*", "one": "."}.get(sign.kind) or re.escape(sign.text)


def _signs(pattern: str) -> Iterator[Sign]:
    place = 0
    while place < len(pattern):
        sign, place = pattern[place], place + 1
        if sign == "[" and (end := _end(pattern, place)) > 0:
            yield _class(pattern[place:end])
            place = end + 1
        else:
            yield Sign({"*": "any", "?": "one"}.get(sign, "itself"), sign)


def _end(pattern: str, place: int) -> int:
    """Where the class that begins at `place` ends, -1 where nowhere: a `]` that comes first is one of its members."""
    first = place + (pattern[place : place + 1] == "!")
    return pattern.find("]", first + 1)


def _class(text: str) -> Sign:
    is_not = text.startswith("!")
    text = text[1:] if is_not else text
    members, place = [], 0
    while place < len(text):
        is_range = text[place + 1 : place + 2] == "-" and place + 2 < len(text)
        low, high = ord(text[place]), ord(text[place + 2] if is_range else text[place])
        # Of a range that runs backwards nothing is one.
        members += [(low, high)] if low <= high else []
        place += 3 if is_range else 1
    return Sign("class", members=tuple(members), is_not=is_not)
