"""What every tab of a page has: its filters and its numbered pages, from the address."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest
from django.views import View

from governance.accounts.permissions import viewer_of
from governance.accounts.scope import Viewer
from governance.images.models import Image


class TabPage(View):
    """Reads the address; nonsense in it is the first page, or no filter."""

    request: HttpRequest
    image: Image

    @property
    def viewer(self) -> Viewer:
        """Who asks."""
        return viewer_of(self.request)

    def page(self) -> int:
        """Which page; nonsense is the first."""
        text = self.request.GET.get("page", "1")
        return min(max(int(text), 1), 10_000) if text.isdecimal() and len(text) < 6 else 1

    def text(self, name: str) -> str:
        """A filter's value."""
        return self.request.GET.get(name, "").replace("\x00", "").strip()[:300]

    def pager(self, total: int, size: int) -> dict[str, Any]:
        """Numbered pages: what hangs on one image is small enough to count."""
        number, last = self.page(), max(1, -(-total // size))
        return {
            "total": total,
            "number": number,
            "last": last,
            "before": number - 1 if number > 1 else None,
            "after": number + 1 if number < last else None,
        }
