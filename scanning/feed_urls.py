"""Pages of the feeds, below /feeds/."""

from __future__ import annotations

from django.urls import path

from scanning.feed_views import feed_fetch, feed_list

app_name = "feeds"
urlpatterns = [
    path("", feed_list, name="feed_list"),
    path("<slug:name>/fetch/", feed_fetch, name="feed_fetch"),
]
