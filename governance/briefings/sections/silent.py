"""Sources that fell silent: what they should report is not known any more."""

from __future__ import annotations

from collections.abc import Sequence

from governance.briefings.scope import Scope
from governance.briefings.sections.fact import Fact, listed
from governance.findings.models import Silence, Source
from governance.web.templatetags.portwarden import readable

NAME, TITLE = "silent", "Silent sources"
MORE = ENDED = ""


def standing(scope: Scope) -> list[Fact]:
    """Each open silence, the longest first."""
    mine = Source.objects.visible_to(scope.viewer)
    rows = Silence.objects.filter(source__in=mine, ended_at=None).select_related("source").order_by("since", "pk")
    address = scope.link("sources:source_list", silent="true")
    return [Fact(str(one.pk), readable(one.source, 80), address) for one in rows]


def tell(new: Sequence[Fact], scope: Scope) -> list[Fact]:
    """All of them in one sentence."""
    if not new:
        return []
    names = listed([fact.what for fact in new])
    return [Fact(new[0].key, f"{names} fell silent", new[0].address, ": {n} source{s} {are} silent now")]
