"""The verdict on an image at a place on a day. Pure: the facts and the policies come in, nothing is looked up.

Page, API, gate, command and admission all ask this, so that none of them can disagree. Every policy that speaks of the
image is asked and the worst counts; their order says nothing. What nobody knows is `unknown`, never a pass.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from fnmatch import translate
from functools import lru_cache

from governance.policy.document import (
    STAGES,
    AnyRule,
    DenyPackage,
    NotRoot,
    PolicyDocument,
    Scope,
)
from governance.policy.known import Facts
from governance.policy.rules import Prepared, Said


class Outcome(StrEnum):
    """What a place is to do with an image. `unknown` is for the asker to decide: open or closed."""

    PASS = "pass"  # noqa: S105 (a verdict)
    WARN = "warn"
    UNKNOWN = "unknown"
    FAIL = "fail"


# The worst of several; `inform` is a reason that changes nothing.
STRICTNESS = {"inform": 0, "pass": 0, "warn": 1, "unknown": 2, "fail": 3}
# What no feed and no calendar can break by itself.
LASTING = (NotRoot, DenyPackage)
NOBODY = "No policy speaks of this image here. Write one that does, or widen the scope of one that is there."


@dataclass(frozen=True, slots=True)
class Version:
    """A policy as it is in force."""

    document: PolicyDocument
    version: int = 1

    @property
    def name(self) -> str:
        """What people call it."""
        return self.document.name


@dataclass(frozen=True, slots=True)
class Reason:
    """Why: a broken rule, or one of which nobody knows. `findings` are ids of examples, the worst first."""

    policy: str
    version: int
    rule: str
    kind: str
    outcome: str
    text: str
    count: int = 0
    exempted: int = 0
    findings: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Ruling:
    """The outcome with its reasons, the worst first, and the policy that decided (empty: none speaks of it)."""

    outcome: Outcome
    reasons: tuple[Reason, ...] = ()
    policy: str = ""
    exempted: int = 0


def judge(facts: Facts, policies: Iterable[Version], stage: str, day: date) -> Ruling:
    """The verdict on one image. Whoever judges many makes one `Judge` for them."""
    return Judge(policies, day).at(facts, stage)


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule said of an image, at whatever place."""

    policy: Version
    rule: AnyRule
    label: str
    said: Said


class Judge:
    """The policies of a day, made ready; of images that share findings most is done once."""

    def __init__(self, policies: Iterable[Version], day: date) -> None:
        self.day = day
        active = [one for one in policies if one.document.active]
        self.policies = [
            (one, [Prepared(rule, day) for rule in one.document.rules])
            for one in sorted(active, key=lambda one: one.name)
        ]

    def everywhere(self, facts: Facts) -> dict[str, Ruling]:
        """The verdicts at all places."""
        applying = [(one, rules) for one, rules in self.policies if speaks_of(one.document.scope, facts)]
        said = [
            Finding(one, prepared.rule, label_of(prepared.rule, number), prepared.say(facts))
            for one, rules in applying
            for number, prepared in enumerate(rules, 1)
        ]
        return {stage: conclude(facts, [one for one, _ in applying], said, stage) for stage in STAGES}

    def at(self, facts: Facts, stage: str) -> Ruling:
        """The verdict at one."""
        return self.everywhere(facts)[stage]


def conclude(facts: Facts, applying: Sequence[Version], said: Iterable[Finding], stage: str) -> Ruling:
    """What the policies that speak of the image come to at a place."""
    enforcing = [one for one in applying if one.document.enforce.at(stage) != "off"]
    if not enforcing:
        return Ruling(Outcome.UNKNOWN, (Reason("", 0, "no policy", "none", "unknown", NOBODY),))
    found = [reason for one in said if one.said.broken is not False and (reason := reason_of(facts, one, stage))]
    reasons = sorted(found, key=lambda one: -STRICTNESS[one.outcome])
    worst = reasons[0] if reasons and STRICTNESS[reasons[0].outcome] else None
    # Of several findings rules each counts what is exempted of its own; they may be the same findings.
    exempted = max((one.said.exempted for one in said), default=0)
    outcome = Outcome(worst.outcome) if worst else Outcome.PASS
    return Ruling(outcome, tuple(reasons), worst.policy if worst else enforcing[0].name, exempted)


def reason_of(facts: Facts, found: Finding, stage: str) -> Reason | None:
    """What the rule's word comes to at the place; None where it holds, or nothing is enforced."""
    document, rule, said = found.policy.document, found.rule, found.said
    level = document.enforce.at(stage)
    broken = said.broken
    if broken is None and rule.if_unknown != "unknown":
        broken = rule.if_unknown == "breach"
    if level == "off" or broken is False:
        return None
    outcome, text = ("unknown" if broken is None else str(level)), said.text
    if outcome == "fail" and rule.at_most == "warn":
        outcome = "warn"
    if outcome == "fail" and _only_restarts(facts, document, rule, stage):
        outcome = "warn"
        text += " It runs already, so this does not stop it from starting again."
    if rule.advice:
        text += f" {rule.advice}"
    name, kind = found.policy.name, str(rule.__struct_config__.tag)
    return Reason(
        *(name, found.policy.version, found.label, kind, outcome, text, said.count, said.exempted, said.findings)
    )


def _only_restarts(facts: Facts, document: PolicyDocument, rule: AnyRule, stage: str) -> bool:
    """Gates judge what is new: what an image that runs has become guilty of meanwhile is work, not an outage."""
    return (
        stage == "runtime" and facts.running is True and not (document.restart == "fail" and isinstance(rule, LASTING))
    )


def label_of(rule: AnyRule, number: int) -> str:
    """What a rule is called where nobody gave it a name."""
    return rule.name or f"{rule.__struct_config__.tag} ({number})"


def speaks_of(scope: Scope, facts: Facts) -> bool:
    """Whether the image is within a policy's scope; whether it runs is `no` where nobody says so."""
    if scope.running != "any" and (scope.running == "yes") != bool(facts.running):
        return False
    if scope.teams and facts.teams.isdisjoint(scope.teams):
        return False
    return not scope.repositories or any(
        _pattern(text).match(name) for text in scope.repositories for name in facts.repositories
    )


@lru_cache(maxsize=1_000)
def _pattern(text: str) -> re.Pattern[str]:
    return re.compile(translate(text))
