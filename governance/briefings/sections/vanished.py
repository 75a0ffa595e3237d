"""Bases that their registry no longer has, or whose tag was taken from them."""

from __future__ import annotations

from datetime import timedelta

from governance.briefings.scope import Scope
from governance.briefings.sections.bases import used
from governance.briefings.sections.fact import Fact, each
from governance.images.models import Event
from governance.web.templatetags.portwarden import readable

NAME, TITLE = "vanished", "Vanished bases"
MORE = "{n} more base{s} vanished"
ENDED = ""
tell = each
# What happened longer ago was told, or nobody was there to tell it to.
LOOKS_BACK = timedelta(days=35)
WORDS = {Event.Kind.VANISHED: "lost its tag", Event.Kind.GONE: "is no longer in its registry"}


def standing(scope: Scope) -> list[Fact]:
    """Each base once, by the last thing that happened to it."""
    bases = used(scope)
    since = scope.now - LOOKS_BACK
    events = Event.objects.filter(image__in=list(bases), kind__in=WORDS, at__gte=since, at__lte=scope.now)
    last = {event.image_id: event for event in events.order_by("at", "pk")}
    return [
        Fact(
            f"{pk} {last[pk].kind}",
            f"{readable(reference, 120)} {WORDS[Event.Kind(last[pk].kind)]}",
            scope.link("images:image_list", base=pk, live="true"),
            ": {n} image{s} stand{S} on it",
        )
        for pk, reference in bases.items()
        if pk in last
    ]
