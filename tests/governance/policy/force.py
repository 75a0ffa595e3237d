"""Policies in force."""

from __future__ import annotations

from typing import Any

from governance.policy.document import plain, read_policy
from governance.policy.models import Policy
from governance.policy.work import begin_round


def enforce(*rules: dict[str, Any], name: str = "test", level: str = "fail", **given: Any) -> Policy:
    """A policy in force, in place of those that are shipped."""
    Policy.objects.filter(changed_by="shipped").delete()
    everywhere = dict.fromkeys(("ci", "registry", "runtime"), level)
    document = plain(read_policy({"name": name, "enforce": everywhere, "rules": list(rules)} | given))
    policy, _ = Policy.objects.update_or_create(name=name, defaults={"document": document})
    begin_round("a policy changed")
    return policy
