"""Every page; the only place that mounts scanning's URLs."""

from __future__ import annotations

from django.conf import settings
from django.urls import URLPattern, URLResolver, include, path

from governance.web.views import theme

urlpatterns: list[URLPattern | URLResolver] = [
    path("api/v1/", include("governance.api")),
    path("", include("scanning.endpoints")),
    *([path("", include("governance.accounts.oidc_urls"))] if settings.OIDC_ISSUER else []),
    path("", include("governance.accounts.urls")),
    path("", include("governance.overview.urls")),
    path("images/", include("governance.overview.image_urls")),
    path("bases/", include("governance.overview.base_urls")),
    path("teams/", include("governance.overview.team_urls")),
    path("sources/", include("governance.overview.source_urls")),
    path("vulnerabilities/", include("governance.overview.vulnerability_urls")),
    path("vex/", include("governance.findings.vex_urls")),
    path("workloads/", include("governance.runtime.workload_urls")),
    path("posture/", include("governance.runtime.urls")),
    path("approved/", include("governance.approvals.urls")),
    path("digests/", include("governance.briefings.urls")),
    path("exemptions/", include("governance.policy.exemption_urls")),
    path("policies/", include("governance.policy.urls")),
    path("deliveries/", include("scanning.urls")),
    path("sources/webhooks/", include("scanning.webhook_urls")),
    path("registries/", include("scanning.registry_urls")),
    path("feeds/", include("scanning.feed_urls")),
    path("theme/", theme, name="theme"),
]

handler403 = "governance.web.views.permission_denied"
handler404 = "governance.web.views.page_not_found"
handler500 = "governance.web.views.server_error"
