"""The start page and the image list."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet, Value
from django.http import HttpRequest, HttpResponse
from django.utils import timezone
from django.views import View

from governance.accounts.models import Team
from governance.accounts.permissions import viewer_of
from governance.accounts.picker import picked_teams
from governance.accounts.scope import teams_of
from governance.approvals.filters import ending
from governance.approvals.models import ApprovedBase, UpstreamAlarm
from governance.findings.fleet import current_scanners
from governance.findings.views import images_in_scope
from governance.images.models import Image
from governance.overview.coverage import silent_sources
from governance.overview.days import trend
from governance.overview.figures import figures
from governance.overview.filters import ImageFilterSet
from governance.policy.exemption_filters import ends_soon
from governance.policy.models_exemption import Exemption
from governance.runtime.models import Agent, Cluster
from governance.web.keyset import Page
from governance.web.views import ListPage, render_page

# Filters that are folded away unless one of them is set.
MORE = (
    "base",
    "vulnerability",
    "exploited",
    "fixable",
    "running",
    "current",
    "live",
    "heard",
    "place",
    "age",
    "trait",
    "eol",
    "identified",
    "demo",
)
# Silent sources that the start page names one by one.
SHOWN = 3
# Bases with the most built on them.
SHOWN_BASES = 6


class Start(View):
    """What the instance knows, and what needs attention; before the first report, how to send it."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Numbers of the scope that was picked."""
        known = figures(request, images_in_scope(request))
        silences = silent_sources(request)
        context = {"known": known, "silences": silences[:SHOWN], "more_silences": len(silences) - SHOWN}
        context |= {"trend": trend(teams_in_scope(request)), "bases": bases_at_risk(request), **ending_soon(request)}
        return render_page(request, "overview/start.html", context)


def teams_in_scope(request: HttpRequest) -> set[int] | None:
    """The teams that were picked, else those whose things the viewer sees; None is all."""
    picked = picked_teams(request)
    return teams_of(viewer_of(request)) if picked is None else set(picked)


def bases_at_risk(request: HttpRequest) -> list[Image]:
    """Bases with something to mend, those most is built on first."""
    bases = images_in_scope(request).filter(descendants__gt=0, rank__gt=0)
    return list(bases.order_by("-descendants", "-id").select_related("repository")[:SHOWN_BASES])


def ending_soon(request: HttpRequest) -> dict[str, int]:
    """How much ends by itself before long, and what is amiss upstream: each as the list behind it counts."""
    viewer, teams = viewer_of(request), picked_teams(request)
    approved = ApprovedBase.objects.visible_to(viewer).filter(ending(timezone.now().date()))
    exemptions = Exemption.objects.visible_to(viewer).filter(ends_soon(timezone.now().date()))
    alarms = UpstreamAlarm.objects.filter(ended_at=None)
    if teams is not None:
        alarms = alarms.filter(teams__overlap=teams)
    found: dict[str, QuerySet[Any]] = {
        "ending_entries": approved.filter(state__in=ApprovedBase.LISTED),
        "ending_exemptions": exemptions,
        "alarms": alarms,
        "silent_agents": Agent.objects.expected().filter(
            cluster__in=Cluster.objects.visible_to(viewer).filter(is_demo=False), silent_since__isnull=False
        ),
    }
    # One question for all.
    first, *others = [
        rows.order_by().annotate(list=Value(name)).values_list("list").annotate(Count("pk"))
        for name, rows in found.items()
    ]
    return dict.fromkeys(found, 0) | dict(first.union(*others, all=True))


class ImageList(ListPage):
    """All images in scope, worst first."""

    template_name = "images/image_list.html"
    filterset = ImageFilterSet
    orders = {
        "worst": ("-rank", "-id"),
        "risk": ("-risk", "-id"),
        "newest": ("-id",),
        "built": ("-built_at", "-id"),
        "oldest": ("built_at", "id"),
    }
    # Beyond this many, a search says "more than": counting what it finds costs more than showing a page of it.
    search_limit = 1_000
    order_words = ("Worst first", "Highest risk", "Newest here", "Built last", "Built first")

    def queryset(self) -> QuerySet[Image]:
        """Start from what the viewer may see; lists need neither sets nor layers."""
        images = Image.objects.present().visible_to(viewer_of(self.request))
        return images.select_related("repository", "split").defer("split__own")

    def total(self, queryset: QuerySet[Any], page: Page) -> tuple[int, bool]:
        """Count a little less far where every row has to be tested."""
        if self.request.GET.get("q") or self.request.GET.get("base"):
            self.count_limit = self.search_limit
        return super().total(queryset, page)

    def beside(self, page: Page) -> dict[str, Any]:
        """Owners and scanners of the page's rows, each in one query."""
        owners = {team for image in page.rows for team in image.owners}
        return {
            "teams": dict(Team.objects.filter(pk__in=owners).values_list("pk", "name")) if owners else {},
            "scanners": current_scanners(page.rows) if page.rows else {},
            "more": any(self.request.GET.get(name) for name in MORE),
            "is_empty": not page.rows and not any(self.request.GET.values()) and not self.queryset().exists(),
        }
