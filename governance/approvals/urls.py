"""Pages of the approved list, below /approved/."""

from __future__ import annotations

from django.urls import path

from governance.approvals.retention_views import (
    Pin,
    Retention,
    RuleEdit,
    RunDetail,
    RunStart,
    rule_remove,
    run_new,
    run_stop,
    unpin_digest,
)
from governance.approvals.views import (
    BaseDetail,
    BaseList,
    RequestEdit,
    RequestList,
    RequestNew,
    SayComment,
    TakeStep,
)

app_name = "approved"
urlpatterns = [
    path("", BaseList.as_view(), name="base_list"),
    path("requests/", RequestList.as_view(), name="request_list"),
    path("new/", RequestNew.as_view(), name="base_new"),
    path("<int:pk>/", BaseDetail.as_view(), name="base_detail"),
    path("<int:pk>/edit/", RequestEdit.as_view(), name="base_edit"),
    path("<int:pk>/step/", TakeStep.as_view(), name="base_step"),
    path("<int:pk>/comment/", SayComment.as_view(), name="base_comment"),
    path("retention/", Retention.as_view(), name="retention"),
    path("retention/pins/", Pin.as_view(), name="pin_new"),
    path("retention/pins/<int:pk>/remove/", unpin_digest, name="pin_remove"),
    path("retention/rules/new/", RuleEdit.as_view(), name="rule_new"),
    path("retention/rules/<int:pk>/", RuleEdit.as_view(), name="rule_edit"),
    path("retention/rules/<int:pk>/remove/", rule_remove, name="rule_remove"),
    path("retention/runs/", run_new, name="run_new"),
    path("retention/runs/<int:pk>/", RunDetail.as_view(), name="run_detail"),
    path("retention/runs/<int:pk>/start/", RunStart.as_view(), name="run_start"),
    path("retention/runs/<int:pk>/stop/", run_stop, name="run_stop"),
]
