"""What reading costs by format: our samples grown to about a megabyte, against `orjson.loads` of the same bytes."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from typing import Any

import orjson

from scanning.parsers import parse
from scanning.parsers.document import open_document
from tests.fuzz import tree
from tests.fuzz.seeds import Seed, seeds_by_parser
from tests.fuzz.tree import Raw, child_of, places, set_child

SIZE = 1_000_000
ROUNDS = 7
# Parsers refuse more than 100,000 of anything, and some entries are tiny.
MOST_COPIES = 20_000
IDENTIFIER = re.compile(r"CVE-2099-\d+")


def grown(seed: Seed, size: int) -> bytes:
    """The sample with the entries of its largest list, or its rows, repeated under other identifiers."""
    return _table(seed.body, size) if seed.tree is None else _document(seed.body, size)


def _document(body: bytes, size: int) -> bytes:
    holder = [tree.read(body)]
    lists = [spot for spot in places(holder) if type(child_of(*spot)) is list and child_of(*spot)]
    if not lists:
        return body
    spot = max(lists, key=lambda place: len(tree.write(child_of(*place))))
    entries = [tree.write(entry) for entry in child_of(*spot)]
    copies = min(MOST_COPIES, max(0, size - len(body)) // sum(map(len, entries)))
    more = [_renamed(entry, number) for number in range(copies) for entry in entries]
    set_child(*spot, Raw(f"[{','.join([*entries, *more])}]"))
    return tree.write(holder[0]).encode()


def _renamed(entry: str, number: int) -> str:
    return IDENTIFIER.sub(lambda found: f"{found[0]}{number:05}", entry)


def _table(body: bytes, size: int) -> bytes:
    if not open_document(body).header:
        return body  # the log of a build
    head, _, rows = body.decode().strip().partition("\n")
    copies = min(MOST_COPIES, size // max(1, len(rows)))
    return "\n".join([head, rows, *(_renamed(rows, number) for number in range(copies))]).encode()


def best(work: Callable[[], object], rounds: int) -> float:
    """Milliseconds of the quickest of some calls: the others were disturbed."""
    times = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        times.append(time.perf_counter() - started)
    return min(times) * 1000


def cost(seed: Seed, size: int, rounds: int) -> dict[str, Any]:
    """One format."""
    body = grown(seed, size)
    read = best(lambda: parse(open_document(body)), rounds)
    loads = best(lambda: orjson.loads(body), rounds) if seed.tree is not None else None
    return {"bytes": len(body), "ms": read, "ms_per_mb": read / len(body) * 1e6, "ratio": loads and read / loads}


def measure(size: int = SIZE, rounds: int = ROUNDS) -> dict[str, Any]:
    """Every parser by its largest sample of ours."""
    found = {}
    for name, seeds in seeds_by_parser().items():
        ours = [seed for seed in seeds if seed.name.startswith("data/")]
        if ours:
            found[name] = cost(max(ours, key=lambda seed: len(seed.body)), size, rounds)
    return found
