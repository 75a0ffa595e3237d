"""What runs where: the list of workloads, one workload, and the agents that tell of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from django.contrib import messages
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.models import Team, User
from governance.accounts.permissions import viewer_of
from governance.accounts.picker import picked_teams
from governance.runtime.agents import retire
from governance.runtime.drift import moved_on
from governance.runtime.models import Agent, Cluster, Running, Workload
from governance.runtime.workload_filters import AgentFilterSet, RunningFilterSet
from governance.web.keyset import Page
from governance.web.tables import csv_response
from governance.web.views import ListPage, done, problems_of, render_page, said

# Rows of an export; whoever needs more asks the API.
MOST_ROWS = 50_000
HISTORY = 100
HEADER = (
    *("state", "cluster", "environment", "namespace", "kind", "name", "container", "part", "owner", "image"),
    *("config digest", "as written", "as resolved", "critical", "high", "known exploited", "teams", "instances"),
    *("user", "privileged", "runtime", "runtime class", "sandbox", "rootless", "first seen", "last seen"),
)


def running_in_scope(request: HttpRequest) -> QuerySet[Running]:
    """What the viewer may see, narrowed to the picked teams' images."""
    rows = Running.objects.visible_to(viewer_of(request)).select_related(
        "workload__cluster", "agent", "image__repository"
    )
    teams = picked_teams(request)
    return rows if teams is None else rows.filter(image__owners__overlap=teams)


def drifted(rows: Collection[Running]) -> set[int]:
    """Those of a page's rows whose tag names another image now."""
    live = [row.pk for row in rows if row.tag and row.stopped_at is None and row.image_id]
    return set(Running.objects.filter(moved_on(), pk__in=live).values_list("pk", flat=True)) if live else set()


class WorkloadList(ListPage):
    """What runs, the newest first."""

    template_name = "runtime/workload_list.html"
    filterset = RunningFilterSet
    orders = {"newest": ("-first_seen", "-id"), "oldest": ("first_seen", "id")}
    order_words = ("Started last", "Started first")

    def queryset(self) -> QuerySet[Running]:
        """What the viewer may see."""
        return running_in_scope(self.request)

    def beside(self, page: Page) -> dict[str, Any]:
        """Drift of the page's rows, and how many agents say nothing."""
        agents = Agent.objects.expected().filter(cluster__in=Cluster.objects.visible_to(viewer_of(self.request)))
        counts = agents.aggregate(known=Count("pk"), silent=Count("pk", filter=Q(silent_since__isnull=False)))
        return {
            "drifted": drifted(page.rows),
            "agents": counts,
            "more": any(self.request.GET.get(name) for name in ("environment", "root", "part", "drift", "demo")),
        }


class WorkloadExport(WorkloadList):
    """The list with its filters as CSV."""

    def get(self, request: HttpRequest) -> HttpResponseBase:  # type: ignore[override]
        """All of its rows, or what is wrong with the address."""
        wanted: Any = self.filterset
        filters = wanted(said(request), queryset=self.queryset(), request=request)
        if problems := problems_of(filters):
            return HttpResponse("\n".join(problems), status=400, content_type="text/plain; charset=utf-8")
        return export(filters.qs.order_by("-first_seen", "-pk")[:MOST_ROWS])


def export(rows: QuerySet[Running]) -> StreamingHttpResponse:
    """One line for each stretch."""
    teams = dict(Team.objects.values_list("pk", "name"))
    return csv_response("workloads.csv", HEADER, cells(rows, teams))


def cells(rows: QuerySet[Running], teams: dict[int, str]) -> Iterator[tuple[object, ...]]:
    """In the order of the header."""
    for row in rows.iterator(chunk_size=1_000):
        image, workload = row.image, row.workload
        yield (
            *(row.state, workload.cluster, workload.cluster.environment, workload.namespace, workload.kind),
            *(workload.name, workload.container, row.part, workload.owner, image, image and image.config_digest),
            *(row.written, row.resolved, *((image.critical, image.high, image.exploited) if image else ("",) * 3)),
            ", ".join(teams[pk] for pk in image.owners if pk in teams) if image else "",
            *(row.instances, row.user, row.privileged, row.runtime, row.runtime_class, row.sandbox, row.rootless),
            *(row.first_seen, row.seen_until),
        )


@require_GET
def workload_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """One workload: what it runs, how, and what it ran before. Of its images only those the viewer may see."""
    visible = Workload.objects.visible_to(viewer_of(request)).select_related("cluster", "agent")
    workload = get_object_or_404(visible, pk=pk)
    rows = list(running_in_scope(request).filter(workload=workload).order_by("-pk")[:HISTORY])
    context = {
        "workload": workload,
        "live": [row for row in rows if row.stopped_at is None],
        "before": [row for row in rows if row.stopped_at is not None],
        "drifted": drifted(rows),
    }
    return render_page(request, "runtime/workload_detail.html", context)


class AgentList(ListPage):
    """Clusters and hosts by their agents: who is silent stands first."""

    template_name = "runtime/agent_list.html"
    filterset = AgentFilterSet
    orders = {"oldest": ("last_heard", "id"), "newest": ("-first_heard", "-id")}
    order_words = ("Heard longest ago", "Newest here")

    def queryset(self) -> QuerySet[Agent]:
        """Those of clusters that the viewer may see."""
        clusters = Cluster.objects.visible_to(viewer_of(self.request))
        return Agent.objects.filter(cluster__in=clusters).select_related("cluster__team", "token")

    def beside(self, page: Page) -> dict[str, Any]:
        """How many workloads each tells of, and whether there are any agents at all."""
        live = running_in_scope(self.request).filter(stopped_at=None, agent__in=[row.pk for row in page.rows])
        counts = live.order_by().values("agent").annotate(amount=Count("workload", distinct=True))
        return {
            "running": {row["agent"]: row["amount"] for row in counts},
            "is_empty": not page.rows and not any(self.request.GET.values()) and not self.queryset().exists(),
            "may_remove": getattr(viewer_of(self.request), "is_admin", False),
        }


@require_POST
def agent_retire(request: HttpRequest, pk: int) -> HttpResponse:
    """It is gone for good."""
    viewer = viewer_of(request)
    clusters = Cluster.objects.visible_to(viewer)
    agent = get_object_or_404(Agent.objects.filter(cluster__in=clusters).select_related("cluster"), pk=pk)
    retire(viewer if isinstance(viewer, User) else User(), agent)
    messages.success(request, f"{agent} of {agent.cluster} is removed: what it told of counts as stopped.")
    return done(request, reverse("workloads:agent_list"))
