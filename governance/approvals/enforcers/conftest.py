"""Data for OPA and Conftest (`conftest test --data`): rules below `approved.rules`, by repository."""

from __future__ import annotations

from typing import Any

from governance.approvals.enforcers.kubernetes import document
from governance.approvals.enforcers.plain import as_dict
from governance.approvals.rules import ApprovedList

NAME, FILE, MEDIA_TYPE, TITLE = "opa", "approved-opa.json", "application/json", "OPA and Conftest data"


def write(approved: ApprovedList) -> str:
    """`deny` and `warn` are conditions (`match` and not `unless`), of which any decides; `rules` are in order."""
    return document(
        {
            "approved": {
                "version": approved.version,
                "on": str(approved.on),
                "unlisted": approved.unlisted,
                "rules": [as_dict(rule) for rule in approved.rules],
                "deny": conditions(approved, "deny"),
                "warn": conditions(approved, "warn"),
                "allow": conditions(approved, "allow"),
            }
        }
    )


def conditions(approved: ApprovedList, verdict: str) -> list[dict[str, Any]]:
    """The clauses of a verdict, for Rego: regex.match(c.match, image), and not regex.match(c.unless, image)."""
    return [
        {"match": one.match, "unless": one.unless, "reason": one.rule.reason, "replacement": one.rule.replacement}
        for one in approved.clauses(type(approved.unlisted)(verdict))
    ]
