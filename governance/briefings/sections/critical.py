"""Critical vulnerabilities in what runs or is current, without those that are known to be exploited."""

from __future__ import annotations

from governance.briefings.scope import Scope
from governance.briefings.sections.fact import Fact, each
from governance.briefings.sections.vulnerabilities import worst

NAME, TITLE = "critical", "Critical"
MORE = "{n} more critical vulnerabilit{y}"
ENDED = "{n} critical vulnerabilit{y} gone from what runs or is current"
tell = each


def standing(scope: Scope) -> list[Fact]:
    """Each vulnerability, those of most images first."""
    return [
        Fact(
            one.name,
            f"{one.shown} is critical",
            scope.link("images:image_list", vulnerability=one.name, live="true"),
            " and lies in {n} image{s} that run{S} or {are} current",
        )
        for one in worst(scope)
        if not one.exploited
    ]
