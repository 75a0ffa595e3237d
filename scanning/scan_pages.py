"""Scans that Portwarden has made: what waits, what runs, how the last ones ended; and asking for one."""

from __future__ import annotations

from datetime import timedelta

from django.conf import settings
from django.contrib import messages
from django.core.exceptions import ValidationError
from django.db.models import Q
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.permissions import viewer_of
from governance.images.models import Image
from governance.web.views import render_page
from scanning.models_scans import ScanJob
from scanning.scans import rescan

OPEN = (ScanJob.State.WAITING, ScanJob.State.RUNNING, ScanJob.State.ASKED)
SHOWN = 100


@require_POST
def image_rescan(request: HttpRequest, pk: int) -> HttpResponse:
    """Have it scanned now."""
    image = get_object_or_404(
        Image.objects.present().visible_to(viewer_of(request)).select_related("repository__registry"), pk=pk
    )
    try:
        rescan(viewer_of(request), image)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    else:
        messages.success(request, "It is scanned as soon as a worker is free.")
    return redirect("images:image_detail", pk=image.pk)


@require_GET
def scan_list(request: HttpRequest) -> HttpResponse:
    """What waits and runs in the order in which it is taken, then what ended last."""
    visible = Image.objects.visible_to(viewer_of(request))
    rows = ScanJob.objects.filter(image__in=visible).select_related("image__repository__registry", "asked_by")
    hour = timezone.now() - timedelta(hours=1)
    planned = ~Q(why=ScanJob.Why.PERSON)
    context = {
        "open": list(rows.filter(state__in=OPEN).order_by("priority", "requested_at")[:SHOWN]),
        "ended": list(rows.exclude(state__in=OPEN).order_by("-finished_at")[:SHOWN]),
        "used": ScanJob.objects.filter(planned, started_at__gte=hour).count(),
        "budget": settings.SCANS_PER_HOUR,
        "days": settings.SCAN_DAYS,
    }
    return render_page(request, "scanning/scan_list.html", context, "scans")
