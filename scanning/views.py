"""Deliveries: everything that arrived, as it arrived."""

from __future__ import annotations

from django.contrib import messages
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.models import User
from governance.accounts.permissions import viewer_of
from governance.findings.models import Scan
from governance.images.models import Image
from governance.runtime.models import BenchmarkRun
from governance.web.templatetags.portwarden import SEVERITIES
from governance.web.views import ListPage, render_page
from scanning.deliveries import read_body, replay
from scanning.filters import DeliveryFilterSet
from scanning.formats import FORMATS
from scanning.models import Delivery, DeliveryBody
from scanning.summary import report_resource


class DeliveryList(ListPage):
    """Newest first."""

    template_name = "scanning/delivery_list.html"
    filterset = DeliveryFilterSet

    def queryset(self) -> QuerySet[Delivery]:
        """What the viewer may see."""
        rows = Delivery.objects.visible_to(viewer_of(self.request))
        return rows.select_related("token", "sender", "team", "webhook")


@require_GET
def format_list(request: HttpRequest) -> HttpResponse:
    """What is read, and how it is made and sent."""
    return render_page(request, "scanning/format_list.html", {"formats": FORMATS})


def visible(request: HttpRequest, pk: int) -> Delivery:
    """The delivery, or 404."""
    rows = Delivery.objects.visible_to(viewer_of(request)).select_related("token", "sender", "team", "webhook")
    return get_object_or_404(rows, pk=pk)


@require_GET
def delivery_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """What came, what it turned out to be, and which images it spoke of."""
    delivery = visible(request, pk)
    viewer, report = viewer_of(request), report_resource(delivery)
    context = {
        "delivery": delivery,
        "report": report,
        "images": images_of(request, delivery),
        "runs": runs_of(request, delivery) if any(report["checks"].values()) else [],
        # The database keeps no order of an object's members.
        "severities": [(word, report["by_severity"].get(word, 0)) for word in SEVERITIES],
        "any_checks": any(report["checks"].values()),
        "sha256": f"sha256:{bytes(delivery.body_sha256).hex()}",
        "has_body": DeliveryBody.objects.filter(delivery=delivery).exists(),
        "may_replay": isinstance(viewer, User) and (viewer.is_admin or delivery.sender_id == viewer.pk),
    }
    return render_page(request, "scanning/delivery_detail.html", context)


def images_of(request: HttpRequest, delivery: Delivery) -> list[Image]:
    """The images its scans hang on, as far as the viewer may see them."""
    named = Scan.objects.filter(delivery=delivery.pk).values("image")
    return list(Image.objects.present().visible_to(viewer_of(request)).filter(pk__in=named).order_by("pk")[:200])


def runs_of(request: HttpRequest, delivery: Delivery) -> list[BenchmarkRun]:
    """The benchmarks it brought, as far as the viewer may see them."""
    runs = BenchmarkRun.objects.visible_to(viewer_of(request)).select_related("token")
    return list(runs.filter(delivery=delivery.pk).order_by("pk")[:200])


@require_GET
def delivery_raw(request: HttpRequest, pk: int) -> HttpResponse:
    """The bytes as they came, to save: never shown in the page, under a name of our own."""
    delivery = visible(request, pk)
    try:
        body = read_body(delivery)
    except DeliveryBody.DoesNotExist as error:
        raise Http404 from error
    is_json = body.lstrip()[:1] in (b"{", b"[")
    response = HttpResponse(body, content_type="application/json" if is_json else "text/plain; charset=utf-8")
    ending = "json" if is_json else "txt"
    response["Content-Disposition"] = f'attachment; filename="portwarden-delivery-{delivery.pk}.{ending}"'
    response["X-Content-Type-Options"] = "nosniff"
    return response


@require_POST
def delivery_replay(request: HttpRequest, pk: int) -> HttpResponse:
    """Read it again."""
    delivery = visible(request, pk)
    replay(viewer_of(request), delivery)
    messages.success(request, f"Delivery {delivery.pk} is read again.")
    return redirect("scanning:delivery_detail", pk=delivery.pk)
