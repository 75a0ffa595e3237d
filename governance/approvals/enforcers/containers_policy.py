"""`policy.json` of podman, CRI-O, skopeo and buildah (containers-policy.json(5)).

Its scopes are whole references and repositories; it knows no patterns. So tags and digests that are known are written
out one by one. What is not known of a repository is refused where any of its tags are refused by a pattern, since it
could be one of those, and is let through where none are.
"""

from __future__ import annotations

from collections.abc import Iterator

from governance.approvals.enforcers.kubernetes import document
from governance.approvals.judgement import Verdict
from governance.approvals.rules import ApprovedList, Rule

NAME, FILE, MEDIA_TYPE, TITLE = "policy.json", "policy.json", "application/json", "podman and CRI-O policy.json"
ACCEPT, REJECT = [{"type": "insecureAcceptAnything"}], [{"type": "reject"}]


def write(approved: ApprovedList) -> str:
    """What no scope names is accepted: a host pulls more than bases."""
    scopes = {scope: REJECT if denied else ACCEPT for scope, denied in sorted(scopes_of(approved))}
    return document({"default": ACCEPT, "transports": {"docker": scopes}})


def scopes_of(approved: ApprovedList) -> Iterator[tuple[str, bool]]:
    """(scope, whether it is refused), the most exact scope being what counts."""
    for name in sorted({rule.name for rule in approved.rules}):
        own = [rule for rule in approved.rules if rule.name == name]
        yield name, _beyond(own)
        for rule in own:
            if rule.tag:
                yield f"{name}:{rule.tag}", rule.verdict == Verdict.DENY
            for digest in rule.digests:
                yield f"{name}@{digest}", rule.verdict == Verdict.DENY
    for scope, said in approved.known:
        yield scope, said.verdict == Verdict.DENY


def _beyond(own: list[Rule]) -> bool:
    """Whether what is not known of a repository is refused."""
    return any(rule.tags and not rule.tag and rule.verdict == Verdict.DENY for rule in own)
