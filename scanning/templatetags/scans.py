"""How the scan of an image stands, and a button for who may ask for one, on pages that may not know scanning."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from governance.accounts.permissions import viewer_of
from governance.accounts.scope import edits
from governance.images.models import Image
from scanning.models_scans import ScanJob
from scanning.scans import places_of

register = template.Library()


@register.inclusion_tag("scanning/scan_state.html", takes_context=True)
def scan_state(context: Context, image: Image) -> dict[str, Any]:
    """The last job, and whether another can be asked for."""
    may = edits(viewer_of(context["request"]), image.owners)
    return {
        "image": image,
        "job": ScanJob.objects.filter(image=image).first(),
        "may_rescan": may and bool(places_of(image.pk)),
        "csrf_token": context.get("csrf_token"),
    }
