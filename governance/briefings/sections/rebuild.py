"""Bases whose tag moved on: what stands on them is to be rebuilt."""

from __future__ import annotations

from governance.briefings.scope import Scope
from governance.briefings.sections.bases import used
from governance.briefings.sections.fact import Fact, each
from governance.images.freshness import freshness_of
from governance.web.templatetags.portwarden import readable

NAME, TITLE = "rebuild", "To rebuild"
MORE = "{n} more base{s} moved on"
ENDED = ""
tell = each


def standing(scope: Scope) -> list[Fact]:
    """Each base, those that most is built on first."""
    bases = used(scope)
    fresh = freshness_of(bases) if bases else {}
    return [
        Fact(
            str(pk),
            f"{readable(fresh[pk].tag or reference, 120)} moved on",
            scope.link("images:image_list", base=pk, live="true"),
            ": {n} image{s} stand{S} on the old one",
        )
        for pk, reference in bases.items()
        if fresh[pk].is_behind
    ]
