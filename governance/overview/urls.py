"""The start page."""

from __future__ import annotations

from django.urls import path

from governance.overview.views import Start

app_name = "overview"
urlpatterns = [path("", Start.as_view(), name="start")]
