"""Kyverno ClusterPolicies (`kyverno.io/v1`), one that refuses and one that only warns (Audit).

Each clause is one `foreach` over the containers' images: its conditions all have to hold for the image to be refused.
"""

from __future__ import annotations

from typing import Any

from governance.approvals.enforcers.kubernetes import SPARED, bundle, message, metadata
from governance.approvals.judgement import Verdict
from governance.approvals.rules import ApprovedList, Clause

NAME, FILE, MEDIA_TYPE = "kyverno", "kyverno-cluster-policy.yaml", "application/yaml"
TITLE = "Kyverno ClusterPolicy"
IMAGES = "request.object.spec.[initContainers, ephemeralContainers, containers][]"


def write(approved: ApprovedList) -> str:
    """Both policies; one without any clause is left out, because Kyverno refuses a policy without rules."""
    wanted = ((Verdict.DENY, "Enforce", ""), (Verdict.WARN, "Audit", "-warn"))
    policies = [
        _policy(approved, clauses, action, suffix)
        for verdict, action, suffix in wanted
        if (clauses := approved.clauses(verdict))
    ]
    return bundle(*policies)


def _policy(approved: ApprovedList, clauses: list[Clause], action: str, suffix: str) -> dict[str, Any]:
    rules = [
        {
            "name": f"entry-{clause.rule.entry}-{number}",
            "match": {"any": [{"resources": {"kinds": ["Pod"]}}]},
            "exclude": {"any": [{"resources": {"namespaces": SPARED}}]},
            "validate": {
                "failureAction": action,
                "message": _plain(message(clause)),
                "foreach": [{"list": IMAGES, "deny": {"conditions": {"all": _conditions(clause)}}}],
            },
        }
        for number, clause in enumerate(clauses, 1)
    ]
    return {
        "apiVersion": "kyverno.io/v1",
        "kind": "ClusterPolicy",
        "metadata": metadata(approved, suffix),
        "spec": {"background": True, "rules": rules},
    }


def _conditions(clause: Clause) -> list[dict[str, Any]]:
    found = [{"key": _asks(clause.match), "operator": "Equals", "value": True}]
    if clause.unless:
        found.append({"key": _asks(clause.unless), "operator": "Equals", "value": False})
    return found


def _asks(expression: str) -> str:
    """A JMESPath call; in its raw strings only the quote is special, and no expression of ours holds one."""
    return f"{{{{ regex_match('{expression}', element.image) }}}}"


def _plain(text: str) -> str:
    """Without what Kyverno would read as a variable."""
    return text.replace("{{", "{ {").replace("}}", "} }").replace("$(", "$ (")
