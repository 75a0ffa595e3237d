"""One record of the OSV format: JSON in, `Record` out."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from functools import lru_cache

import msgspec
from cvss.cvss2 import CVSS2
from cvss.cvss3 import CVSS3
from cvss.cvss4 import CVSS4
from cvss.exceptions import CVSSError

from governance.findings.osv.advice import Affected, Event, Record, Statement
from governance.findings.osv.ecosystems import spell, split_ecosystem
from governance.findings.report import Severity, severity_of
from scanning.feeds.osv_model import Affected as Stated
from scanning.feeds.osv_model import Document, Link, Other, Range, Rating, Specific

DECODER = msgspec.json.Decoder(Document)
MAX_NAME, MAX_ALIASES, MAX_DETAILS = 100, 100, 4_000
# Versions and events of one record; the largest real ones have some ten thousand.
MAX_VERSIONS = 200_000
ORDERED = ("ECOSYSTEM", "SEMVER")
LINKS = ("ADVISORY", "WEB", "REPORT")
VECTOR = 300


class BadRecord(ValueError):
    """It cannot be read; the text says why."""


def read(data: bytes) -> Record:
    """Read one record. Raises `BadRecord`."""
    document = decode(DECODER, data)
    name = name_of(document.id)
    links = document.references or []
    others = [one for one in (*(document.aliases or ()), *(document.upstream or ())) if 0 < len(one) <= MAX_NAME]
    return Record(
        name=name,
        modified=moment(document.modified),
        withdrawn=bool(document.withdrawn),
        published=moment(document.published) if document.published else None,
        aliases=tuple(dict.fromkeys(one for one in others if one and one != name and len(one) <= MAX_NAME))[
            :MAX_ALIASES
        ],
        cvss=max((score_of(rating) for rating in _ratings(document)), default=0.0),
        summary=document.summary or "",
        details=(document.details or "")[:MAX_DETAILS],
        url=link_of(links) or f"https://osv.dev/vulnerability/{name}",
        affected=() if document.withdrawn else tuple(affected_of(document)),
    )


def decode[Shaped](decoder: msgspec.json.Decoder[Shaped], data: bytes) -> Shaped:
    """Decode JSON into a shape. Raises `BadRecord`."""
    try:
        return decoder.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise BadRecord(f"no OSV record: {str(error)[:200]}") from None


def name_of(text: str) -> str:
    """Return a record's identifier. Raises `BadRecord`."""
    if not 0 < len(text) <= MAX_NAME or not text.isprintable() or " " in text:
        raise BadRecord("its id is no identifier")
    return text


def moment(text: str) -> datetime:
    """Return a time. Raises `BadRecord`."""
    try:
        found = msgspec.convert(text, datetime)
        if found.tzinfo is None or not 1970 <= found.year <= 9000:
            raise BadRecord(f"no point in time: {text[:40]!r}")
    except msgspec.ValidationError:
        raise BadRecord(f"no point in time: {text[:40]!r}") from None
    return found


def affected_of(document: Document) -> Iterator[Affected]:
    """Yield what it says of packages in the ecosystems we could match. Raises `BadRecord` where it is too much."""
    amount = 0
    for stated in document.affected or ():
        package = stated.package
        ecosystem, release = split_ecosystem(package.ecosystem) if package else ("", "")
        if package is None or not ecosystem or not package.name:
            continue
        statement = statement_of(stated)
        amount += len(statement.versions) + sum(map(len, statement.ranges))
        if amount > MAX_VERSIONS:
            raise BadRecord(f"more than {MAX_VERSIONS:,} versions")
        severity, word = severity_of_package(document, stated)
        yield Affected(ecosystem, release, spell(ecosystem, package.name), statement, severity, word)


def statement_of(stated: Stated) -> Statement:
    """Ranges of commits are left out: no package list tells commits."""
    ranges = [events for one in stated.ranges or () if one.type in ORDERED and (events := tuple(events_of(one)))]
    return Statement(tuple(ranges), tuple(version for version in stated.versions or () if version))


def events_of(one: Range) -> Iterator[tuple[Event, str]]:
    """Yield (event, version)."""
    for event in one.events or ():
        pairs = (
            (Event.INTRODUCED, event.introduced),
            (Event.FIXED, event.fixed),
            (Event.LAST_AFFECTED, event.last_affected),
            (Event.LIMIT, event.limit),
        )
        yield from ((kind, version) for kind, version in pairs if version)


def severity_of_package(document: Document, stated: Stated) -> tuple[Severity, str]:
    """Return the publisher's own word if there is one, else what the CVSS score is called; of the package first."""
    for ratings in (stated.severity, document.severity):
        for rating in ratings or ():
            if rating.type == "Ubuntu" and severity_of(rating.score):
                return severity_of(rating.score), rating.score
    for specific in (stated.ecosystem_specific, stated.database_specific, document.database_specific):
        if word := word_of(specific):
            return severity_of(word), word
    score = max((score_of(rating) for rating in stated.severity or document.severity or ()), default=0.0)
    return rated(score), ""


def word_of(specific: Specific | Other) -> str:
    """Return a severity word; what is none is none."""
    if isinstance(specific, Specific):
        for value in (specific.severity, specific.urgency):
            if isinstance(value, str) and severity_of(value.strip("*")):
                return value.strip("*")
    return ""


def rated(score: float) -> Severity:
    """Return CVSS's qualitative rating (CVSS 3.1, section 5)."""
    steps = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM), (0.1, Severity.LOW))
    return next((severity for least, severity in steps if score >= least), Severity.UNKNOWN)


def _ratings(document: Document) -> Iterator[Rating]:
    yield from document.severity or ()
    for stated in document.affected or ():
        yield from stated.severity or ()


def score_of(rating: Rating) -> float:
    """Return the base score of a CVSS vector, 0 where it is none."""
    return _score(rating.score) if rating.type.startswith("CVSS") and len(rating.score) <= VECTOR else 0.0


@lru_cache(maxsize=8192)
def _score(vector: str) -> float:
    kind = CVSS4 if vector.startswith("CVSS:4.") else CVSS3 if vector.startswith("CVSS:3.") else CVSS2
    try:
        return float(kind(vector).base_score or 0)
    except CVSSError:
        return 0.0


def link_of(links: list[Link]) -> str:
    """Return the best link, "" where there is none."""
    found = [link for kind in LINKS for link in links if link.type == kind] or links
    return next((link.url for link in found if link.url.startswith(("https://", "http://"))), "")
