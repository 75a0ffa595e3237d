"""Gatekeeper: a ConstraintTemplate with its Rego, and two constraints with the clauses as parameters.

The template never changes with the list, the constraints do. Gatekeeper has to have taken the template before it knows
the constraints' kind: apply the document twice where it was never applied before.
"""

from __future__ import annotations

from typing import Any

from governance.approvals.enforcers.conftest import conditions
from governance.approvals.enforcers.kubernetes import SPARED, bundle, metadata
from governance.approvals.rules import ApprovedList

NAME, FILE, MEDIA_TYPE, TITLE = "gatekeeper", "gatekeeper.yaml", "application/yaml", "Gatekeeper constraint"
KIND = "PortwardenApprovedBases"
REGO = """package portwardenapprovedbases

images contains image if {
  some field in ["containers", "initContainers", "ephemeralContainers"]
  some container in input.review.object.spec[field]
  image := container.image
}

excepted(clause, image) if {
  clause.unless != ""
  regex.match(clause.unless, image)
}

violation contains {"msg": msg} if {
  some image in images
  some clause in input.parameters.clauses
  regex.match(clause.match, image)
  not excepted(clause, image)
  msg := sprintf("%s: %s", [image, clause.reason])
}
"""
TEXT = {"type": "string"}
CLAUSE = {"type": "object", "properties": dict.fromkeys(("match", "unless", "reason", "replacement"), TEXT)}


def write(approved: ApprovedList) -> str:
    """Template and constraints."""
    return bundle(
        _template(),
        _constraint(approved, "deny", "deny", ""),
        _constraint(approved, "warn", "warn", "-warn"),
    )


def _template() -> dict[str, Any]:
    schema = {"type": "object", "properties": {"clauses": {"type": "array", "items": CLAUSE}}}
    code = [{"engine": "Rego", "source": {"version": "v1", "rego": REGO}}]
    return {
        "apiVersion": "templates.gatekeeper.sh/v1",
        "kind": "ConstraintTemplate",
        "metadata": {"name": KIND.lower()},
        "spec": {
            "crd": {"spec": {"names": {"kind": KIND}, "validation": {"openAPIV3Schema": schema}}},
            "targets": [{"target": "admission.k8s.gatekeeper.sh", "code": code}],
        },
    }


def _constraint(approved: ApprovedList, verdict: str, action: str, suffix: str) -> dict[str, Any]:
    return {
        "apiVersion": "constraints.gatekeeper.sh/v1beta1",
        "kind": KIND,
        "metadata": metadata(approved, suffix),
        "spec": {
            "enforcementAction": action,
            "match": {"kinds": [{"apiGroups": [""], "kinds": ["Pod"]}], "excludedNamespaces": SPARED},
            "parameters": {"clauses": conditions(approved, verdict)},
        },
    }
