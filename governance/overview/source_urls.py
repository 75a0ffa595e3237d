"""Pages of who sends, below /sources/."""

from __future__ import annotations

from django.urls import path

from governance.overview.source_pages import SourceList, source_detail, source_limit

app_name = "sources"
urlpatterns = [
    path("", SourceList.as_view(), name="source_list"),
    path("<int:pk>/", source_detail, name="source_detail"),
    path("<int:pk>/limit/", source_limit, name="source_limit"),
]
