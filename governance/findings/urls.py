"""Pages of findings, below /vulnerabilities/."""

from __future__ import annotations

from django.urls import path

from governance.findings.views import VulnerabilityList, VulnerabilityPage

app_name = "findings"
urlpatterns = [
    path("", VulnerabilityList.as_view(), name="vulnerability_list"),
    # Identifiers come from reports: anything without a slash may be one.
    path("<str:name>/", VulnerabilityPage.as_view(), name="vulnerability_detail"),
]
