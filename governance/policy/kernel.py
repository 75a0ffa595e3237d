"""The verdict on an image at a place on a day. Pure: the facts and the policies come in, nothing is looked up.

Page, API, gate, command and admission all ask this, so that none of them can disagree. Every policy that speaks of the
image is asked and the worst counts; their order says nothing. What nobody knows is `unknown`, never a pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from functools import lru_cache

from governance.images.matching import repository_matcher
from governance.policy.document import (
    STAGES,
    AnyRule,
    DenyPackage,
    NotRoot,
    PolicyDocument,
    Scope,
)
from governance.policy.known import Facts
from governance.policy.rules import MOST_SAID, Prepared, Said


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


# What one rule gives as reasons, by place in the order of STAGES; None where it holds or nothing is enforced.
type Everywhere = tuple[Reason | None, ...]


class Rulings(dict[str, Ruling]):
    """The rulings at all places, and the reasons by rule. What rules give alike is the same object for all images."""

    given: tuple[Everywhere, ...] = ()


class Asked:
    """A rule of a policy with its label, and the reasons that were already given for what it said."""

    def __init__(self, policy: Version, prepared: Prepared, number: int) -> None:
        self.policy, self.prepared = policy, prepared
        self.label = label_of(prepared.rule, number)
        self.given: dict[tuple[Said, bool], Everywhere] = {}

    def reasons(self, facts: Facts, said: Said) -> Everywhere:
        """At all places. They depend on what was said and on whether the image runs, and on nothing else."""
        key = (said, facts.running is True)
        if key not in self.given:
            if len(self.given) > MOST_SAID:
                self.given.clear()
            self.given[key] = tuple(reason_of(self, said, facts.running is True, stage) for stage in STAGES)
        return self.given[key]


class Judge:
    """The policies of a day, made ready; of images that share findings most is done once."""

    def __init__(self, policies: Iterable[Version], day: date) -> None:
        self.day = day
        active = [one for one in policies if one.document.active]
        self.policies = [
            (one, [Asked(one, Prepared(rule, day), number) for number, rule in enumerate(one.document.rules, 1)])
            for one in sorted(active, key=lambda one: one.name)
        ]

    def everywhere(self, facts: Facts) -> Rulings:
        """The verdicts at all places."""
        applying = [(one, rules) for one, rules in self.policies if speaks_of(one.document.scope, facts)]
        said = [(asked, asked.prepared.say(facts)) for _, rules in applying for asked in rules]
        # Of several findings rules each counts what is exempted of its own; they may be the same findings.
        exempted = max((one.exempted for _, one in said), default=0)
        given = [asked.reasons(facts, one) for asked, one in said if one.broken is not False]
        enforcing = {stage: [one for one, _ in applying if one.document.enforce.at(stage) != "off"] for stage in STAGES}
        if silent := tuple(stage for stage in STAGES if not enforcing[stage]):
            given.append(nobody(silent))
        rulings = Rulings(
            (stage, conclude(enforcing[stage], [one[place] for one in given], exempted))
            for place, stage in enumerate(STAGES)
        )
        rulings.given = tuple(one for one in given if any(one))
        return rulings

    def at(self, facts: Facts, stage: str) -> Ruling:
        """The verdict at one."""
        return self.everywhere(facts)[stage]


@lru_cache
def nobody(silent: tuple[str, ...]) -> Everywhere:
    """The reason at places where no policy speaks of the image."""
    reason = Reason("", 0, "no policy", "none", "unknown", NOBODY)
    return tuple(reason if stage in silent else None for stage in STAGES)


def conclude(enforcing: Sequence[Version], found: Iterable[Reason | None], exempted: int) -> Ruling:
    """What the policies that enforce anything at a place come to there."""
    reasons = sorted(filter(None, found), key=lambda one: -STRICTNESS[one.outcome])
    if not enforcing:
        return Ruling(Outcome.UNKNOWN, tuple(reasons))
    worst = reasons[0] if reasons and STRICTNESS[reasons[0].outcome] else None
    outcome = Outcome(worst.outcome) if worst else Outcome.PASS
    return Ruling(outcome, tuple(reasons), worst.policy if worst else enforcing[0].name, exempted)


def reason_of(found: Asked, said: Said, running: bool, stage: str) -> Reason | None:
    """What the rule's word comes to at the place; None where it holds, or nothing is enforced."""
    document, rule = found.policy.document, found.prepared.rule
    level = document.enforce.at(stage)
    broken = said.broken
    if broken is None and rule.if_unknown != "unknown":
        broken = rule.if_unknown == "breach"
    if level == "off" or broken is False:
        return None
    outcome, text = ("unknown" if broken is None else str(level)), said.text
    if outcome == "fail" and rule.at_most == "warn":
        outcome = "warn"
    if outcome == "fail" and _only_restarts(running, document, rule, stage):
        outcome = "warn"
        text += " It runs already, so this does not stop it from starting again."
    if rule.advice:
        text += f" {rule.advice}"
    name, kind = found.policy.name, str(rule.__struct_config__.tag)
    return Reason(
        *(name, found.policy.version, found.label, kind, outcome, text, said.count, said.exempted, said.findings)
    )


def _only_restarts(running: bool, document: PolicyDocument, rule: AnyRule, stage: str) -> bool:
    """Gates judge what is new: what an image that runs has become guilty of meanwhile is work, not an outage."""
    return stage == "runtime" and running and not (document.restart == "fail" and isinstance(rule, LASTING))


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
        repository_matcher(text).match(name) for text in scope.repositories for name in facts.repositories
    )
