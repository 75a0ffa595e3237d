"""Feeds: what is known beside reports, how old it is, and a button to look for something newer."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.db import transaction
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.audit import audit
from governance.accounts.models import User
from governance.accounts.permissions import viewer_of
from governance.findings.osv.ecosystems import feed_name
from governance.findings.osv.models import OsvEcosystem
from governance.findings.osv.rematch import waiting as unmatched
from governance.findings.weigh import waiting
from governance.web.views import render_page
from scanning.feeds import FEEDS, Feed
from scanning.hints import hint
from scanning.models import FeedState
from scanning.refresh import want

# State to its words.
WORDS = {
    "busy": "Being fetched",
    "never": "Not there yet",
    "failed": "Last look failed",
    "stale": "Old",
    "done": "Fresh",
}


@dataclass(frozen=True, slots=True)
class FeedRow:
    """One feed as the page shows it."""

    feed: Feed
    state: FeedState
    setting: str
    now: datetime
    advice: OsvEcosystem | None = None

    @property
    def word(self) -> str:
        """Its state: busy, failed (the copy in use stays), never, stale or done."""
        if self.state.is_wanted or (self.state.busy_until and self.state.busy_until > self.now):
            return "busy"
        if self.state.error:
            return "failed"
        if self.state.fetched_at is None:
            return "never"
        return "stale" if self.now - self.date > self.feed.STALE else "done"

    @property
    def words(self) -> str:
        """The state in words."""
        return WORDS[self.word]

    @property
    def date(self) -> datetime:
        """The copy's own date, else when it was fetched."""
        return self.state.feed_date or self.state.fetched_at or self.now

    @property
    def is_off(self) -> bool:
        """Nobody fetches it: it is imported by hand."""
        return self.setting == "off"


def rows() -> list[FeedRow]:
    """Every feed, whether anything came of it yet or not; of those that nobody misses what is wanted or there."""
    known = {state.name: state for state in FeedState.objects.all()}
    advice = {feed_name(row.name): row for row in OsvEcosystem.objects.all()}
    now = timezone.now()
    return [
        FeedRow(
            feed,
            known.get(feed.NAME, FeedState(name=feed.NAME)),
            settings.FEEDS[feed.NAME],
            now,
            advice.get(feed.NAME),
        )
        for feed in FEEDS
        if not feed.OPTIONAL or settings.FEEDS[feed.NAME] != "off" or feed.NAME in known.keys() & advice.keys()
    ]


@require_GET
def feed_list(request: HttpRequest) -> HttpResponse:
    """What there is, and how much of it is still being carried on to the images."""
    viewer: Any = viewer_of(request)
    context = {
        "rows": rows(),
        "waiting": waiting(),
        "unmatched": unmatched(),
        "may_fetch": isinstance(viewer, User) and viewer.is_admin,
    }
    return render_page(request, "scanning/feed_list.html", context, "feeds")


@require_POST
def feed_fetch(request: HttpRequest, name: str) -> HttpResponse:
    """Look for a newer copy now; a worker does it."""
    viewer = viewer_of(request)
    if not (isinstance(viewer, User) and viewer.is_admin):
        raise PermissionDenied("only an administrator may fetch a feed")
    if name not in {feed.NAME for feed in FEEDS}:
        raise Http404
    with transaction.atomic():
        want(name)
        audit(viewer, "feed.fetch", f"feed {name}")
        transaction.on_commit(lambda: hint("feeds"))
    messages.success(request, "A worker looks for a newer copy now.")
    return redirect("feeds:feed_list")
