"""Tables of text (CSV, RFC 4180) as consoles export them: a header line, then one row a line."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator

from governance.findings.report import ReportError

MAX_ROWS = 100_000
MAX_COLUMNS = 500
MAX_HEADER = 20_000  # bytes of the first line
# Descriptions and layer lists fill whole cells; the csv module refuses a longer one.
MAX_CELL = 1 << 20
csv.field_size_limit(MAX_CELL)


def read_header(body: bytes) -> tuple[str, ...]:
    """Return the column names of the first line, trimmed; () unless there are two or more. Never raises."""
    line = body[:MAX_HEADER].lstrip().split(b"\n", 1)[0]
    try:
        names = next(csv.reader([line.decode()], strict=True), [])
    except (csv.Error, UnicodeDecodeError):
        return ()
    return tuple(name.strip() for name in names) if 2 <= len(names) <= MAX_COLUMNS else ()


def read_rows(body: bytes) -> Iterator[dict[str, str]]:
    """Yield each row as {column: trimmed cell}; missing cells are "", empty lines are skipped.

    Raises `ReportError` for more than 100,000 rows, a row with more cells than the header names, or a broken quote.
    """
    lines = io.TextIOWrapper(io.BytesIO(body.lstrip()), encoding="utf-8", newline="")
    reader = csv.reader(lines, strict=True)
    try:
        names = [name.strip() for name in next(reader, [])]
        for number, cells in enumerate((row for row in reader if any(row)), 1):
            if number > MAX_ROWS:
                raise ReportError(f"the table has more than {MAX_ROWS:,} rows")
            if len(cells) > len(names):
                raise ReportError(f"line {reader.line_num} of the table has more cells than its header")
            filled = cells + [""] * (len(names) - len(cells))
            yield {name: cell.strip() for name, cell in zip(names, filled, strict=True)}
    except csv.Error as error:
        raise ReportError(f"the table cannot be read at line {reader.line_num}: {error}") from error
