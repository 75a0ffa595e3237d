"""A policy as people write it: its scope, how strictly each place enforces it, and its rules. Pure.

What is written in YAML, sent over the API, filled into the form and kept in the database is this one document; whatever
it does not name is refused with the place where it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Literal

import msgspec

from governance.policy.condition import BadCondition, check_condition

type Stage = Literal["ci", "registry", "runtime"]
type Level = Literal["off", "inform", "warn", "fail"]
type Word = Literal["low", "medium", "high", "critical"]

STAGES: tuple[Stage, ...] = ("ci", "registry", "runtime")
MOST_RULES, MOST_NAMES, MOST_DAYS = 50, 200, 3650
NAME = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,58}[a-z0-9])?")


class BadPolicy(ValueError):
    """A document that is no policy; the text says where and why."""


class Rule(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="kind", omit_defaults=True):
    """What all rules have. `at_most` keeps a breach from being more than a warning wherever failing is enforced.

    `if_unknown` is what a rule says of an image of which nobody knows what it asks: that (`unknown`), nothing (`pass`),
    or that it is broken (`breach`). `advice` is added to the reason, for people.
    """

    name: str = ""
    advice: str = ""
    at_most: Literal["warn", "fail"] = "fail"
    if_unknown: Literal["unknown", "pass", "breach"] = "unknown"


class Findings(Rule, frozen=True, tag="findings", kw_only=True):
    """No more than `most` vulnerabilities of this severity and above, in lines of vulnerability and package.

    `grace` counts from the day on which a fix was first known, in days, and asks for one. `origin` narrows to what the
    image brought itself or what its base has too; where no base is known, everything is the image's own.
    """

    severity: Word | None = None
    fixable: bool = False
    exploited: bool = False
    epss: float | None = None
    grace: int | None = None
    origin: Literal["any", "own", "inherited"] = "any"
    most: int = 0


class Base(Rule, frozen=True, tag="base", kw_only=True):
    """Its base is known and the approved list says `allow` of it (or `warn`, or anything); built within `days`."""

    accept: Literal["allow", "warn", "any"] = "allow"
    days: int | None = None


class Age(Rule, frozen=True, tag="age", kw_only=True):
    """Built within `days`."""

    days: int


class Scanned(Rule, frozen=True, tag="scanned", kw_only=True):
    """Scanned at the place within `days`, and that scan did not fail; `any`: at one of them."""

    stage: Literal["ci", "registry", "runtime", "any"] = "any"
    days: int


class EndOfLife(Rule, frozen=True, tag="end-of-life", kw_only=True):
    """Its distribution still gets fixes, and for `ahead` days more."""

    ahead: int = 0


class NotRoot(Rule, frozen=True, tag="not-root", kw_only=True):
    """Its configuration names another user than root."""


class DenyPackage(Rule, frozen=True, tag="deny-package", kw_only=True):
    """None of these packages: `name`, `type/name`, either with `@version`, in which `*` stands for anything."""

    packages: tuple[str, ...]


class DenyVulnerability(Rule, frozen=True, tag="deny-vulnerability", kw_only=True):
    """None of these, by whatever name scanners know them; also where it has no fix."""

    names: tuple[str, ...]


class Condition(Rule, frozen=True, tag="condition", kw_only=True):
    """A CEL expression over the image document (docs/policy.md) that must be true."""

    expect: str


type AnyRule = Findings | Base | Age | Scanned | EndOfLife | NotRoot | DenyPackage | DenyVulnerability | Condition


class Scope(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Of which images it speaks: all, or those of these teams, in repositories like these, that run or do not."""

    teams: tuple[str, ...] = ()
    repositories: tuple[str, ...] = ()
    running: Literal["any", "yes", "no"] = "any"


class Enforcement(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a broken rule comes to at each place."""

    ci: Level = "inform"
    registry: Level = "inform"
    runtime: Level = "inform"

    def at(self, stage: str) -> Level:
        """At one place."""
        level: Level = getattr(self, stage)
        return level


class PolicyDocument(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """A whole policy. `restart` is what a failure is for an image that runs already, where it starts again."""

    name: str
    description: str = ""
    active: bool = True
    scope: Scope = Scope()
    enforce: Enforcement = Enforcement()
    restart: Literal["warn", "fail"] = "warn"
    rules: tuple[AnyRule, ...] = ()


def read_policy(written: object) -> PolicyDocument:
    """The document that this is. Raises `BadPolicy`, which says where it is none."""
    try:
        policy = msgspec.convert(written, PolicyDocument)
    except (msgspec.ValidationError, RecursionError, OverflowError) as error:
        raise BadPolicy(str(error)) from error
    if problem := next(problems_of(policy), ""):
        raise BadPolicy(problem)
    return policy


def plain(policy: PolicyDocument) -> dict[str, Any]:
    """As it is written: what holds by default is left out."""
    written: dict[str, Any] = msgspec.to_builtins(policy)
    return written


def problems_of(policy: PolicyDocument) -> Iterator[str]:
    """What no type says."""
    if not is_text(policy):
        yield "a NUL character or half a surrogate pair stands in it"
        return
    if not NAME.fullmatch(policy.name):
        yield "name: up to 60 small letters, digits and hyphens, with a letter or digit at both ends"
    if len(policy.description) > 500:
        yield "description: at most 500 characters"
    if len(policy.rules) > MOST_RULES:
        yield f"rules: at most {MOST_RULES}"
    for place, texts in (("scope.teams", policy.scope.teams), ("scope.repositories", policy.scope.repositories)):
        if len(texts) > MOST_NAMES or any(not text.strip() or len(text) > 300 for text in texts):
            yield f"{place}: at most {MOST_NAMES} names of 1 to 300 characters"
    for number, rule in enumerate(policy.rules):
        yield from (f"rules[{number}].{problem}" for problem in rule_problems(rule))


def is_text(policy: PolicyDocument) -> bool:
    """Whether the database can keep every text of it."""
    try:
        return b"\\u0000" not in msgspec.json.encode(policy)
    except (UnicodeEncodeError, ValueError):
        return False


def rule_problems(rule: AnyRule) -> Iterator[str]:
    """What is wrong with one rule."""
    if len(rule.name) > 100 or len(rule.advice) > 300:
        yield "name: at most 100 characters, advice: 300"
    for field in ("days", "grace", "ahead"):
        days = getattr(rule, field, None)
        if days is not None and not 0 <= days <= MOST_DAYS:
            yield f"{field}: 0 to {MOST_DAYS} days"
    if isinstance(rule, Findings):
        yield from _findings_problems(rule)
    for field in ("packages", "names"):
        texts: tuple[str, ...] | None = getattr(rule, field, None)
        if texts is not None and not (1 <= len(texts) <= MOST_NAMES and all(0 < len(one) <= 300 for one in texts)):
            yield f"{field}: 1 to {MOST_NAMES} names of 1 to 300 characters"
    if isinstance(rule, Condition):
        try:
            check_condition(rule.expect)
        except BadCondition as error:
            yield f"expect: {error}"


def _findings_problems(rule: Findings) -> Iterator[str]:
    if rule.epss is not None and not 0 <= rule.epss <= 1:
        yield "epss: a probability, 0 to 1"
    if not 0 <= rule.most <= 100_000:
        yield "most: 0 to 100000"
