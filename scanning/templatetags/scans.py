"""How the scan of an image stands, and a button for who may ask for one, on pages that may not know scanning."""

from __future__ import annotations

from typing import Any

from django import template
from django.db.models import Exists, OuterRef
from django.template import Context

from governance.accounts.permissions import viewer_of
from governance.accounts.scope import edits
from governance.images.models import Image, Manifest, Placement
from scanning.models_scans import ScanJob

register = template.Library()


@register.inclusion_tag("scanning/scan_state.html", takes_context=True)
def scan_state(context: Context, image: Image) -> dict[str, Any]:
    """The last job, and whether another can be asked for; in one query, for the image's page has many."""
    placed = Placement.objects.filter(image=OuterRef("pk"), gone_at=None)
    placed = placed.filter(repository__registry__connection__is_enabled=True)
    named = Manifest.objects.filter(image=OuterRef("pk")).exclude(kind=Manifest.Kind.INDEX)
    rows = Image.objects.filter(pk=image.pk).annotate(lies=Exists(placed), is_named=Exists(named))
    state, why, error, lies, is_named = rows.values_list(
        "scan_job__state", "scan_job__why", "scan_job__error", "lies", "is_named"
    ).get()
    job = ScanJob(state=state, why=why, error=error) if state else None
    return {
        "image": image,
        "job": job,
        "may_rescan": lies and is_named and edits(viewer_of(context["request"]), image.owners),
        "csrf_token": context.get("csrf_token"),
    }
