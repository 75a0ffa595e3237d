"""What the documents for clusters have in common.

Admission sees what runs, which mostly is no base: what the list does not name is let through, whatever the setting for
unlisted bases says.
"""

from __future__ import annotations

import json
from typing import Any

from governance.approvals.rules import ApprovedList, Clause

NAME = "portwarden-approved-bases"
# Where a cluster's own parts run: a list that is wrong must not lock them out.
SPARED = ["kube-system", "kube-public", "kube-node-lease"]
LONGEST = 500


def metadata(approved: ApprovedList, suffix: str = "") -> dict[str, Any]:
    """Name and version of the list it was made of."""
    return {
        "name": f"{NAME}{suffix}",
        "annotations": {"portwarden/list-version": approved.version, "portwarden/list-day": str(approved.on)},
    }


def message(clause: Clause) -> str:
    """What people read who are refused."""
    text = clause.rule.reason
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def bundle(*items: dict[str, Any]) -> str:
    """Several objects as one document for `kubectl apply -f`."""
    return document({"apiVersion": "v1", "kind": "List", "items": list(items)})


def document(value: Any) -> str:
    """JSON that people can read and that is the same for the same list."""
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
