"""Posture: how hosts, clusters, projects and accounts stand against benchmarks."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404

from governance.accounts.permissions import viewer_of
from governance.runtime.filters import BenchmarkFilterSet, ResultFilterSet
from governance.runtime.models import BenchmarkResult, BenchmarkRun
from governance.runtime.posture import history_of, newest_of, newly_failing, no_longer_reported
from governance.web.keyset import Page
from governance.web.views import ListPage, wants_part

SHOWN = 50


class PostureList(ListPage):
    """The newest run of each benchmark on each subject, worst first."""

    template_name = "runtime/posture_list.html"
    filterset = BenchmarkFilterSet
    orders = {
        "worst": ("-failed", "-warned", "-id"),
        "changed": ("-newly_failing", "-at", "-id"),
        "newest": ("-at", "-id"),
    }
    order_words = ("Worst first", "Most newly failing", "Newest first")

    def queryset(self) -> QuerySet[BenchmarkRun]:
        """What the viewer may see."""
        return BenchmarkRun.objects.visible_to(viewer_of(self.request)).select_related("team", "token")

    def beside(self, page: Page) -> dict[str, Any]:
        """What newly fails in each run of the page."""
        return {
            "news": newly_failing(page.rows),
            "is_empty": not page.rows and not any(self.request.GET.values()) and not self.queryset().exists(),
        }


class PostureRun(ListPage):
    """One run with all its results, worst first, and what changed since the run before."""

    template_name = "runtime/posture_detail.html"
    filterset = ResultFilterSet
    orders = {"worst": ("-rank", "id"), "reported": ("id",)}
    order_words = ("Worst first", "As reported")
    size = 100
    run: BenchmarkRun

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:  # type: ignore[override]
        """One page of its results."""
        rows = BenchmarkRun.objects.visible_to(viewer_of(request)).select_related("team", "token", "previous")
        self.run = get_object_or_404(rows, pk=pk)
        return self.show(request)

    def queryset(self) -> QuerySet[BenchmarkResult]:
        """All results."""
        return BenchmarkResult.objects.filter(run=self.run)

    def beside(self, page: Page) -> dict[str, Any]:
        """The run itself; what stands around the table is not asked for where only the table is swapped."""
        shown = {"run": self.run, "picked_result": self.request.GET.getlist("result")}
        if wants_part(self.request):
            return shown
        gone = list(no_longer_reported(self.run)[: SHOWN + 1])
        return {
            **shown,
            "newest": self.run if self.run.is_current else newest_of(self.run),
            "history": history_of(self.run),
            "gone": gone[:SHOWN],
            "more_gone": len(gone) > SHOWN,
        }
