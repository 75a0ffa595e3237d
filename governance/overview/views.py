"""The start page and the image list."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.views import View

from governance.accounts.models import Team
from governance.accounts.permissions import viewer_of
from governance.findings.fleet import current_scanners
from governance.findings.views import images_in_scope
from governance.images.models import Image
from governance.overview.coverage import silent_sources
from governance.overview.figures import figures
from governance.overview.filters import ImageFilterSet
from governance.web.keyset import Page
from governance.web.views import ListPage, render_page

# Filters that are folded away unless one of them is set.
MORE = (
    "base",
    "vulnerability",
    "exploited",
    "fixable",
    "current",
    "live",
    "heard",
    "place",
    "trait",
    "eol",
    "identified",
    "demo",
)
# Silent sources that the start page names one by one.
SHOWN = 3


class Start(View):
    """What the instance knows, and what needs attention; before the first report, how to send it."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """Numbers of the scope that was picked."""
        known = figures(request, images_in_scope(request))
        silences = silent_sources(request)
        context = {"known": known, "silences": silences[:SHOWN], "more_silences": len(silences) - SHOWN}
        return render_page(request, "overview/start.html", context)


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
