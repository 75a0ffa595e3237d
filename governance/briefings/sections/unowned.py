"""Repositories that came and belong to nobody: only for those who look after everything."""

from __future__ import annotations

from collections.abc import Sequence

from governance.briefings.scope import Scope
from governance.briefings.sections.fact import Fact, listed
from governance.images.models import Repository
from governance.web.templatetags.portwarden import readable

NAME, TITLE = "unowned", "Without an owner"
MORE = ENDED = ""
MOST = 2_000


def standing(scope: Scope) -> list[Fact]:
    """Each repository, the newest first."""
    if scope.teams is not None:
        return []
    rows = Repository.objects.filter(owner=None).select_related("registry").order_by("-pk")[:MOST]
    address = scope.link("images:repository_list", owned="false")
    return [Fact(str(one.pk), readable(one, 120), address) for one in rows]


def tell(new: Sequence[Fact], scope: Scope) -> list[Fact]:
    """All of them in one sentence."""
    if not new:
        return []
    words = f"{listed([fact.what for fact in new])} came without an owner"
    return [Fact(new[0].key, words, new[0].address, ": {n} repositor{y} belong{S} to nobody")]
