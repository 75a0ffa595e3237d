"""What the approved list says of a base on a day. Pure: everything known comes in, nothing is looked up.

Every page, check and enforcer asks `judge_reference`, so that none of them can disagree.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from enum import StrEnum

from governance.approvals.patterns import Kind, Pattern


class Verdict(StrEnum):
    """What to do with a base. `unknown` is what no entry names: it is never taken for `allow`."""

    ALLOW = "allow"
    WARN = "warn"
    DENY = "deny"
    UNKNOWN = "unknown"


# The worst of several: what the list forbids, then what it does not know, then what it warns of.
STRICTNESS = {Verdict.ALLOW: 0, Verdict.WARN: 1, Verdict.UNKNOWN: 2, Verdict.DENY: 3}


class Stage(StrEnum):
    """How an entry stands on a day."""

    OPEN = "open"
    APPROVED = "approved"
    DEPRECATED = "deprecated"
    SUNSET = "sunset"
    BANNED = "banned"


STAGE_VERDICTS = {
    Stage.APPROVED: Verdict.ALLOW,
    Stage.DEPRECATED: Verdict.WARN,
    Stage.SUNSET: Verdict.DENY,
    Stage.BANNED: Verdict.DENY,
}


@dataclass(frozen=True, slots=True)
class Terms:
    """What a base has to hold to. Ages and grace in days, findings the most there may be; None asks for nothing."""

    max_age: int | None = None
    most: tuple[tuple[str, int], ...] = ()
    grace: int | None = None
    signed: bool = False
    non_root: bool = False
    kept: bool = False
    breach: Verdict = Verdict.WARN


@dataclass(frozen=True, slots=True)
class Approval:
    """An entry of the list. `standing` is the last decision; from then on the calendar moves it (`stage_on`)."""

    id: int
    name: str
    pattern: Pattern
    standing: Stage
    platforms: frozenset[str] = frozenset()
    deprecated_on: date | None = None
    sunset_on: date | None = None
    replacement: str = ""
    why: str = ""
    outdated_days: int | None = None
    terms: Terms = Terms()

    def stage_on(self, on: date) -> Stage:
        """How it stands on that day, nobody acting."""
        if self.standing in (Stage.OPEN, Stage.BANNED):
            return self.standing
        if self.sunset_on and on >= self.sunset_on:
            return Stage.SUNSET
        if self.standing == Stage.SUNSET or (self.deprecated_on and on >= self.deprecated_on):
            return Stage.DEPRECATED
        return Stage.APPROVED

    def fits_platform(self, platform: str) -> bool:
        """It speaks of this platform (`linux/arm64`), or the platform is not known."""
        return not self.platforms or not platform or platform in self.platforms

    def __str__(self) -> str:
        separator = "@" if self.pattern.kind == Kind.DIGEST else ":"
        return f"{self.name}{separator}{self.pattern.text}"


@dataclass(frozen=True, slots=True)
class Seen:
    """A tag that pointed to the content asked about; `until` is None while it still does."""

    tag: str
    until: date | None = None


@dataclass(frozen=True, slots=True)
class Content:
    """What is known of the image itself, for the terms; None where nobody knows."""

    built: date | None = None
    counts: dict[str, int] | None = None
    fix_since: date | None = None
    root: bool | None = None
    signed: bool | None = None
    kept: bool | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """A base: `name` is `host/repository`. With `digests` (all that name one content) the tag is a remark only.

    `tags` is the content's history in this repository; `points_to` the digests that the tag names now. `kept` says
    whether it is taken from our own copy (None: nobody knows), `copy` what to write for that instead.
    """

    name: str
    tag: str = ""
    digests: frozenset[str] = frozenset()
    platform: str = ""
    tags: tuple[Seen, ...] = ()
    points_to: frozenset[str] = frozenset()
    content: Content | None = None
    kept: bool | None = None
    copy: str = ""


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict, sentences that say why and what to do, the entry that decided, and what to use instead."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    entry: int | None = None
    replacement: str = ""
    outdated: bool = field(default=False)

    @property
    def order(self) -> tuple[int, bool]:
        """The mildest first, and of two alike the one that is up to date."""
        return STRICTNESS[self.verdict], self.outdated


def judge_reference(
    asked: Asked, approvals: Iterable[Approval], on: date, unlisted: Verdict = Verdict.UNKNOWN
) -> Judgement:
    """Judge a base on a day; `unlisted` is what a base gets that no entry names.

    Of the entries that fit, the one that is written most exactly decides, of equals the strictest. By digest, an entry
    of that digest decides, else the tags that the content has or had: the mildest of them, as it is the same content.
    """
    own = [one for one in approvals if one.name == asked.name and one.fits_platform(asked.platform)]
    standing = [one for one in own if one.stage_on(on) != Stage.OPEN]
    if asked.digests:
        found = _by_digest(asked, standing, on)
    else:
        held = [one for one in _of_digest(standing, asked.points_to) if STAGE_VERDICTS[one.stage_on(on)] != "allow"]
        exact = _strictest(held, on) or _best(asked.tag or "latest", standing, on)
        found = _say(exact, on) if exact else None
    if found is None:
        return _unlisted(asked, own, on, unlisted)
    return _with_terms(found, next(one for one in own if one.id == found.entry), asked, on)


def _by_digest(asked: Asked, standing: Sequence[Approval], on: date) -> Judgement | None:
    if exact := _strictest(_of_digest(standing, asked.digests), on):
        return _say(exact, on)
    held = [(seen, _best(seen.tag, standing, on)) for seen in asked.tags]
    found = [_aged(_say(entry, on), entry, seen, on) for seen, entry in held if entry]
    return min(found, key=lambda one: one.order, default=None)


def _aged(said: Judgement, entry: Approval, seen: Seen, on: date) -> Judgement:
    """Content that its tag has left is as good as the tag for the time that the entry states, and no longer."""
    if seen.until is None or seen.until > on:
        return said
    newer = f"{entry.name}:{seen.tag}"
    last = seen.until + timedelta(days=entry.outdated_days) if entry.outdated_days is not None else None
    # Whether it names something else by now, or nothing, the inventory knows.
    moved = f"Outdated: {newer} names this no more since {seen.until}"
    if last is None or on <= last:
        limit = f" before {last}" if last else ""
        return replace(said, outdated=True, reasons=(*said.reasons, f"{moved}; rebuild on what it names now{limit}."))
    if said.verdict == Verdict.DENY:
        return replace(said, outdated=True)
    late = f"{moved} and was approved until {last}: rebuild on {newer}."
    return Judgement(Verdict.DENY, (late,), entry.id, said.replacement or newer, outdated=True)


def _of_digest(standing: Iterable[Approval], digests: frozenset[str]) -> list[Approval]:
    return [one for one in standing if one.pattern.kind == Kind.DIGEST and one.pattern.text in digests]


def _best(tag: str, standing: Iterable[Approval], on: date) -> Approval | None:
    fitting = [one for one in standing if one.pattern.fits(tag)]
    highest = max((one.pattern.rank for one in fitting), default=None)
    return _strictest([one for one in fitting if one.pattern.rank == highest], on)


def _strictest(entries: Sequence[Approval], on: date) -> Approval | None:
    return max(entries, key=lambda one: (STRICTNESS[STAGE_VERDICTS[one.stage_on(on)]], one.id), default=None)


def _say(entry: Approval, on: date) -> Judgement:
    """The entry's own word."""
    stage = entry.stage_on(on)
    instead = f"use {entry.replacement}" if entry.replacement else "see the entry for what to use"
    why = f" ({entry.why})" if entry.why else ""
    if stage == Stage.BANNED:
        text = f"Banned as {entry}{why}: {instead}."
    elif stage == Stage.SUNSET:
        text = f"{entry} came to its end on {entry.sunset_on}{why}: {instead}."
    elif stage == Stage.DEPRECATED:
        end = f" before {entry.sunset_on}" if entry.sunset_on else ""
        text = f"{entry} is deprecated{why}: {instead}{end}."
    else:
        planned = entry.deprecated_on or entry.sunset_on
        text = f"Approved as {entry}" + (f", to be left from {planned}: {instead}." if planned else ".")
    instead_of = entry.replacement if stage != Stage.APPROVED else ""
    return Judgement(STAGE_VERDICTS[stage], (text,), entry.id, instead_of)


def _unlisted(asked: Asked, own: Sequence[Approval], on: date, unlisted: Verdict) -> Judgement:
    allowed = [one for one in own if one.stage_on(on) == Stage.APPROVED and not _is_unfit(asked, one)]
    waiting = [one for one in own if one.stage_on(on) == Stage.OPEN]
    what = f"{asked.name} by this digest" if asked.digests else f"{asked.name}:{asked.tag or 'latest'}"
    reasons = [f"No entry of the approved list names {what}."]
    if asked.digests and not asked.tags:
        reasons[0] = f"This digest of {asked.name} is none that a tag is known to have had here."
    if allowed:
        reasons.append(f"Approved of the same repository: {', '.join(str(one) for one in allowed[:5])}.")
    if waiting:
        reasons.append(f"Requested and not decided: {', '.join(str(one) for one in waiting[:5])}.")
    elif not allowed:
        reasons.append("Take an approved base, or request this one.")
    return Judgement(unlisted, tuple(reasons), replacement=_writable(allowed))


def _is_unfit(asked: Asked, entry: Approval) -> bool:
    return entry.pattern.kind == Kind.DIGEST and entry.pattern.text in asked.digests


def _writable(allowed: Sequence[Approval]) -> str:
    """What could be written instead: an entry that names one tag or digest."""
    exact = [one for one in allowed if one.pattern.kind == Kind.DIGEST or one.pattern.rank[0] == 2]
    return str(exact[0]) if exact else ""


def _with_terms(said: Judgement, entry: Approval, asked: Asked, on: date) -> Judgement:
    """What does not hold to the entry's terms gets what the entry says of that, if it is stricter."""
    if said.verdict == Verdict.DENY or entry.terms == Terms():
        return said
    content = asked.content or Content()
    broken, open_terms = breaches(entry.terms, content if asked.kept is None else replace(content, kept=asked.kept), on)
    reasons = [*said.reasons, *(f"Against the terms of {entry}: {text}" for text in broken)]
    if entry.terms.kept and asked.kept is False:
        said = replace(said, replacement=said.replacement or asked.copy)
        reasons.append(
            f"Write FROM {asked.copy}." if asked.copy else "No copy of it is kept yet: ask for one on its page."
        )
    if open_terms and asked.content is not None:
        reasons.append(f"Not known whether it holds to the terms: {', '.join(open_terms)}.")
    worse = entry.terms.breach if broken else said.verdict
    verdict = max(said.verdict, worse, key=lambda one: STRICTNESS[one])
    return replace(said, verdict=verdict, reasons=tuple(reasons))


def breaches(terms: Terms, content: Content, on: date) -> tuple[list[str], list[str]]:
    """(sentences on terms that are broken, terms of which nobody knows)."""
    broken, unknown = _of_age(terms, content, on)
    if terms.most and content.counts is None:
        unknown.append("findings")
    counts = content.counts or {}
    for word, most in terms.most:
        if counts.get(word, 0) > most:
            broken.append(f"{counts[word]} {word} findings, {most} are allowed.")
    for wanted, holds, word, text in (
        (terms.signed, content.signed, "signature", "it is not signed."),
        (terms.non_root, None if content.root is None else not content.root, "user", "it runs as root."),
        (terms.kept, content.kept, "kept copy", "it is not taken from the kept copy."),
    ):
        if wanted and holds is None:
            unknown.append(word)
        elif wanted and not holds:
            broken.append(text)
    return broken, unknown


def _of_age(terms: Terms, content: Content, on: date) -> tuple[list[str], list[str]]:
    broken, unknown = [], []
    if terms.max_age is not None:
        age = (on - content.built).days if content.built else None
        if age is None:
            unknown.append("age")
        elif age > terms.max_age:
            broken.append(f"it is {age} days old, {terms.max_age} are allowed; take a newer build.")
    if terms.grace is not None and content.counts is None:
        unknown.append("fixes")
    elif terms.grace is not None and content.fix_since and (on - content.fix_since).days > terms.grace:
        broken.append(f"fixes are known since {content.fix_since}, {terms.grace} days are allowed; rebuild it.")
    return broken, unknown


def worst(judgements: Iterable[Judgement]) -> Verdict:
    """The verdict on all of them together; of nothing at all `allow`."""
    return max((one.verdict for one in judgements), key=lambda one: STRICTNESS[one], default=Verdict.ALLOW)
