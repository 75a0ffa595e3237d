"""A document as it came, looked at once and cheaply: its shape and its undecoded top-level members.

A parser decodes only the members it needs, into typed structs; what it does not name is skipped without making a
Python object of it. This is why reading costs less than `orjson.loads` of the same bytes.
"""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from governance.findings.report import ReportError
from scanning.parsers.table import read_header

MAX_DEPTH = 64
MAX_TOKENS = 5_000_000
MAX_MEMBERS = 10_000
MAX_ENTRIES = 100_000
PIECE = 1 << 20

LINES = msgspec.json.Decoder(msgspec.Raw)
# What msgspec says of a second value behind the first.
TRAILING = "trailing characters"

NO_MARKS = bytes(set(range(256)) - set(b"{}[],:"))
# A string that is never closed ends with the document: a second try for each of its escaped quotes would be quadratic.
STRINGS = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
# Half of a surrogate pair behind an even number of backslashes.
HALF_PAIRS = re.compile(
    rb"(?<!\\)((?:\\\\)*+)\\u[dD]"
    rb"(?:[89abAB][0-9a-fA-F]{2}(?!\\u[dD][c-fC-F])|(?<!\\u[dD][89abAB][0-9a-fA-F]{2}\\u[dD])[c-fC-F][0-9a-fA-F]{2})"
)


class Shape(StrEnum):
    """What the outermost value is. `TEXT` is anything that is not JSON (CSV, for one)."""

    OBJECT = "object"
    LINES = "lines"
    LIST = "list"
    NULL = "null"
    SCALAR = "scalar"
    TEXT = "text"


@dataclass(frozen=True, slots=True)
class Document:
    """`members` holds an object's members, `items` a list's elements or the values that stand one a line, undecoded.

    `header` are a table's columns.
    """

    body: bytes
    shape: Shape
    members: dict[str, msgspec.Raw] = field(default_factory=dict)
    items: list[msgspec.Raw] = field(default_factory=list)
    header: tuple[str, ...] = ()

    def text(self, name: str) -> str:
        """Return the member `name` if it is a string, else ""."""
        raw = self.members.get(name)
        try:
            return "" if raw is None else msgspec.json.decode(raw, type=str)
        except (msgspec.DecodeError, RecursionError):
            return ""

    def has(self, *names: str) -> bool:
        """Say whether it is an object with all these members."""
        return all(name in self.members for name in names)

    def has_columns(self, *names: str) -> bool:
        """Say whether it is a table (CSV) with all these columns."""
        return set(names) <= set(self.header)

    def first(self) -> dict[str, msgspec.Raw]:
        """Return the members of a list's first element, undecoded; {} if it has none or that is no object."""
        return members_of(self.items[0]) if self.items else {}

    def inside(self, name: str) -> dict[str, msgspec.Raw]:
        """Return the members of the object that is the member `name`, undecoded; {} if it is none."""
        return members_of(self.members.get(name))

    def first_of(self, name: str) -> dict[str, msgspec.Raw]:
        """Return the members of the first element of the list that is the member `name`; {} if there is none."""
        return first_of(self.members.get(name))

    def describe(self) -> str:
        """Say in a few words what the document looks like, for the sender of an unknown one."""
        if self.shape == Shape.OBJECT:
            return f"a JSON object with the members {', '.join(list(self.members)[:8]) or '(none)'}"
        if self.header:
            return f"a table with the columns {', '.join(self.header[:8])}"
        return {
            Shape.LIST: f"a JSON list of {len(self.items)} elements",
            Shape.LINES: f"{len(self.items)} JSON values, one a line",
            Shape.NULL: "the JSON value null",
            Shape.SCALAR: "a single JSON value",
        }.get(self.shape, "XML, not JSON" if self.body[:64].lstrip()[:1] == b"<" else "text that is not JSON")


def open_document(body: bytes) -> Document:
    """Look at `body` and check its bounds (UTF-8, depth ≤ 64, ≤ 5 M tokens). Raises `ReportError`."""
    body = body.removeprefix(b"\xef\xbb\xbf")
    start = body[:64].lstrip()[:1]
    if not start:
        raise ReportError("the document is empty")
    check_encoding(body)
    if start not in b'{["ntf-0123456789':
        return Document(body, Shape.TEXT, header=read_header(body))
    check_bounds(body)
    try:
        return _look(body, start)
    except ReportError:
        mended = mend_surrogates(body)
        if mended == body:
            raise
        return _look(mended, start)


def decode[Shaped](decoder: msgspec.json.Decoder[Shaped], body: bytes | msgspec.Raw) -> Shaped:
    """Decode into typed structs. Raises `ReportError` that names the member which is not what the format says."""
    try:
        return decoder.decode(body)
    except msgspec.ValidationError as error:
        raise ReportError(f"a member of the report is not of the expected type: {error}") from error
    except msgspec.DecodeError as error:
        raise ReportError(f"the document is not valid JSON: {error}") from error
    except RecursionError as error:
        raise ReportError("the document nests too deep") from error


PEEK = msgspec.json.Decoder(dict[str, msgspec.Raw])
PEEK_LIST = msgspec.json.Decoder(list[msgspec.Raw])


def members_of(raw: msgspec.Raw | None) -> dict[str, msgspec.Raw]:
    """Return the undecoded members of an undecoded object; {} for anything else. Never raises: it recognises."""
    try:
        return {} if raw is None else PEEK.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return {}


def first_of(raw: msgspec.Raw | None) -> dict[str, msgspec.Raw]:
    """Return the undecoded members of an undecoded list's first element; {} for anything else. Never raises."""
    try:
        listed = [] if raw is None else PEEK_LIST.decode(raw)
    except (msgspec.DecodeError, RecursionError):
        return {}
    return members_of(listed[0]) if listed else {}


def check_amount(amount: int, what: str) -> None:
    """Raise `ReportError` where a report lists more than 100,000 of something."""
    if amount > MAX_ENTRIES:
        raise ReportError(f"the report lists more than {MAX_ENTRIES:,} {what}")


def mend_surrogates(body: bytes) -> bytes:
    r"""Write U+FFFD for half surrogate pairs (`\ud800` alone): JSON allows them, text does not."""
    return HALF_PAIRS.sub(rb"\1\\ufffd", body)


def check_encoding(body: bytes) -> None:
    """Raise `ReportError` if it is not UTF-8; by pieces, as the whole text would cost up to four times its bytes."""
    if body.isascii():
        return
    if body.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        # PowerShell's redirection, before its version 6.
        raise ReportError("the document is not UTF-8 but UTF-16, as PowerShell writes it with `>`: use -o instead")
    decoder = codecs.getincrementaldecoder("utf-8")()
    view = memoryview(body)
    for start in range(0, len(body), PIECE):
        try:
            decoder.decode(view[start : start + PIECE], final=start + PIECE >= len(body))
        except UnicodeDecodeError as error:
            raise ReportError(f"the document is not UTF-8 (near byte {start + error.start})") from error


def _look(body: bytes, start: bytes) -> Document:
    try:
        if start == b"{":
            members = msgspec.json.decode(body, type=dict[str, msgspec.Raw])
            if len(members) > MAX_MEMBERS:
                raise ReportError(f"the document has more than {MAX_MEMBERS:,} top-level members")
            return Document(body, Shape.OBJECT, members=members)
        if start == b"[":
            return Document(body, Shape.LIST, items=msgspec.json.decode(body, type=list[msgspec.Raw]))
        value = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        if start == b"{" and TRAILING in str(error) and (lines := _lines(body)):
            return Document(body, Shape.LINES, items=lines)
        if start in b"{[":
            raise ReportError(f"the document is not valid JSON: {error}") from error
        return Document(body, Shape.TEXT, header=read_header(body))
    return Document(body, Shape.NULL if value is None else Shape.SCALAR)


def _lines(body: bytes) -> list[msgspec.Raw]:
    """Return the values of JSON lines (jsonlines.org), undecoded; [] where it is something else."""
    try:
        return LINES.decode_lines(body)
    except (msgspec.DecodeError, RecursionError):
        return []


def check_bounds(body: bytes) -> None:
    """Raise `ReportError` if the JSON nests deeper than 64 or has more than 5 M tokens.

    Both are first bounded from above in C speed (marks inside strings counted too); only where that bound is exceeded
    are the strings cut out and the count made exact.
    """
    marks = body.translate(None, NO_MARKS)
    if _tokens(marks) <= MAX_TOKENS and _shallow(marks):
        return
    marks = STRINGS.sub(b"", body).translate(None, NO_MARKS)
    if _tokens(marks) > MAX_TOKENS:
        raise ReportError(f"the document has more than {MAX_TOKENS:,} JSON tokens")
    if marks.count(b"{") != marks.count(b"}") or marks.count(b"[") != marks.count(b"]"):
        raise ReportError("the document is not valid JSON: its brackets do not match (was it cut off?)")
    if not _shallow(marks):
        raise ReportError(f"the document nests deeper than {MAX_DEPTH} levels")


def _tokens(marks: bytes) -> int:
    """Count tokens (values, names, brackets) from above: one per comma, colon and bracket, plus the first."""
    return marks.count(b",") + marks.count(b":") + 2 * (marks.count(b"{") + marks.count(b"[")) + 1


def _shallow(marks: bytes) -> bool:
    """Fold innermost pairs at most 64 times; what is nested deeper, or unbalanced, leaves a rest."""
    brackets = marks.translate(None, b",:")
    for _ in range(MAX_DEPTH):
        if not brackets:
            return True
        brackets = brackets.replace(b"{}", b"").replace(b"[]", b"")
    return not brackets
