"""VEX statements: the list, and taking one back."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from governance.accounts.permissions import viewer_of
from governance.findings.filters import VexFilterSet
from governance.findings.models_vex import VexStatement
from governance.findings.vex import restore, revoke
from governance.findings.vex_apply import may_count
from governance.web.keyset import Page
from governance.web.views import ListPage, back, done


class StatementList(ListPage):
    """What issuers say of products, the last that came first."""

    template_name = "findings/vex_list.html"
    filterset = VexFilterSet

    def queryset(self) -> QuerySet[VexStatement]:
        """What may concern the viewer."""
        return VexStatement.objects.visible_to(viewer_of(self.request)).with_revocation()

    def beside(self, page: Page) -> dict[str, Any]:
        """Which of them set nothing aside whatever they say."""
        return {"shown_only": {row.pk for row in page.rows if not may_count(row.issuer, row.reach)}}


@require_POST
def statement_revoke(request: HttpRequest, pk: int) -> HttpResponse:
    """It no longer counts, for the reason given."""
    viewer = viewer_of(request)
    statement = get_object_or_404(VexStatement.objects.visible_to(viewer), pk=pk)
    try:
        revoke(viewer, statement, request.POST.get("reason", ""))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages).capitalize())
    else:
        messages.success(request, "Revoked. The images it concerned are counted anew.")
    return done(request, back(request, reverse("vex:statement_list")))


@require_POST
def statement_restore(request: HttpRequest, pk: int) -> HttpResponse:
    """It counts again."""
    viewer = viewer_of(request)
    restore(viewer, get_object_or_404(VexStatement.objects.visible_to(viewer), pk=pk))
    messages.success(request, "Restored. The images it concerns are counted anew.")
    return done(request, back(request, reverse("vex:statement_list")))
