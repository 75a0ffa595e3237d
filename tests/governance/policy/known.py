"""Facts and policies as small as they can be."""

from __future__ import annotations

from datetime import date, timedelta
from typing import Any

from governance.policy.document import read_policy
from governance.policy.kernel import Version
from governance.policy.known import Facts, Line, Seen

DAY = date(2099, 6, 30)


def ago(days: int) -> date:
    """So many days before the day that tests are judged on."""
    return DAY - timedelta(days=days)


def make_line(name: str = "CVE-2099-0001", severity: int = 5, **given: Any) -> Line:
    """A critical finding with a fix that is known for ten days."""
    fields: dict[str, Any] = {
        "vulnerability": abs(hash(name)) % 10**6,
        "names": frozenset(),
        "package": "openssl",
        "type": "deb",
        "version": "1.0",
        "fixed_version": "1.1",
        "exploited": False,
        "epss": None,
        "fix_since": ago(10),
    }
    return Line(name=name, severity=severity, **{**fields, **given})


def make_seen(*lines: Line, own: set[int] | None = None) -> Seen:
    """What a scan saw: its findings are numbered from 1."""
    numbered = dict(enumerate(lines, 1))
    return Seen(tuple(numbered), None if own is None else frozenset(own), numbered)


def make_facts(*lines: Line, **given: Any) -> Facts:
    """An image that a scan has looked at."""
    return Facts(image=1, **{"findings": make_seen(*lines), **given})


def make_version(*rules: dict[str, Any], name: str = "test", enforce: str = "fail", **given: Any) -> Version:
    """A policy that enforces its rules alike at all places."""
    everywhere = dict.fromkeys(("ci", "registry", "runtime"), enforce)
    return Version(read_policy({"name": name, "enforce": everywhere, "rules": list(rules), **given}))
