"""Policies in words, for people."""

from __future__ import annotations

from collections.abc import Iterator

from governance.policy.document import (
    STAGES,
    Age,
    AnyRule,
    Base,
    Condition,
    DenyPackage,
    DenyVulnerability,
    EndOfLife,
    Findings,
    NotRoot,
    PolicyDocument,
    Scanned,
    Scope,
)

LEVELS = {
    "off": "says nothing",
    "inform": "only informs",
    "warn": "warns",
    "fail": "fails",
}
PLACES = {"ci": "CI", "registry": "Registry", "runtime": "Runtime"}


def scope_words(scope: Scope) -> str:
    """Of which images it speaks."""
    parts = []
    if scope.teams:
        parts.append(f"of team {', '.join(scope.teams)}")
    if scope.repositories:
        parts.append(f"in {', '.join(scope.repositories)}")
    if scope.running != "any":
        parts.append("that run" if scope.running == "yes" else "that do not run")
    return f"Images {' '.join(parts)}" if parts else "All images"


def enforcement(policy: PolicyDocument) -> list[tuple[str, str, str]]:
    """(place, level, in words) of each."""
    return [(PLACES[stage], policy.enforce.at(stage), LEVELS[policy.enforce.at(stage)]) for stage in STAGES]


def rules_in_words(policy: PolicyDocument) -> list[tuple[str, str, str]]:
    """(name or kind, what must hold, what is special about it) of each rule."""
    return [
        (rule.name or str(rule.__struct_config__.tag), rule_words(rule), "; ".join(_extras(rule)))
        for rule in policy.rules
    ]


def rule_words(rule: AnyRule) -> str:
    """What must hold, in a sentence."""
    match rule:
        case Findings():
            return _findings(rule)
        case Base():
            listed = {"allow": "is allowed by", "warn": "is not denied by", "any": "may be missing from"}[rule.accept]
            recent = f" and was built within {rule.days} days" if rule.days is not None else ""
            return f"Its base is known and {listed} the approved list{recent}."
        case Age():
            return f"It was built within {rule.days} days."
        case Scanned():
            where = "at any place" if rule.stage == "any" else f"at the place {PLACES[rule.stage]}"
            return f"It was scanned {where} within {rule.days} days."
        case EndOfLife():
            ahead = f" for {rule.ahead} days more" if rule.ahead else ""
            return f"Its distribution gets fixes{ahead}."
        case _:
            return _rest(rule)


def _rest(rule: AnyRule) -> str:
    match rule:
        case NotRoot():
            return "It runs as another user than root."
        case DenyPackage():
            return f"It holds none of the packages {', '.join(rule.packages)}."
        case DenyVulnerability():
            return f"It has none of {', '.join(rule.names)}, by any of their names."
        case Condition():
            return f"This holds: {rule.expect}"
    return ""


def _findings(rule: Findings) -> str:
    words = {"own": "of its own", "inherited": "of its base", "any": ""}[rule.origin]
    what = " ".join(
        word
        for word in (
            "known exploited" if rule.exploited else "",
            f"{rule.severity} findings" if rule.severity == "critical" else "",
            f"findings of {rule.severity} or worse" if rule.severity not in (None, "critical") else "",
            "findings" if rule.severity is None else "",
            words,
        )
        if word
    )
    terms = []
    if rule.fixable and rule.grace is None:
        terms.append("that have a fix")
    if rule.grace is not None:
        terms.append(f"whose fix is known for more than {rule.grace} days")
    if rule.epss is not None:
        terms.append(f"with EPSS of {rule.epss:.0%} or more")
    tail = f" {' and '.join(terms)}" if terms else ""
    return f"No {what}{tail}." if not rule.most else f"At most {rule.most} {what}{tail}."


def _extras(rule: AnyRule) -> Iterator[str]:
    if rule.at_most == "warn":
        yield "a warning at most"
    if rule.if_unknown == "pass":
        yield "passes where nobody knows"
    elif rule.if_unknown == "breach":
        yield "broken where nobody knows"
    if rule.advice:
        yield rule.advice
