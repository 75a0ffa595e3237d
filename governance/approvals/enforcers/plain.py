"""The list in plain JSON: entries, and rules in the order in which they count."""

from __future__ import annotations

from typing import Any

from governance.approvals.enforcers.kubernetes import document
from governance.approvals.judgement import Approval, Stage
from governance.approvals.rules import ApprovedList, Rule

NAME, FILE, MEDIA_TYPE, TITLE = "json", "approved.json", "application/json", "Plain JSON"


def write(approved: ApprovedList) -> str:
    """Of a reference's repository the first rule whose `fits` matches the whole reference decides."""
    standing = [one for one in approved.entries if one.stage_on(approved.on) != Stage.OPEN]
    return document(
        {
            "version": approved.version,
            "on": str(approved.on),
            "unlisted": approved.unlisted,
            "entries": [_entry(one, approved) for one in standing],
            "rules": [as_dict(rule) for rule in approved.rules],
        }
    )


def as_dict(rule: Rule) -> dict[str, Any]:
    """A rule as other programs read it."""
    return {
        "repository": rule.name,
        "fits": f"^(?:{rule.expression})$",
        "verdict": rule.verdict,
        "entry": rule.entry,
        "reason": rule.reason,
        "replacement": rule.replacement,
    }


def _entry(one: Approval, approved: ApprovedList) -> dict[str, Any]:
    return {
        "id": one.id,
        "repository": one.name,
        "pattern": one.pattern.text,
        "platforms": sorted(one.platforms),
        "stage": one.stage_on(approved.on),
        "deprecated_on": str(one.deprecated_on) if one.deprecated_on else None,
        "sunset_on": str(one.sunset_on) if one.sunset_on else None,
        "replacement": one.replacement,
    }
