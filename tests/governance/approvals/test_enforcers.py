"""All documents say what our own verdict says, for every reference on every day of the matrix.

The ValidatingAdmissionPolicy's conditions run in a CEL library, its `has` and `map` included. Kyverno, Gatekeeper,
Renovate, podman and OPA do not run here: what stands in their documents is evaluated by the small interpreters below.
Each knows just what we write (regular expressions, joined by and / and not; the nearest scope; the last rule that
fits), and nothing of their other ways.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable
from datetime import date
from functools import cache
from typing import Any

from governance.approvals.enforcers import ENFORCERS, find
from governance.approvals.judgement import Verdict
from governance.approvals.rules import ApprovedList, build_list
from governance.images.reference import parse_reference
from governance.policy.condition import CEL
from tests.governance.approvals.lists import COPIES, DAYS, HISTORY, LISTED, MATRIX

KNOWN = {f"{one.name}:{one.tag}" for one in HISTORY} | {f"{one.name}@{one.digest}" for one in HISTORY}


@cache
def approved(on: date) -> ApprovedList:
    return build_list(LISTED, HISTORY, on, copies=COPIES)


@cache
def written(name: str, on: date) -> Any:
    enforcer = find(name)
    assert enforcer
    text = enforcer.write(approved(on))
    return tomllib.loads(text) if name == "registries.conf" else json.loads(text)


def every_case(test: Callable[[str, date, Verdict], None]) -> Callable[[], None]:
    """Run it for each reference on each day."""

    def cases() -> None:
        for text, on, verdict in MATRIX:
            test(text, on, verdict)

    cases.__name__ = test.__name__
    return cases


def agreed(verdict: Verdict) -> tuple[bool, bool]:
    """(refused, warned of)."""
    return verdict == Verdict.DENY, verdict == Verdict.WARN


@cache
def program(expression: str) -> Any:
    return CEL.compile(expression)


def holds(policy: dict[str, Any], text: str) -> bool:
    """Every validation of a policy, for a pod whose second init container has the image."""
    pod = {
        "spec": {"containers": [{"image": "shop/api:1"}], "initContainers": [{"image": "shop/x:1"}, {"image": text}]}
    }
    (variable,) = policy["spec"]["variables"]
    images = program(variable["expression"]).execute({"object": pod})
    assert text in images
    given = {"variables": {"images": images}}
    return all(program(one["expression"]).execute(given) for one in policy["spec"]["validations"])


@every_case
def test_the_validating_admission_policy_agrees(text: str, on: date, verdict: Verdict) -> None:
    refuses, binding, warns, warning = written("validating-admission-policy", on)["items"]
    assert binding["spec"]["validationActions"] == ["Deny"]
    assert warning["spec"]["validationActions"] == ["Warn"]
    assert (not holds(refuses, text), not holds(warns, text)) == agreed(verdict)


ASKS = re.compile(r"\{\{ regex_match\('(.*)', element\.image\) \}\}")


def kyverno_says(condition: dict[str, Any], text: str) -> bool:
    """`regex_match` of JMESPath and `Equals`."""
    asked = ASKS.fullmatch(condition["key"])
    assert asked
    assert "}}" not in asked[1]
    assert "'" not in asked[1]
    return (re.search(asked[1], text) is not None) is condition["value"]


@every_case
def test_the_kyverno_policy_agrees(text: str, on: date, verdict: Verdict) -> None:
    said = set()
    for policy in written("kyverno", on)["items"]:
        for rule in policy["spec"]["rules"]:
            for each in rule["validate"]["foreach"]:
                if all(kyverno_says(one, text) for one in each["deny"]["conditions"]["all"]):
                    said.add(rule["validate"]["failureAction"])
    assert ("Enforce" in said, "Audit" in said) == agreed(verdict)


def fits(clause: dict[str, Any], text: str) -> bool:
    """As the template's Rego has it."""
    excepted = clause["unless"] != "" and re.search(clause["unless"], text) is not None
    return re.search(clause["match"], text) is not None and not excepted


@every_case
def test_the_gatekeeper_constraints_agree(text: str, on: date, verdict: Verdict) -> None:
    _, deny, warn = written("gatekeeper", on)["items"]
    assert [one["spec"]["enforcementAction"] for one in (deny, warn)] == ["deny", "warn"]
    said = [any(fits(one, text) for one in each["spec"]["parameters"]["clauses"]) for each in (deny, warn)]
    assert tuple(said) == agreed(verdict)


@every_case
def test_plain_json_and_opa_agree(text: str, on: date, verdict: Verdict) -> None:
    plain, opa = written("json", on), written("opa", on)["approved"]
    first = next((rule for rule in plain["rules"] if re.search(rule["fits"], text)), None)
    assert (first["verdict"] if first else plain["unlisted"]) == verdict
    said = [name for name in ("deny", "warn", "allow") if any(fits(one, text) for one in opa[name])]
    assert (said or [opa["unlisted"]]) == [verdict]


def in_full(text: str) -> list[str]:
    """The scopes of a reference, the nearest first, as podman makes them: by digest, or by tag, then the repository."""
    ref = parse_reference(text)
    assert ref
    return [f"{ref.name}@{ref.digest}" if ref.digest else f"{ref.name}:{ref.tag or 'latest'}", ref.name]


@every_case
def test_policy_json_agrees_on_what_is_known_and_is_never_milder(text: str, on: date, verdict: Verdict) -> None:
    document = written("policy.json", on)
    scopes = document["transports"]["docker"]
    requirement = next((scopes[scope] for scope in in_full(text) if scope in scopes), document["default"])
    refused = requirement == [{"type": "reject"}]
    if in_full(text)[0] in KNOWN or verdict == Verdict.DENY:
        assert refused == (verdict == Verdict.DENY)


@every_case
def test_registries_conf_blocks_nothing_that_is_allowed(text: str, on: date, verdict: Verdict) -> None:
    blocked = {one["prefix"] for one in written("registries.conf", on).get("registry", [])}
    found = any(scope in blocked for scope in in_full(text))
    if found:
        assert verdict == Verdict.DENY
    if in_full(text)[0] in KNOWN:
        assert found == (verdict == Verdict.DENY)


@every_case
def test_renovate_leads_to_approved_tags_only(text: str, on: date, verdict: Verdict) -> None:
    ref = parse_reference(text)
    assert ref
    if ref.digest:
        return
    enabled = None
    for rule in written("renovate", on)["packageRules"]:
        if ref.name in rule["matchPackageNames"] and re.search(
            rule.get("matchNewValue", "/$^/")[1:-1], ref.tag or "latest"
        ):
            enabled = rule["enabled"]
    listed = any(rule.name == ref.name for rule in approved(on).rules)
    assert enabled == ((verdict == Verdict.ALLOW) if listed else None)


def test_renovate_proposes_the_replacement() -> None:
    rules = [one for one in written("renovate", DAYS[1])["packageRules"] if "replacementName" in one]
    assert any(one["replacementName"] == "alpine" and one["replacementVersion"] == "3.22" for one in rules)


def test_the_version_changes_with_what_the_list_says_and_not_with_the_day() -> None:
    first, next_day, later = (approved(day) for day in (DAYS[0], date(2026, 1, 16), DAYS[1]))
    assert first.version == next_day.version != later.version


def test_an_empty_list_refuses_nothing() -> None:
    empty = build_list([], [], DAYS[0])
    for enforcer in ENFORCERS:
        assert enforcer.write(empty)
    refuses = json.loads(find("validating-admission-policy").write(empty))["items"][0]
    assert holds(refuses, "alpine:3.20")
