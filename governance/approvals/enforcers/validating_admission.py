"""Kubernetes ValidatingAdmissionPolicies (`admissionregistration.k8s.io/v1`, conditions in CEL) with their bindings.

One policy refuses, one warns: whether a policy does is said by its binding.
"""

from __future__ import annotations

import json
from typing import Any

from governance.approvals.enforcers.kubernetes import SPARED, bundle, message, metadata
from governance.approvals.judgement import Verdict
from governance.approvals.rules import ApprovedList, Clause

NAME, FILE, MEDIA_TYPE = "validating-admission-policy", "validating-admission-policy.yaml", "application/yaml"
TITLE = "Kubernetes ValidatingAdmissionPolicy"
LISTS = ("containers", "initContainers", "ephemeralContainers")
IMAGES = " + ".join(f"(has(object.spec.{name}) ? object.spec.{name}.map(c, c.image) : [])" for name in LISTS)
# A policy needs a validation: this one always holds.
NOTHING = {"expression": "true", "message": "The list refuses nothing."}


def write(approved: ApprovedList) -> str:
    """Both policies, each with its binding."""
    items = []
    for verdict, action, suffix in ((Verdict.DENY, "Deny", ""), (Verdict.WARN, "Warn", "-warn")):
        clauses = approved.clauses(verdict)
        items += [_policy(approved, clauses, suffix), _binding(approved, action, suffix)]
    return bundle(*items)


def _policy(approved: ApprovedList, clauses: list[Clause], suffix: str) -> dict[str, Any]:
    rule = {
        "apiGroups": [""],
        "apiVersions": ["v1"],
        "operations": ["CREATE", "UPDATE"],
        "resources": ["pods", "pods/ephemeralcontainers"],
    }
    validations = [{"expression": _condition(one), "message": message(one)} for one in clauses]
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicy",
        "metadata": metadata(approved, suffix),
        "spec": {
            "failurePolicy": "Fail",
            "matchConstraints": {
                "resourceRules": [rule],
                "namespaceSelector": {
                    "matchExpressions": [
                        {"key": "kubernetes.io/metadata.name", "operator": "NotIn", "values": SPARED},
                    ],
                },
            },
            "variables": [{"name": "images", "expression": IMAGES}],
            "validations": validations or [NOTHING],
        },
    }


def _condition(clause: Clause) -> str:
    """Holds where no image is one of those meant. CEL's strings are escaped as JSON's are."""
    fits = f"image.matches({_text(clause.match)})"
    if clause.unless:
        fits += f" && !image.matches({_text(clause.unless)})"
    return f"variables.images.all(image, !({fits}))"


def _text(value: str) -> str:
    return json.dumps(value)


def _binding(approved: ApprovedList, action: str, suffix: str) -> dict[str, Any]:
    named = metadata(approved, suffix)
    return {
        "apiVersion": "admissionregistration.k8s.io/v1",
        "kind": "ValidatingAdmissionPolicyBinding",
        "metadata": named,
        "spec": {"policyName": named["name"], "validationActions": [action]},
    }
