"""Pages of exemptions, below /exemptions/."""

from __future__ import annotations

from django.urls import path

from governance.policy.exemption_views import Ask, Decide, ExemptionDetail, ExemptionList, Revoke, openvex

app_name = "exemptions"
urlpatterns = [
    path("", ExemptionList.as_view(), name="exemption_list"),
    path("new/", Ask.as_view(), name="exemption_new"),
    path("openvex.json", openvex, name="openvex"),
    path("<int:pk>/", ExemptionDetail.as_view(), name="exemption_detail"),
    path("<int:pk>/decide/", Decide.as_view(), name="exemption_decide"),
    path("<int:pk>/revoke/", Revoke.as_view(), name="exemption_revoke"),
]
