"""Pages of the approved list, below /approved/."""

from __future__ import annotations

from django.urls import path

from governance.approvals.copy_views import CopyAct, CopyDetail, CopyList, copy_ask
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
from governance.approvals.upstream_views import AlarmList, WatchList, alarm_close, watch_look
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
    path("upstream/", AlarmList.as_view(), name="alarm_list"),
    path("upstream/<int:pk>/close/", alarm_close, name="alarm_close"),
    path("watched/", WatchList.as_view(), name="watch_list"),
    path("watched/<int:pk>/look/", watch_look, name="watch_look"),
    path("copies/", CopyList.as_view(), name="copy_list"),
    path("copies/<int:pk>/", CopyDetail.as_view(), name="copy_detail"),
    path("copies/<int:pk>/retry/", CopyAct.as_view(verb="retry"), name="copy_retry"),
    path("copies/<int:pk>/restore/", CopyAct.as_view(verb="restore"), name="copy_restore"),
    path("copies/<int:pk>/let-go/", CopyAct.as_view(verb="let_go"), name="copy_let_go"),
    path("<int:pk>/copies/", copy_ask, name="copy_ask"),
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
