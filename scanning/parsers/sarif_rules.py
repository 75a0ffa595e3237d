"""What SARIF leaves to its reader: a result's rule, level, severity, place and message (OASIS SARIF 2.1.0)."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple
from urllib.parse import unquote

from governance.findings.report import Severity, severity_of
from scanning.parsers.sarif_model import (
    ArtifactLocation,
    Component,
    Configuration,
    Location,
    Message,
    Physical,
    Region,
    Result,
    Rule,
    RuleReference,
    Run,
    Tool,
    word,
    words,
)
from scanning.parsers.scalars import Scalar, points_of, score_of, text_of

# A message longer than this is looked at up to here.
MAX_TEXT = 4_000
MAX_LINES = 60
LEVELS = {
    "error": Severity.HIGH,
    "warning": Severity.MEDIUM,
    "note": Severity.LOW,
    "none": Severity.NEGLIGIBLE,
}
# What code-scanning servers make of a `security-severity` (a convention, not the standard).
BANDS = ((9.0, Severity.CRITICAL), (7.0, Severity.HIGH), (4.0, Severity.MEDIUM))
LINK = re.compile(r"\[([^\]]*)\]\([^)]*\)")
PLACEHOLDER = re.compile(r"\{(\d{1,2})\}")
NO_RULE = Rule()


class Rated(NamedTuple):
    """A severity, the word or number that says so, and the score (0 for none)."""

    severity: Severity
    word: str
    score: float


def number_of(value: Scalar) -> int:
    """Return an index, -1 where it is none."""
    return value if isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 1 << 31 else -1


def first_location(result: Result) -> Location:
    """Return where the result is; nowhere if it names no place."""
    return next(iter(result.locations or ()), Location())


def text_in(message: Message | None) -> str:
    """Return a message's text, shortened."""
    return text_of(message.text)[:MAX_TEXT] if message else ""


class Rules:
    """The rules of one run and the files that its results point to."""

    def __init__(self, run: Run) -> None:
        tool = run.tool or Tool()
        driver = tool.driver or Component()
        self.listed = driver.rules or []
        extensions = [rule for extension in tool.extensions or () for rule in extension.rules or ()]
        # Of rules that share an identifier the first counts.
        self.by_id = {text_of(rule.id): rule for rule in reversed([*self.listed, *extensions]) if rule.id}
        self.artifacts = run.artifacts or []

    def id_of(self, result: Result) -> str:
        """Return what the result calls its rule, else the identifier of the rule that its index names."""
        named = text_of(result.rule_id) or text_of((result.rule or RuleReference()).id)
        return named or text_of(self.of(result).id)

    def of(self, result: Result) -> Rule:
        """Return the result's rule: by identifier (`CA1000/1` is a case of CA1000), else by index."""
        reference = result.rule or RuleReference()
        name = text_of(result.rule_id) or text_of(reference.id)
        if name:
            return self.by_id.get(name) or self.by_id.get(name.rpartition("/")[0]) or NO_RULE
        index = max(number_of(result.rule_index), number_of(reference.index))
        return self.listed[index] if 0 <= index < len(self.listed) else NO_RULE

    def message_of(self, result: Result) -> str:
        """Return the message; one that is named by `id` is the rule's, with the arguments filled in."""
        message = result.message or Message()
        if message.text or not message.id:
            return text_in(message)
        text = text_in((self.of(result).message_strings or {}).get(text_of(message.id)))
        given = [text_of(argument)[:MAX_TEXT] for argument in message.arguments or ()]
        return PLACEHOLDER.sub(lambda found: given[int(found[1])] if int(found[1]) < len(given) else "", text)

    def path_of(self, location: Location) -> str:
        """Return the file, as a path: its own URI, else that of the artifact with its index."""
        place = (location.physical_location or Physical()).artifact_location or ArtifactLocation()
        index = number_of(place.index)
        if not place.uri and index < len(self.artifacts):
            place = (self.artifacts[index].location if index >= 0 else None) or place
        return unquote(text_of(place.uri)[:MAX_TEXT].removeprefix("file://"))

    def target_of(self, result: Result) -> str:
        """Say in a few words where the result is: file and line, else the name of the thing."""
        location = first_location(result)
        path = self.path_of(location)
        line = number_of(((location.physical_location or Physical()).region or Region()).start_line)
        if path:
            return f"{path}:{line}" if line > 0 else path
        things = location.logical_locations or ()
        return next((text_of(one.fully_qualified_name) or text_of(one.name) for one in things), "")


def level_of(result: Result, rule: Rule) -> str:
    """Return the level: the result's, else its rule's, else `warning` (3.27.10)."""
    default = rule.default_configuration or Configuration()
    return text_of(result.level) or text_of(default.level) or "warning"


def rate(result: Result, rule: Rule, said: str) -> Rated:
    """Rate a result: by its rule's score, else by the word in its texts, else by its level."""
    text = word(result.properties, "security-severity") or word(rule.properties, "security-severity")
    score = points_of(text)
    if score is not None:
        return Rated(band_of(score), said or text, score_of(score))
    told = said or word(result.properties, "severity") or word(rule.properties, "cvssV3_severity") or text
    severity = severity_of(told)
    if severity == Severity.UNKNOWN and not said:
        severity = LEVELS.get(level_of(result, rule), Severity.UNKNOWN)
    return Rated(severity, told, score_of(points_of(word(rule.properties, "cvssv3_baseScore"))))


def band_of(score: float) -> Severity:
    """Return the severity of a CVSS base score; 0 means that there is none."""
    if not 0 < score <= 10:
        return Severity.UNKNOWN
    return next((severity for least, severity in BANDS if score >= least), Severity.LOW)


@lru_cache(maxsize=256)
def fields_of(text: str) -> dict[str, str]:
    """Read the lines `Key: value` and `Vulnerability NAME` of a text; keys in lower case, of equal ones the first."""
    fields: dict[str, str] = {}
    for line in text.split("\n", MAX_LINES)[:MAX_LINES]:
        key, colon, value = line.partition(":")
        if not colon and line.strip().startswith("Vulnerability "):
            key, _, value = line.strip().partition(" ")
        if value.strip():
            fields.setdefault(" ".join(key.split()).lower(), LINK.sub(r"\1", value).strip())
    return fields


def tags_of(rule: Rule) -> set[str]:
    """Return the rule's tags in lower case."""
    return {tag.lower() for tag in words(rule.properties, "tags")}
