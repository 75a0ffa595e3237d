"""Pages of policies, below /policies/."""

from __future__ import annotations

from django.urls import path

from governance.policy.views import DecisionList, PolicyDelete, PolicyDetail, PolicyEdit, PolicyList, PolicyNew

app_name = "policies"
urlpatterns = [
    path("", PolicyList.as_view(), name="policy_list"),
    # No policy can be called so: names have no underscore.
    path("new_policy/", PolicyNew.as_view(), name="policy_new"),
    path("gate_decisions/", DecisionList.as_view(), name="decision_list"),
    path("<slug:name>/", PolicyDetail.as_view(), name="policy_detail"),
    path("<slug:name>/edit/", PolicyEdit.as_view(), name="policy_edit"),
    path("<slug:name>/delete/", PolicyDelete.as_view(), name="policy_delete"),
]
