"""Exemptions that end soon: on their day the findings count again, whether anybody is ready or not."""

from __future__ import annotations

from collections.abc import Sequence

from governance.briefings.scope import Scope
from governance.briefings.sections.fact import Fact, listed
from governance.policy.exemption_filters import SOON
from governance.policy.models_exemption import Exemption
from governance.web.templatetags.portwarden import readable

NAME, TITLE = "exemptions", "Exemptions that end"
MORE = ENDED = ""


def standing(scope: Scope) -> list[Fact]:
    """Each with its day, as the list shows them."""
    today = scope.now.date()
    rows = Exemption.objects.visible_to(scope.viewer).in_force(today).filter(expires_on__lte=today + SOON)
    if scope.teams is not None:
        rows = rows.of_teams(scope.teams)
    address = scope.link("exemptions:exemption_list", state="soon")
    return [Fact(f"{one.pk} {one.expires_on}", readable(one, 80), address) for one in rows.order_by("expires_on", "pk")]


def tell(new: Sequence[Fact], scope: Scope) -> list[Fact]:
    """All of them in one sentence."""
    if not new:
        return []
    names = listed([fact.what for fact in new])
    words = f"The exemption of {names} ends soon" if len(new) == 1 else f"The exemptions of {names} end soon"
    return [Fact(new[0].key, words, new[0].address, f": {{n}} exemption{{s}} within {SOON.days} days")]
