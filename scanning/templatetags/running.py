"""What is running now, for the frame."""

from __future__ import annotations

from django import template
from django.template import Context

from governance.accounts.permissions import viewer_of
from scanning.models import Delivery

register = template.Library()
MOST = 1_000


@register.simple_tag(takes_context=True)
def running_now(context: Context) -> int:
    """How many of the deliveries that the viewer may see wait or are being worked on (counted up to a thousand)."""
    visible = Delivery.objects.visible_to(viewer_of(context["request"]))
    open_ones = visible.filter(state__in=[Delivery.State.RECEIVED, Delivery.State.PROCESSING])
    return open_ones.order_by().values("pk")[:MOST].count()
