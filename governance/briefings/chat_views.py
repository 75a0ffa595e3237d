"""Chats that are told at once: the list, the form for another one, a test message, and the end."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from governance.accounts.forms import teams_for
from governance.accounts.permissions import viewer_of
from governance.accounts.views import person
from governance.briefings.chats import add_channel, remove_channel, try_channel
from governance.briefings.filters import ChannelFilterSet
from governance.briefings.forms import TeamsForm
from governance.briefings.models import Channel
from governance.web.keyset import Page
from governance.web.views import ListPage, done


class ChannelForm(TeamsForm):
    """A chat, and whose things it is told of."""

    name = forms.CharField(max_length=60, help_text="What people call it: #shop-alerts.")
    address = forms.CharField(
        max_length=2_000,
        help_text="The webhook's address as Slack, Teams, Discord or Google Chat shows it, or in short: "
        "mmosts://chat.example.org/KEY. It is stored encrypted and never shown again.",
        widget=forms.PasswordInput({"autocomplete": "off", "spellcheck": "false"}),
    )


class ChannelList(ListPage):
    """The chats of one's teams, and how the last message got there."""

    template_name = "briefings/channel_list.html"
    filterset = ChannelFilterSet
    orders = {"name": ("name", "id"), "newest": ("-id",)}
    order_words = ("Name", "Newest")

    def queryset(self) -> QuerySet[Channel]:
        """What the viewer may see."""
        return Channel.objects.visible_to(viewer_of(self.request)).select_related("team").defer("address", "alarmed")

    def beside(self, page: Page) -> dict[str, Any]:
        """Which of them may be changed, and the form."""
        viewer = person(self.request)
        mine = set(teams_for(viewer).values_list("pk", flat=True))
        return {
            "changeable": {row.pk for row in page.rows if viewer.is_admin or row.team_id in mine},
            "form": ChannelForm(viewer=viewer) if viewer.is_admin or mine else None,
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        """Add one."""
        viewer = person(request)
        if not viewer.is_admin and not teams_for(viewer).exists():
            raise PermissionDenied("only administrators, and a team's own for its chats, look after them")
        form = ChannelForm(request.POST, viewer=viewer)
        if form.is_valid():
            said = form.cleaned_data
            try:
                row = add_channel(viewer, said["team"], said["name"], said["address"])
            except ValidationError as error:
                form.refuse(error)
            else:
                messages.success(request, f"{row} gets alerts about {row.about}. Send it a test message.")
                return done(request, reverse("digests:channel_list"))
        return self.show(request, 422, "new", form=form)


def visible(request: HttpRequest, pk: int) -> Channel:
    """The chat, or 404."""
    rows = Channel.objects.visible_to(viewer_of(request)).select_related("team")
    return get_object_or_404(rows, pk=pk)


@require_POST
def channel_test(request: HttpRequest, pk: int) -> HttpResponse:
    """Send it a message now."""
    row = visible(request, pk)
    if problem := try_channel(person(request), row):
        messages.error(request, f"{row} got no message: {problem}")
    else:
        messages.success(request, f"{row.service} took the message for {row}.")
    return done(request, reverse("digests:channel_list"))


@require_POST
def channel_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """No more alerts for it."""
    row = visible(request, pk)
    remove_channel(person(request), row)
    messages.success(request, f"{row} gets no more alerts.")
    return done(request, reverse("digests:channel_list"))
