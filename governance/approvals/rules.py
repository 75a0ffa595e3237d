"""The list as rules on references as they are written: what every enforcer's document is made of.

Rules and verdict cannot part: each known tag and digest is judged by `judge_reference`, and where that says something
else than the pattern that fits, it becomes a rule of its own.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property

import msgspec
from django.utils import timezone

from governance.approvals.copied import Copies, known_copies
from governance.approvals.facts import Known, Line, asked_of, contents_of, history_of, judge_images, listed, unlisted
from governance.approvals.judgement import (
    STAGE_VERDICTS,
    STRICTNESS,
    Approval,
    Asked,
    Content,
    Judgement,
    Stage,
    Verdict,
    judge_reference,
)
from governance.approvals.patterns import Kind
from governance.images.reference import DOCKER_HUB, DOCKER_HUB_ALIASES, Reference

TAG = "[A-Za-z0-9_][A-Za-z0-9._-]*"
HUB = "|".join(re.escape(host) for host in sorted({DOCKER_HUB, *DOCKER_HUB_ALIASES}))


@dataclass(frozen=True, slots=True)
class Rule:
    """What one repository's tags (an expression) or digests get. Of a repository's rules the first that fits counts."""

    name: str
    verdict: Verdict
    entry: int
    reason: str
    replacement: str = ""
    tags: str = ""
    digests: tuple[str, ...] = ()
    # The one tag meant, where it is one.
    tag: str = ""

    @property
    def expression(self) -> str:
        """Fits a whole reference as people write it, short or in full."""
        if self.digests:
            return f"{spelled(self.name)}(?::{TAG})?@(?:{'|'.join(self.digests)})"
        part = f":(?:{self.tags})"
        return spelled(self.name) + (f"(?:{part})?" if re.fullmatch(self.tags, "latest") else part)


@dataclass(frozen=True, slots=True)
class Clause:
    """A verdict's condition: the reference fits `match` and not `unless` (empty: nothing takes precedence)."""

    match: str
    unless: str
    rule: Rule


@dataclass(frozen=True)
class ApprovedList:
    """The whole list on a day."""

    on: date
    unlisted: Verdict
    entries: tuple[Approval, ...]
    rules: tuple[Rule, ...]
    known: tuple[tuple[str, Judgement], ...] = ()

    @cached_property
    def version(self) -> str:
        """Changes when the list says something else, be it by the calendar; the day alone does not change it."""
        content = [self.unlisted, [_plain(rule) for rule in self.rules]]
        return hashlib.sha256(msgspec.json.encode(content)).hexdigest()[:16]

    def clauses(self, verdict: Verdict) -> list[Clause]:
        """Conditions of which one holds exactly where the list's verdict on a written reference is this."""
        found = []
        before: dict[str, list[Rule]] = defaultdict(list)
        for rule in self.rules:
            if rule.verdict == verdict:
                other = [one.expression for one in before[rule.name] if one.verdict != verdict and one.tags]
                unless = f"^(?:{'|'.join(other)})$" if other and rule.tags else ""
                found.append(Clause(f"^(?:{rule.expression})$", unless, rule))
            before[rule.name].append(rule)
        return found


def _plain(rule: Rule) -> list[object]:
    return [rule.name, rule.verdict, rule.entry, rule.reason, rule.replacement, rule.tags, rule.digests]


def spelled(name: str) -> str:
    """An expression for all ways to write a repository: Docker Hub's may go without host and `library/`."""
    host, _, path = name.partition("/")
    if host != DOCKER_HUB:
        return f"(?i:{re.escape(host)})/{re.escape(path)}"
    first, slash, _ = path.partition("/")
    bare = not slash or not ("." in first or first == "localhost")
    short = re.escape(path.removeprefix("library/"))
    full = f"(?:library/)?{short}" if path.startswith("library/") and "/" not in short else re.escape(path)
    return f"(?:(?i:{HUB})/){'?' if bare else ''}{full}"


def current_list(on: date | None = None) -> ApprovedList:
    """The list as it is, on a day (today)."""
    approvals = listed()
    history = history_of({one.name for one in approvals})
    contents = contents_of({one.image for one in history if one.until is None}, approvals)
    return build_list(approvals, history, on or timezone.now().date(), unlisted(), contents, known_copies())


def build_list(
    approvals: Sequence[Approval],
    history: Sequence[Known],
    on: date,
    unlisted: Verdict = Verdict.UNKNOWN,
    contents: dict[int, Content] | None = None,
    copies: Copies | None = None,
) -> ApprovedList:
    """Turn entries and what is known of their repositories into rules. Pure.

    Where a copy of a repository is kept, the same holds, except that it is taken from the copy there.
    """
    copies = copies or Copies()
    standing = [one for one in approvals if one.stage_on(on) != Stage.OPEN]
    by_name: dict[str, list[Known]] = defaultdict(list)
    for known in history:
        by_name[known.name].append(known)
    rules: list[Rule] = []
    judged: list[tuple[str, Judgement]] = []
    sources = {name: name for name in {one.name for one in standing}}
    sources |= {place: source for place, source in copies.sources.items() if source in sources and place not in sources}
    for name, source in sorted(sources.items()):
        own = [replace(one, name=name) for one in standing if one.name == source]
        seen = [replace(one, name=name) for one in by_name[source]]
        said = [
            (asked, judge_images(asked, images, contents or {}, own, on, unlisted))
            for asked, images in _asked(name, own, seen, copies)
        ]
        patterns = _patterns(own, on, name != source)
        rules += [*_of_digests(name, said), *_of_tags(name, said, patterns), *patterns]
        judged += [(_written(one), verdict) for one, verdict in said]
    return ApprovedList(on, unlisted, tuple(approvals), tuple(rules), tuple(judged))


def _asked(
    name: str, own: Iterable[Approval], history: Sequence[Known], copies: Copies
) -> list[tuple[Asked, tuple[int, ...]]]:
    """Each known digest and each tag that holds, as a question."""
    host, _, path = name.partition("/")
    named = [one.pattern.text for one in own if one.pattern.kind == Kind.DIGEST]
    digests = dict.fromkeys([*named, *(one.digest for one in history)])
    tags = dict.fromkeys(one.tag for one in history if one.until is None)
    lines = [
        *(Line(Reference(host, path, digest=digest)) for digest in digests),
        *(Line(Reference(host, path, tag)) for tag in tags),
    ]
    meant = [replace(line, kept=True) if name in copies.sources else copies.meant(line) for line in lines]
    return [(copies.settled(asked), images) for asked, images in (asked_of(line, history) for line in meant)]


def _written(asked: Asked) -> str:
    return f"{asked.name}:{asked.tag}" if asked.tag else f"{asked.name}@{min(asked.digests)}"


def _patterns(own: Iterable[Approval], on: date, kept: bool) -> list[Rule]:
    """The entries that name tags, the most exact first, of equals the strictest."""
    entries = [one for one in own if one.pattern.kind != Kind.DIGEST]
    verdicts = {one.id: STAGE_VERDICTS[one.stage_on(on)] for one in entries}
    entries.sort(key=lambda one: (one.pattern.rank, STRICTNESS[verdicts[one.id]], one.id), reverse=True)
    # Without terms on its content and history, an entry says of its tags what it says of any.
    plain = [(one, judge_reference(Asked(one.name, "", kept=kept), [_for_all(one)], on)) for one in entries]
    return [
        Rule(
            *(one.name, said.verdict, one.id, " ".join(said.reasons), said.replacement, one.pattern.expression),
            tag=one.pattern.text if one.pattern.rank[0] == 2 else "",
        )
        for one, said in plain
    ]


def _for_all(entry: Approval) -> Approval:
    terms = type(entry.terms)(kept=entry.terms.kept, breach=entry.terms.breach)
    return replace(entry, terms=terms, pattern=replace(entry.pattern, expression=".*"))


def _of_tags(name: str, said: Iterable[tuple[Asked, Judgement]], patterns: Sequence[Rule]) -> list[Rule]:
    """Tags that stand otherwise than their pattern: they point to a digest that is named, or break their terms."""
    found = []
    for asked, one in said:
        rule = next((rule for rule in patterns if asked.tag and re.fullmatch(rule.tags, asked.tag)), None)
        usual = rule.verdict if rule else None
        if asked.tag and one.entry is not None and one.verdict != usual:
            text = " ".join(one.reasons)
            found.append(Rule(name, one.verdict, one.entry, text, one.replacement, re.escape(asked.tag), tag=asked.tag))
    return found


def _of_digests(name: str, said: Iterable[tuple[Asked, Judgement]]) -> list[Rule]:
    """Digests of which the list says something, those together of which it says the same."""
    groups: dict[Judgement, set[str]] = defaultdict(set)
    for asked, one in said:
        if not asked.tag and one.entry is not None:
            groups[one] |= asked.digests
    return [
        Rule(name, one.verdict, one.entry or 0, " ".join(one.reasons), one.replacement, digests=tuple(sorted(digests)))
        for one, digests in groups.items()
    ]
