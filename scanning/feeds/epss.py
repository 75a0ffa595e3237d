"""FIRST's EPSS: the probability that a CVE is exploited within 30 days, for every CVE, anew each day.

CSV, usually gzipped: `#model_version:…,score_date:…` (absent before 2022), `cve,epss,percentile`, then the rows,
numbers from 0 to 1.
A CVE without a row has no score, which is not 0.
"""

from __future__ import annotations

import re
from datetime import timedelta
from pathlib import Path
from typing import IO

from governance.findings.enrichment import Score
from scanning.feeds.reading import CVE, FeedError, Reading, lines, moment, once

NAME = "epss"
TITLE = "EPSS"
ABOUT = "How likely each CVE is to be exploited within 30 days, by FIRST's model."
EVERY, STALE = timedelta(hours=6), timedelta(days=3)
LIMIT, SHRINK = 64 * 2**20, 10
BUILT_IN: Path | None = None
KEEP = True
OPTIONAL = False

TEXT_LIMIT = 256 * 2**20
COLUMNS = "cve,epss,percentile"
NUMBER = re.compile(r"(0|1|[01]?\.[0-9]{1,20}|[01]|[0-9](\.[0-9]{1,20})?e-[0-9]{1,3})", re.ASCII | re.IGNORECASE)


def read(body: IO[bytes]) -> Reading:
    """Read every row, or refuse all of them."""
    text = lines(body, TEXT_LIMIT)
    first = next(text, "")
    said = dict(part.partition(":")[::2] for part in first[1:].split(",")) if first.startswith("#") else {}
    header = next(text, "") if said else first
    if header != COLUMNS:
        raise FeedError(f"its columns are not {COLUMNS}")
    rows = [_row(line) for line in text if line]
    if not rows:
        raise FeedError("it has no row")
    once([row.cve for row in rows], "CVE")
    return Reading(rows, moment(said.get("score_date", "")), said.get("model_version", "")[:60])


def _row(line: str) -> Score:
    cve, score, percentile = [*line.split(","), "", ""][:3]
    numbers = NUMBER.fullmatch(score) and NUMBER.fullmatch(percentile)
    if not numbers or not CVE.fullmatch(cve) or line.count(",") != 2:
        raise FeedError(f"this is no row of it: {line[:80]!r}")
    found = Score(cve, float(score), float(percentile))
    if not (0 <= found.score <= 1 and 0 <= found.percentile <= 1):
        raise FeedError(f"a number of this row is not between 0 and 1: {line[:80]!r}")
    return found
