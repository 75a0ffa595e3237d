"""Posture by subject, two runs side by side, and one check everywhere."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.views.decorators.http import require_GET

from governance.accounts.permissions import viewer_of
from governance.runtime.difference import KINDS, MOST_CANDIDATES, comparable, difference
from governance.runtime.filters import ResultFilterSet, SubjectFilterSet
from governance.runtime.models import BenchmarkResult, BenchmarkRun
from governance.runtime.posture import checks_of
from governance.runtime.subjects import subjects_of
from governance.web.keyset import Page
from governance.web.views import ListPage, chips, problems_of, render_page, said


@require_GET
def subject_list(request: HttpRequest) -> HttpResponse:
    """Hosts, clusters, projects and accounts, worst first, with the rate of checks that hold."""
    runs = BenchmarkRun.objects.visible_to(viewer_of(request)).current()
    filterset: type[Any] = SubjectFilterSet
    filters = filterset(said(request), queryset=runs, request=request)
    problems = problems_of(filters)
    subjects, more = ([], False) if problems else subjects_of(filters.qs)
    context = {
        "filters": filters,
        "problems": problems,
        "subjects": subjects,
        "more": more,
        "chips": chips(request, filters.form),
        "narrowed": any(name in filters.filters for name in said(request)),
    }
    return render_page(request, "runtime/subject_list.html", context, "table", status=400 if problems else 200)


@require_GET
def run_difference(request: HttpRequest, pk: int) -> HttpResponse:
    """What a run says otherwise than another: than the one before it, if none is chosen."""
    runs = BenchmarkRun.objects.visible_to(viewer_of(request)).select_related("team", "token")
    run = get_object_or_404(runs, pk=pk)
    wanted = request.GET.get("with", "") or str(run.previous_id or "")
    others = comparable(run, runs)
    other = None
    if wanted:
        other = get_object_or_404(runs, pk=int(wanted) if wanted.isdecimal() and len(wanted) < 19 else 0, tool=run.tool)
    kinds = [kind for kind in request.GET.getlist("change") if kind in KINDS]
    context = {
        "run": run,
        "other": other,
        "candidates": list(others[:MOST_CANDIDATES]),
        "kinds": list(KINDS.items()),
        "picked": kinds,
        "sides": [(run, "Here"), (other, "There")] if other else [],
        "found": difference(run, other, kinds) if other else None,
    }
    return render_page(request, "runtime/run_difference.html", context, "table")


class CheckDetail(ListPage):
    """What the newest runs of a tool say of one check, worst first."""

    template_name = "runtime/check_detail.html"
    filterset = ResultFilterSet
    orders = {"worst": ("-rank", "id")}
    order_words = ("Worst first",)
    size = 100

    def queryset(self) -> QuerySet[BenchmarkResult]:
        """What the viewer may see."""
        said = {name: self.request.GET.get(name, "").replace("\x00", "")[:200] for name in ("tool", "check")}
        return checks_of(BenchmarkRun.objects.visible_to(viewer_of(self.request)), said["tool"], said["check"])

    def beside(self, page: Page) -> dict[str, Any]:
        """Which check it is, and how many of its results are what."""
        return {
            "tool": self.request.GET.get("tool", ""),
            "check": self.request.GET.get("check", ""),
            "title": next((row.title for row in page.rows if row.title), ""),
            "picked_result": self.request.GET.getlist("result"),
        }
