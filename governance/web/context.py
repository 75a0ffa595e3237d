"""What every page's frame shows."""

from __future__ import annotations

from typing import Any

from django.conf import settings
from django.http import HttpRequest

from governance.web.request import REQUEST
from governance.web.views import THEMES

# (namespace, URL name, words, icon), in the order of the work; only what exists.
PAGES = (
    ("", (("overview", "overview:start", "Start", "start"),)),
    ("", (("images", "images:image_list", "Images", "image"),)),
    ("", (("findings", "findings:vulnerability_list", "Vulnerabilities", "bug"),)),
    ("Sources", (("scanning", "scanning:delivery_list", "Deliveries", "inbox"),)),
    ("Administration", (("accounts", "accounts:token_list", "Tokens", "key"),)),
)


def frame(request: HttpRequest) -> dict[str, Any]:
    """Names for base.html. The figures in the frame come from template tags, which parts alone never reach."""
    theme = request.COOKIES.get("theme", "auto")
    match = request.resolver_match
    return {
        "theme": theme if theme in THEMES else "auto",
        "sidebar": PAGES,
        "here": match.namespace if match else "",
        "asked": request.GET.get("q", "") if match and match.namespace == "images" else "",
        "team": request.GET.get("team", ""),
        "base_url": settings.BASE_URL,
        "stale_days": settings.STALE_DAYS,
        "request_id": REQUEST.get()[0],
    }
