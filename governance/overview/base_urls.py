"""Pages of bases, below /bases/."""

from __future__ import annotations

from django.urls import path

from governance.overview.base_pages import BaseList, UnknownList
from governance.overview.compare import Compare

app_name = "bases"
urlpatterns = [
    path("", BaseList.as_view(), name="base_list"),
    path("unknown/", UnknownList.as_view(), name="unknown"),
    path("compare/", Compare.as_view(), name="compare"),
]
