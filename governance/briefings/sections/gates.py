"""What gates turned away: builds, deployments and pods that did not get on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from governance.briefings.scope import Scope
from governance.briefings.sections.fact import Fact, listed
from governance.policy.models import GateDecision
from governance.web.templatetags.portwarden import readable

NAME, TITLE = "gates", "Failed gates"
MORE = ENDED = ""
DAYS = 7
MOST = 2_000


def standing(scope: Scope) -> list[Fact]:
    """Each refusal of the last week, the newest first."""
    rows = GateDecision.objects.visible_to(scope.viewer).filter(verdict="fail")
    rows = rows.filter(at__gte=scope.now - timedelta(days=DAYS), at__lte=scope.now)
    address = scope.link("policies:decision_list", verdict="fail", days=DAYS)
    return [
        Fact(str(pk), readable(name, 120), address)
        for pk, name in rows.order_by("-pk").values_list("pk", "reference")[:MOST]
    ]


def tell(new: Sequence[Fact], scope: Scope) -> list[Fact]:
    """All of them in one sentence, each image once."""
    if not new:
        return []
    names = listed(list(dict.fromkeys(fact.what for fact in new)))
    words = f"Gates turned away {names}"
    return [Fact(new[0].key, words, new[0].address, f": {{n}} refusal{{s}} in the last {DAYS} days")]
