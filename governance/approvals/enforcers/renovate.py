"""A Renovate preset: of the repositories that the list names, updates lead to approved tags only.

Renovate goes through `packageRules` in order and a later one that fits outweighs an earlier: so the least exact of our
rules come first. Digests are not versions to Renovate and are left out.
"""

from __future__ import annotations

from typing import Any

from governance.approvals.enforcers.kubernetes import document
from governance.approvals.judgement import Verdict
from governance.approvals.rules import ApprovedList, Rule
from governance.images.reference import DOCKER_HUB, familiar_name, parse_reference

NAME, FILE, MEDIA_TYPE, TITLE = "renovate", "renovate-approved.json", "application/json", "Renovate preset"


def write(approved: ApprovedList) -> str:
    """For `extends`."""
    names = sorted({rule.name for rule in approved.rules})
    rules: list[dict[str, Any]] = []
    for name in names:
        own = [rule for rule in approved.rules if rule.name == name and rule.tags]
        if own:
            rules.append(_rule(name, "^.*$", False, "The approved list does not name this tag."))
        rules += [_rule(name, f"^(?:{one.tags})$", one.verdict == Verdict.ALLOW, one.reason) for one in reversed(own)]
        rules += [found for one in reversed(own) if (found := _replacement(one))]
    return document(
        {
            "$schema": "https://docs.renovatebot.com/renovate-schema.json",
            "description": [f"Approved bases, list version {approved.version}"],
            "packageRules": rules,
        }
    )


def _rule(name: str, expression: str, enabled: bool, reason: str) -> dict[str, Any]:
    return {
        "description": reason,
        "matchDatasources": ["docker"],
        "matchPackageNames": spellings(name),
        "matchNewValue": f"/{expression}/",
        "enabled": enabled,
    }


def _replacement(rule: Rule) -> dict[str, Any] | None:
    """Where an entry names what to use instead, Renovate proposes that."""
    reference = parse_reference(rule.replacement) if rule.verdict != Verdict.ALLOW and rule.replacement else None
    if reference is None or not reference.tag:
        return None
    return {
        "description": rule.reason,
        "matchDatasources": ["docker"],
        "matchPackageNames": spellings(rule.name),
        "matchCurrentValue": f"/^(?:{rule.tags})$/",
        "replacementName": familiar_name(reference.host, reference.repository),
        "replacementVersion": reference.tag,
    }


def spellings(name: str) -> list[str]:
    """How a repository may be written in files."""
    host, _, path = name.partition("/")
    if host != DOCKER_HUB:
        return [name]
    short = familiar_name(host, path)
    return list(dict.fromkeys([short, path, f"{host}/{short}", name]))
