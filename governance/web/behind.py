"""How many rows a list shows at an address, asked of the list itself: a number and its link cannot differ."""

from __future__ import annotations

from typing import Any

from django.http import HttpRequest, QueryDict
from django.urls import resolve

from governance.web.views import ListPage, problems_of


def rows_behind(address: str, viewer: Any) -> int:
    """Rows of the list page at `address` (path and query) for somebody; ValueError where it is no list's."""
    path, _, query = address.partition("?")
    view = getattr(resolve(path).func, "view_class", None)
    if view is None or not issubclass(view, ListPage):
        raise ValueError(f"{path} is no list")
    request = HttpRequest()
    request.method, request.path, request.path_info = "GET", path, path
    request.GET, request.user = QueryDict(query), viewer
    page = view()
    page.setup(request, **resolve(path).kwargs)
    filters = page.filterset(request.GET, queryset=page.queryset(), request=request)
    if problems := problems_of(filters):
        raise ValueError(f"{address}: {' '.join(problems)}")
    return int(filters.qs.count())
