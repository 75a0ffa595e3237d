"""Pages of what runs, below /posture/."""

from __future__ import annotations

from django.urls import path

from governance.runtime.views import PostureList, PostureRun

app_name = "runtime"
urlpatterns = [
    path("", PostureList.as_view(), name="posture_list"),
    path("<int:pk>/", PostureRun.as_view(), name="posture_detail"),
]
