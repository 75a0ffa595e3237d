"""What is running now and what waits for a person, for pages that may not know scanning."""

from __future__ import annotations

from django import template
from django.template import Context

from governance.accounts.permissions import viewer_of
from governance.accounts.picker import picked_teams
from scanning.models import Delivery

register = template.Library()
MOST = 1_000


@register.simple_tag(takes_context=True)
def running_now(context: Context) -> int:
    """How many of the deliveries that the viewer may see wait or are being worked on (counted up to a thousand)."""
    visible = Delivery.objects.visible_to(viewer_of(context["request"]))
    open_ones = visible.filter(state__in=[Delivery.State.RECEIVED, Delivery.State.PROCESSING])
    return open_ones.order_by().values("pk")[:MOST].count()


@register.simple_tag(takes_context=True)
def quarantined_count(context: Context) -> int:
    """How many deliveries in scope wait in quarantine for a person (counted up to a thousand)."""
    request = context["request"]
    rows = Delivery.objects.visible_to(viewer_of(request)).filter(state=Delivery.State.QUARANTINED)
    if (teams := picked_teams(request)) is not None:
        rows = rows.filter(team__in=teams)
    return rows.order_by().values("pk")[:MOST].count()
