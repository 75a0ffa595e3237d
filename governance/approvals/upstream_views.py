"""Upstream: alarms, everything that is watched, and seeing to it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from governance.accounts.models import Team
from governance.accounts.permissions import viewer_of
from governance.accounts.scope import teams_of
from governance.approvals.filters import AlarmFilterSet, WatchFilterSet
from governance.approvals.keeping import ALARM_LOOKS, WATCH_LOOKS, shown_copy, watch_counts
from governance.approvals.models import KeptCopy, UpstreamAlarm, Watch
from governance.approvals.watches import close_alarm, look_now, may_act
from governance.web.keyset import Page
from governance.web.views import ListPage, back, done


def alarms_for(request: HttpRequest) -> QuerySet[UpstreamAlarm]:
    """What the viewer may see."""
    watches = Watch.objects.visible_to(viewer_of(request))
    return UpstreamAlarm.objects.filter(watch__in=watches).select_related("watch")


class AlarmList(ListPage):
    """What is amiss upstream, the newest first."""

    template_name = "approvals/alarm_list.html"
    filterset: type[Any] = AlarmFilterSet
    orders: dict[str, tuple[str, ...]] = {"newest": ("-raised_at", "-id")}
    order_words: tuple[str, ...] = ("Newest first",)

    def queryset(self) -> QuerySet[UpstreamAlarm]:
        """What the viewer may see."""
        return alarms_for(self.request)

    def beside(self, page: Page) -> dict[str, Any]:
        """Whose images, what is kept of it, and how everything that is watched stands."""
        viewer = viewer_of(self.request)
        seen = teams_of(viewer)
        teams = Team.objects.in_bulk({pk for row in page.rows for pk in row.teams if seen is None or pk in seen})
        digests = {one for row in page.rows for one in (row.before, row.watch.digest, row.watch.seen_digest) if one}
        copies = KeptCopy.objects.filter(digest__in=digests, name__in={row.watch.name for row in page.rows})
        by_digest = {(one.name, one.digest): one for one in copies.select_related("registry")}
        return {
            "shown": [shown_alarm(row, teams, by_digest, may_act(viewer, row.watch)) for row in page.rows],
            "counts": watch_counts(Watch.objects.visible_to(viewer)),
            "sees_all": seen is None,
        }


def shown_alarm(
    row: UpstreamAlarm, teams: dict[int, Team], copies: dict[tuple[str, str], KeptCopy], acts: bool
) -> dict[str, Any]:
    """An alarm with what to do about it: the copy of what was there before."""
    wanted = (row.before, row.watch.digest, row.watch.seen_digest)
    copy = next((copies[row.watch.name, one] for one in wanted if (row.watch.name, one) in copies), None)
    return {
        "row": row,
        "look": ALARM_LOOKS.get(row.kind, "unknown"),
        "teams": [teams[pk] for pk in row.teams if pk in teams],
        "copy": shown_copy(copy, timezone.now()) if copy else None,
        "may_act": acts and row.ended_at is None,
    }


class WatchList(ListPage):
    """Everything that is watched, and how it was found last."""

    template_name = "approvals/watch_list.html"
    filterset: type[Any] = WatchFilterSet
    orders: dict[str, tuple[str, ...]] = {"name": ("name", "tag", "id")}
    order_words: tuple[str, ...] = ("Name",)

    def queryset(self) -> QuerySet[Watch]:
        """What the viewer may see."""
        return Watch.objects.visible_to(viewer_of(self.request))

    def beside(self, page: Page) -> dict[str, Any]:
        """The looks of their states."""
        viewer = viewer_of(self.request)
        return {
            "shown": [(row, WATCH_LOOKS.get(row.state, "open"), may_act(viewer, row)) for row in page.rows],
            "counts": watch_counts(self.queryset()),
        }


@require_POST
def alarm_close(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody has seen to it."""
    row = get_object_or_404(alarms_for(request), pk=pk)
    try:
        close_alarm(viewer_of(request), row, request.POST.get("reason", ""))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, "Closed. What is still so at the next look is an alarm again.")
    return done(request, reverse("approved:alarm_list"))


@require_POST
def watch_look(request: HttpRequest, pk: int) -> HttpResponse:
    """Look at it now."""
    row = get_object_or_404(Watch.objects.visible_to(viewer_of(request)), pk=pk)
    look_now(viewer_of(request), row)
    messages.success(request, f"{row} is looked at next.")
    return done(request, back(request, reverse("approved:watch_list")))
