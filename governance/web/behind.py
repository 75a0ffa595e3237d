"""How many rows a list shows at an address, asked of the list itself: a number and its link cannot differ."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from django.http import HttpRequest, QueryDict
from django.urls import resolve

from governance.web.views import ListPage, problems_of


def rows_behind(address: str, viewer: Any) -> int:
    """Rows of the list page at `address` (path and query) for somebody; ValueError where it is no list's."""
    path, _, query = address.partition("?")
    found = resolve(path)
    view = getattr(found.func, "view_class", None)
    if view is None or not issubclass(view, ListPage):
        raise ValueError(f"{path} is no list")
    request = HttpRequest()
    request.method, request.path, request.path_info = "GET", path, path
    request.GET, request.user = QueryDict(query), viewer
    page = view()
    page.setup(request, **found.kwargs)
    filterset = narrowed(page.filterset, frozenset(request.GET))
    filters = filterset(request.GET, queryset=page.queryset(), request=request)
    if problems := problems_of(filters):
        raise ValueError(f"{address}: {' '.join(problems)}")
    return int(filters.qs.count())


@lru_cache(maxsize=500)
def narrowed(filterset: type[Any], names: frozenset[str]) -> type[Any]:
    """The same filters without those that nobody set: making their fields is most of the cost of a count.

    Those that look at each other in a `filter_queryset` of their own stay together.
    """
    if "filter_queryset" in vars(filterset):
        return filterset
    few = {name: one for name, one in filterset.base_filters.items() if name in names}
    return type(filterset.__name__, (filterset,), {"get_filters": classmethod(lambda cls: few)})
