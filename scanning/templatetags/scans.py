"""How the scan of an image stands, and a button for who may ask for one, on pages that may not know scanning."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from governance.accounts.permissions import viewer_of
from governance.accounts.scope import edits
from governance.images.models import Image
from scanning.models_scans import ScanJob

register = template.Library()


@register.inclusion_tag("scanning/scan_state.html", takes_context=True)
def scan_state(context: Context, image: Image) -> dict[str, Any]:
    """The last job, and whether another can be asked for; the frame has looked that up (`running_now`)."""
    state, why, error, lies = context["request"].scan_standing
    job = ScanJob(state=state, why=why, error=error) if state else None
    return {
        "image": image,
        "job": job,
        "may_rescan": lies and edits(viewer_of(context["request"]), image.owners),
        "csrf_token": context.get("csrf_token"),
    }
