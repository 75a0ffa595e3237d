"""A JSON document as a tree that may hold what JSON does not allow: members twice, numbers without end, bare words."""

from __future__ import annotations

import json
from collections import deque
from typing import Any

# Longer lists of a seed are cut, so that a case takes milliseconds.
LONGEST_LIST = 12
LONGEST_TEXT = 2_000


class Raw(str):
    """Text that is written into the document as it stands."""

    __slots__ = ()


class Members(list[list[Any]]):
    """An object as a list of [name, value]; a name may stand there twice."""


def read(body: bytes) -> Any:
    """The tree of a seed, its long lists and texts cut. Raises `ValueError` for what is not JSON."""
    return _cut(json.loads(body, object_pairs_hook=lambda pairs: Members(map(list, pairs))))


def _cut(value: Any) -> Any:
    if isinstance(value, Members):
        return Members([[name, _cut(child)] for name, child in value])
    if isinstance(value, list):
        return [_cut(child) for child in value[:LONGEST_LIST]]
    return value[:LONGEST_TEXT] if isinstance(value, str) else value


def write(value: Any) -> str:
    """The tree as text."""
    parts: list[str] = []
    _write(value, parts)
    return "".join(parts)


def _write(value: Any, parts: list[str]) -> None:
    if isinstance(value, Raw):
        parts.append(value)
    elif isinstance(value, Members):
        parts.append("{")
        for number, (name, child) in enumerate(value):
            parts.append(f"{',' if number else ''}{name if isinstance(name, Raw) else json.dumps(name)}:")
            _write(child, parts)
        parts.append("}")
    elif isinstance(value, list):
        parts.append("[")
        for number, child in enumerate(value):
            parts.append("," if number else "")
            _write(child, parts)
        parts.append("]")
    else:
        parts.append(json.dumps(value, ensure_ascii=False))


def places(value: Any) -> list[tuple[list[Any], int]]:
    """Every place of the tree as (container, number of its child), outermost first."""
    found: list[tuple[list[Any], int]] = []
    waiting = deque([value])
    while waiting:
        container = waiting.popleft()
        if isinstance(container, list):
            found += [(container, number) for number in range(len(container))]
            waiting += [child_of(container, number) for number in range(len(container))]
    return found


def child_of(container: list[Any], number: int) -> Any:
    """The value at a place."""
    return container[number][1] if isinstance(container, Members) else container[number]


def set_child(container: list[Any], number: int, value: Any) -> None:
    """Put another value at a place."""
    if isinstance(container, Members):
        container[number][1] = value
    else:
        container[number] = value
