"""Coverage: what is expected at the three places and of each source, what came, and who fell silent."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.views import person
from governance.findings.filters import SourceFilterSet
from governance.findings.forms import LimitForm
from governance.findings.models import Source
from governance.findings.sources import images_of_source, set_limit
from governance.findings.views import images_in_scope
from governance.images.models import Image
from governance.overview.coverage import rows_of, silent_sources, sources_in_scope
from governance.overview.figures import totals_of
from governance.web.keyset import Page
from governance.web.views import ListPage, done, render_page

SHOWN = 20


class SourceList(ListPage):
    """The three places, then every source."""

    template_name = "sources/source_list.html"
    filterset = SourceFilterSet
    orders = {"heard": ("-last_heard", "-id"), "quiet": ("last_heard", "id"), "name": ("name", "id")}
    order_words = ("Heard last", "Silent longest", "Name")

    def queryset(self) -> QuerySet[Source]:
        """What the viewer may see."""
        return sources_in_scope(self.request)

    def beside(self, page: Page) -> dict[str, Any]:
        """Figures of the places and of the page's rows."""
        return {
            "places": totals_of(self.request, images_in_scope(self.request))["places"],
            "rows": rows_of(self.request, page.rows),
            "silent": len(silent_sources(self.request)),
        }


def source_page(request: HttpRequest, source: Source, status: int = 200, **more: Any) -> HttpResponse:
    """One source."""
    (row,) = rows_of(request, [source])
    images = images_in_scope(request)
    missing: list[tuple[Image, str]] = []
    for word in ("failed", "late"):
        worst = images_of_source(images, source, word).order_by("-rank", "-id")
        missing += [(image, word) for image in worst[: SHOWN - len(missing)]] if getattr(row.expected, word) else []
    context = {
        "row": row,
        "source": source,
        "missing": missing,
        "silences": list(source.silences.order_by("-since", "-pk")[:SHOWN]),
        "form": LimitForm(initial={"hours": source.limit_hours}),
        "may_edit": person(request).is_admin,
        **more,
    }
    return render_page(request, "sources/source_detail.html", context, "source", status=status)


@require_GET
def source_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """What it sends, what is missing, when it was silent."""
    return source_page(request, get_object_or_404(sources_in_scope(request), pk=pk))


@require_POST
def source_limit(request: HttpRequest, pk: int) -> HttpResponse:
    """Say how long it may be silent."""
    source, form = get_object_or_404(sources_in_scope(request), pk=pk), LimitForm(request.POST)
    if form.is_valid():
        try:
            set_limit(person(request), source, form.cleaned_data["hours"])
        except ValidationError as error:
            form.refuse(error)
        else:
            messages.success(request, "Saved.")
            return done(request, reverse("sources:source_detail", args=[source.pk]))
    return source_page(request, source, 422, form=form)
