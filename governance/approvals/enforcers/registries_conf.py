"""`registries.conf` of podman, CRI-O and buildah (containers-registries.conf(5), version 2): what is blocked.

The same scopes as in `policy.json`. It can block, but not let through again what a shorter prefix blocks: a repository
of which known tags are allowed is not blocked as a whole, and its unknown tags are for `policy.json` to refuse.
"""

from __future__ import annotations

import json

from governance.approvals.enforcers.containers_policy import scopes_of
from governance.approvals.rules import ApprovedList

NAME, FILE, MEDIA_TYPE, TITLE = "registries.conf", "registries.conf", "text/plain", "podman and CRI-O registries.conf"


def write(approved: ApprovedList) -> str:
    """A file for `/etc/containers/registries.conf.d/`."""
    scopes = dict(scopes_of(approved))
    opened = {scope.partition("@")[0] for scope, denied in scopes.items() if not denied}
    mixed = {name for name in scopes if any(one.startswith(f"{name}:") or one == name for one in opened)}
    lines = [f"# Approved bases, list version {approved.version}"]
    for scope, denied in sorted(scopes.items()):
        if denied and scope not in mixed:
            lines += ["", "[[registry]]", f"prefix = {json.dumps(scope)}", f"location = {json.dumps(scope)}"]
            lines.append("blocked = true")
    return "\n".join(lines) + "\n"
