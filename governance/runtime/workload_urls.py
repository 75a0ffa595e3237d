"""Pages of what runs where, below /workloads/."""

from __future__ import annotations

from django.urls import path

from governance.runtime.workload_views import AgentList, WorkloadExport, WorkloadList, agent_retire, workload_detail

app_name = "workloads"
urlpatterns = [
    path("", WorkloadList.as_view(), name="workload_list"),
    path("workloads.csv", WorkloadExport.as_view(), name="workload_export"),
    path("<int:pk>/", workload_detail, name="workload_detail"),
    path("agents/", AgentList.as_view(), name="agent_list"),
    path("agents/<int:pk>/remove/", agent_retire, name="agent_retire"),
]
