"""The API: every endpoint, in one list."""

from __future__ import annotations

from django.urls import include, path
from drf_spectacular.views import SpectacularAPIView
from rest_framework.routers import SimpleRouter

from governance.accounts.api import TokenViewSet
from governance.approvals.api import ApprovedViewSet, Check, Document
from governance.approvals.retention_api import PinViewSet, RetentionCheck, RuleViewSet, RunViewSet
from governance.approvals.upstream_api import AlarmViewSet, CopyViewSet, WatchViewSet
from governance.briefings.api import DigestViewSet
from governance.briefings.chat_api import ChannelViewSet
from governance.findings.vex_api import VexViewSet
from governance.overview.api import ImageViewSet
from governance.overview.owner_api import OwnerRuleViewSet
from governance.overview.source_api import SourceViewSet
from governance.overview.vulnerability_api import RunningVulnerabilities
from governance.policy.api import DecisionViewSet, Gate, PolicyViewSet
from governance.policy.exemption_api import ExemptionViewSet, OpenVex
from governance.runtime.api import BenchmarkViewSet
from governance.runtime.workload_api import AgentViewSet, WorkloadViewSet
from scanning.agents import Snapshots
from scanning.api import Report, Reports
from scanning.registry_api import RegistryViewSet
from scanning.webhook_api import WebhookViewSet

router = SimpleRouter()
router.register("images", ImageViewSet, basename="image")
router.register("vulnerabilities", RunningVulnerabilities, basename="vulnerability")
router.register("vex", VexViewSet, basename="vex")
router.register("benchmarks", BenchmarkViewSet, basename="benchmark")
router.register("workloads", WorkloadViewSet, basename="workload")
router.register("agents", AgentViewSet, basename="agent")
router.register("sources", SourceViewSet, basename="source")
router.register("registries", RegistryViewSet, basename="registry")
router.register("webhooks", WebhookViewSet, basename="webhook")
router.register("approved/alarms", AlarmViewSet, basename="alarm")
router.register("approved/watches", WatchViewSet, basename="watch")
router.register("approved/copies", CopyViewSet, basename="copy")
router.register("approved", ApprovedViewSet, basename="approved")
router.register("retention/pins", PinViewSet, basename="retention-pin")
router.register("retention/rules", RuleViewSet, basename="retention-rule")
router.register("retention/runs", RunViewSet, basename="retention-run")
router.register("policies", PolicyViewSet, basename="policy")
router.register("decisions", DecisionViewSet, basename="decision")
router.register("exemptions", ExemptionViewSet, basename="exemption")
router.register("digests", DigestViewSet, basename="digest")
router.register("owner-rules", OwnerRuleViewSet, basename="owner-rule")
router.register("chats", ChannelViewSet, basename="channel")
router.register("tokens", TokenViewSet, basename="token")

app_name = "api"
urlpatterns = [
    path("schema/", SpectacularAPIView.as_view(), name="schema"),
    path("reports/", Reports.as_view(), name="report-list"),
    path("reports/<int:pk>/", Report.as_view(), name="report-detail"),
    path("agents/snapshot/", Snapshots.as_view(), name="agent-snapshot"),
    path("gate/", Gate.as_view(), name="gate"),
    path("approved/check/", Check.as_view(), name="approved-check"),
    path("approved/documents/<str:name>/", Document.as_view(), name="approved-document"),
    path("retention/check/", RetentionCheck.as_view(), name="retention-check"),
    path("exemptions/openvex/", OpenVex.as_view(), name="openvex"),
    path("", include(router.urls)),
]
