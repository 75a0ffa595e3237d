"""Pages of the approved list, below /approved/."""

from __future__ import annotations

from django.urls import path

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
]
