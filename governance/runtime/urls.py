"""Pages of what runs, below /posture/."""

from __future__ import annotations

from django.urls import path

from governance.runtime.benchmark_views import CheckDetail, run_difference, subject_list
from governance.runtime.views import PostureList, PostureRun

app_name = "runtime"
urlpatterns = [
    path("", PostureList.as_view(), name="posture_list"),
    path("subjects/", subject_list, name="subject_list"),
    path("checks/", CheckDetail.as_view(), name="check_detail"),
    path("<int:pk>/", PostureRun.as_view(), name="posture_detail"),
    path("<int:pk>/difference/", run_difference, name="run_difference"),
]
