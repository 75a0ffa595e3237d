"""What the cases are made of: our own samples, and the real reports beside the checkout where they are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from governance.findings.report import ReportError
from scanning.parsers import PARSERS
from scanning.parsers.document import open_document
from tests.fuzz import tree

OURS = Path(__file__).parents[1] / "data"
CORPUS = Path(__file__).parents[2].parent / "shared" / "corpus"
LARGEST = 300_000
# Documents with nothing in them need no file.
BARE = {"bare/list": b"[]", "bare/object": b"{}", "bare/null": b"null"}


@dataclass(frozen=True, slots=True)
class Seed:
    """A document that a parser reads; `tree` is None for what is no JSON, `small` is what bytes are changed of."""

    name: str
    body: bytes
    tree: Any
    small: bytes


def documents() -> Iterator[tuple[str, bytes]]:
    """(name, bytes) of all of them, ours first, the same order on every machine."""
    yield from BARE.items()
    ours = sorted(path for path in OURS.rglob("*") if path.is_file())
    theirs = sorted(path for path in CORPUS.glob("*/*") if path.is_file() and path.stat().st_size < LARGEST)
    for path in ours + theirs:
        yield f"{'data' if path in ours else 'corpus'}/{path.parent.name}/{path.name}", path.read_bytes()


@cache
def seeds_by_parser() -> dict[str, list[Seed]]:
    """{parser: its seeds} in the order of PARSERS; one without a sample has an empty list."""
    found: dict[str, list[Seed]] = {parser.NAME: [] for parser in PARSERS}
    for name, body in documents():
        if parser := _parser_of(body):
            found[parser].append(_seed(name, body))
    return found


def _parser_of(body: bytes) -> str:
    try:
        document = open_document(body)
    except ReportError:
        return ""
    return next((parser.NAME for parser in PARSERS if parser.recognises(document)), "")


def _seed(name: str, body: bytes) -> Seed:
    try:
        found = tree.read(body)
    except ValueError:
        return Seed(name, body, None, body[:LARGEST])
    return Seed(name, body, found, tree.write(found).encode())
