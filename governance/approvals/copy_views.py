"""Kept copies: which there are, how each is, and what can be done with it."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.utils import timezone
from django.views import View
from django.views.decorators.http import require_POST

from governance.accounts.permissions import viewer_of
from governance.accounts.scope import administers
from governance.approvals.copies import ask_copy, current_place, let_go, may_change, restore_copy, retry_copy, target_of
from governance.approvals.filters import CopyFilterSet
from governance.approvals.keeping import counts_of, shown_copy
from governance.approvals.models import ApprovedBase, KeptCopy
from governance.web.keyset import Page
from governance.web.views import ListPage, back, done, render_page


def copies_for(request: HttpRequest) -> QuerySet[KeptCopy]:
    """What the viewer may see."""
    return KeptCopy.objects.visible_to(viewer_of(request)).select_related("registry")


class CopyList(ListPage):
    """All copies."""

    template_name = "approvals/copy_list.html"
    filterset: type[Any] = CopyFilterSet
    orders: dict[str, tuple[str, ...]] = {"name": ("name", "tag", "-id"), "newest": ("-id",)}
    order_words: tuple[str, ...] = ("Name", "Newest first")

    def queryset(self) -> QuerySet[KeptCopy]:
        """What the viewer may see."""
        return copies_for(self.request)

    def beside(self, page: Page) -> dict[str, Any]:
        """How each is, and where new ones are kept."""
        at = timezone.now()
        counts = self.queryset().order_by().values_list("state").annotate(number=Count("pk"))
        return {
            "shown": [shown_copy(row, at) for row in page.rows],
            "counts": counts_of(counts, KeptCopy.State.choices),
            "place": current_place(),
            "may_name": administers(viewer_of(self.request)),
        }


class CopyDetail(View):
    """One copy."""

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:
        """The page, or how it is alone while somebody looks on."""
        return self.page(request, get_object_or_404(copies_for(request), pk=pk))

    def page(self, request: HttpRequest, row: KeptCopy, status: int = 200, problem: str = "") -> HttpResponse:
        """The page, also after something could not be done."""
        viewer = viewer_of(request)
        entries = ApprovedBase.objects.visible_to(viewer).filter(name=row.name).order_by("-pk")[:20]
        context = {
            "row": row,
            "copy": shown_copy(row, timezone.now()),
            "entries": entries,
            "target": target_of(row),
            "may_change": may_change(viewer, row),
            "may_restore": administers(viewer),
            "problem": problem,
        }
        return render_page(request, "approvals/copy_detail.html", context, "progress", status=status)


class CopyAct(CopyDetail):
    """Something is done with a copy: verify or copy again, put back, let go."""

    http_method_names = ["post"]
    verb = ""

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Do it, or say why not."""
        row, viewer = get_object_or_404(copies_for(request), pk=pk), viewer_of(request)
        reason = request.POST.get("reason", "")
        try:
            if self.verb == "retry":
                retry_copy(viewer, row)
            elif self.verb == "restore":
                restore_copy(viewer, row, reason)
            else:
                let_go(viewer, row, reason)
        except ValidationError as error:
            return self.page(request, row, 422, " ".join(error.messages))
        messages.success(request, SAID[self.verb])
        after = reverse("approved:copy_list") if self.verb == "let_go" else reverse("approved:copy_detail", args=[pk])
        return done(request, after)


SAID = {
    "retry": "It is looked at next; what lacks is copied again.",
    "restore": "It is put back next. This page shows how far it is.",
    "let_go": "It is kept no longer: nothing protects what lies there from now on.",
}


@require_POST
def copy_ask(request: HttpRequest, pk: int) -> HttpResponse:
    """Have a digest of an entry copied."""
    viewer = viewer_of(request)
    entry = get_object_or_404(ApprovedBase.objects.visible_to(viewer).select_related("owner"), pk=pk)
    try:
        row = ask_copy(viewer, entry, request.POST.get("digest", ""), request.POST.get("tag", ""))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return done(request, back(request, reverse("approved:base_detail", args=[pk])))
    messages.success(request, "It is copied next. This page shows how far it is.")
    return done(request, reverse("approved:copy_detail", args=[row.pk]))
