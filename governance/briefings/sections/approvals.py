"""Entries of the approved list that end soon, or have to be looked at again."""

from __future__ import annotations

from collections.abc import Sequence

from governance.approvals.filters import ENDING_DAYS, ending
from governance.approvals.models import ApprovedBase
from governance.briefings.scope import Scope
from governance.briefings.sections.fact import Fact, listed
from governance.web.templatetags.portwarden import readable

NAME, TITLE = "approvals", "Approvals that end"
MORE = ENDED = ""


def standing(scope: Scope) -> list[Fact]:
    """Each entry and date, as the list shows them."""
    rows = ApprovedBase.objects.visible_to(scope.viewer).listed().filter(ending(scope.now.date()))
    if scope.teams is not None:
        rows = rows.of_teams(scope.teams)
    address = scope.link("approved:base_list", ending="true")
    return [
        Fact(f"{one.pk} {one.sunset_on} {one.review_on}", readable(one, 80), address)
        for one in rows.order_by("sunset_on", "review_on", "pk")
    ]


def tell(new: Sequence[Fact], scope: Scope) -> list[Fact]:
    """All of them in one sentence."""
    if not new:
        return []
    names = listed([fact.what for fact in new])
    words = f"{names} {'ends or is' if len(new) == 1 else 'end or are'} to be reviewed soon"
    return [Fact(new[0].key, words, new[0].address, f": {{n}} approval{{s}} within {ENDING_DAYS} days")]
