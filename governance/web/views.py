"""Page or part: the one place that decides it, and what every list page does."""

from __future__ import annotations

import sys
from typing import Any, Protocol

from django.core.exceptions import ValidationError
from django.db import InterfaceError, OperationalError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect, QueryDict
from django.shortcuts import render
from django.utils.cache import patch_vary_headers
from django.utils.http import url_has_allowed_host_and_scheme
from django.views import View
from django.views.decorators.http import require_POST

from governance.web.keyset import Page, bounded_count, paginate
from governance.web.middleware import unavailable

THEMES = ("auto", "light", "dark")
YEAR = 365 * 86_400


class Filters(Protocol):
    """What a list page needs of a FilterSet."""

    form: Any
    qs: QuerySet[Any]

    def is_valid(self) -> bool:
        """No filter has a wrong value."""


def render_page(
    request: HttpRequest, template: str, context: dict[str, Any], part: str = "", status: int = 200
) -> HttpResponse:
    """Render the page, or only its `part` where htmx swaps that part alone."""
    alone = bool(part) and wants_part(request)
    response = render(request, f"{template}#{part}" if alone else template, context, status=status)
    if alone and request.method == "GET":
        # Filters that are not set stay out of the address; the same address again is no step to go back over.
        same = request.htmx.current_url_abs_path == address(request)  # type: ignore[attr-defined]
        response["HX-Push-Url"] = "false" if same else address(request)
    patch_vary_headers(response, ["HX-Request"])
    return response


def wants_part(request: HttpRequest) -> bool:
    """Htmx asks for a part and not for a whole page."""
    htmx = request.htmx  # type: ignore[attr-defined]
    return bool(htmx) and not htmx.boosted and not htmx.history_restore_request


def said(request: HttpRequest) -> QueryDict:
    """The parameters that have a value: a form also sends those that were left empty."""
    found = QueryDict(mutable=True)
    for name, values in request.GET.lists():
        if kept := [value for value in values if value]:
            found.setlist(name, kept)
    return found


def address(request: HttpRequest) -> str:
    """This page's address without empty parameters."""
    query = said(request).urlencode()
    return f"{request.path}?{query}" if query else request.path


def done(request: HttpRequest, target: str) -> HttpResponse:
    """After a change: on to the page that shows it, whole, because frame and messages changed too."""
    if wants_part(request):
        return HttpResponse(status=204, headers={"HX-Redirect": target})
    return HttpResponseRedirect(target)


def back(request: HttpRequest, default: str) -> str:
    """Where `next` leads, if that is on this host; anything else is ignored."""
    target = str(request.POST.get("next", ""))
    safe = url_has_allowed_host_and_scheme(target, {request.get_host()}, require_https=request.is_secure())
    return target if safe else default


class ListPage(View):
    """Filters, one table, and a pager; a subclass names the parts and starts from `visible_to`."""

    template_name = ""
    # The page's part that filters and pager swap.
    part = "table"
    filterset: type[Any]
    # What `sort=` may say; the first is the default.
    orders: dict[str, tuple[str, ...]] = {"newest": ("-id",)}
    size = 50
    # Counting stops here: nobody reads on, and a page must not wait for a number.
    count_limit = 10_000
    # The orders in words, in the same order.
    order_words: tuple[str, ...] = ("Newest",)

    def queryset(self) -> QuerySet[Any]:
        """What the viewer may see."""
        raise NotImplementedError

    def beside(self, page: Page) -> dict[str, Any]:
        """What else the template shows."""
        return {}

    def get(self, request: HttpRequest) -> HttpResponse:
        """One page of rows."""
        return self.show(request)

    def show(self, request: HttpRequest, status: int = 0, part: str = "", **more: Any) -> HttpResponse:
        """The page, also after a form on it was sent; `more` goes beside what `beside` shows."""
        filters = self.filterset(said(request), queryset=self.queryset(), request=request)
        sort = request.GET.get("sort", "")
        sort = sort if sort in self.orders else next(iter(self.orders))
        page, total, exact, problems = self.rows(filters, sort)
        context = {
            "filters": filters,
            "page": page,
            "total": total,
            "exact": exact,
            "sort": sort,
            "problems": problems,
            "sorts": list(zip(self.orders, self.order_words, strict=True)),
            "chips": chips(request, filters.form),
            "picked_state": request.GET.getlist("state"),
            "narrowed": any(name in filters.filters for name in said(request)),
            **self.beside(page),
            **more,
        }
        status = status or (400 if problems else 200)
        return render_page(request, self.template_name, context, part or self.part, status=status)

    def rows(self, filters: Filters, sort: str) -> tuple[Page, int, bool, list[str]]:
        """The page's rows, how many there are in all, whether that is exact, and what is wrong with the address."""
        problems = problems_of(filters)
        try:
            if not problems:
                page = paginate(filters.qs, self.orders[sort], self.size, self.request.GET.get("cursor", ""))
                return page, *self.total(filters.qs, page), []
        except ValidationError as error:
            problems = error.messages
        return Page([], None, None), 0, True, problems

    def total(self, queryset: QuerySet[Any], page: Page) -> tuple[int, bool]:
        """How many rows there are; a list that fits on one page is counted already."""
        if page.newer is None and page.older is None:
            return len(page.rows), True
        return bounded_count(queryset, self.count_limit)


def problems_of(filters: Filters) -> list[str]:
    """What is wrong with the values of the filters, one sentence each."""
    if filters.is_valid():
        return []
    form = filters.form
    return [f"{form.fields[name].label}: {' '.join(errors)}" for name, errors in form.errors.items()]


def chips(request: HttpRequest, form: Any) -> list[tuple[str, str, str, str]]:
    """[(name, label, value in words, address without it)] of the filters that are set; the scope has its own picker."""
    found = []
    for name, field in form.fields.items():
        values = [value for value in request.GET.getlist(name) if value]
        if values and name != "team":
            words = {str(value): str(text) for value, text in getattr(field.widget, "choices", [])}
            rest = request.GET.copy()
            for gone in (name, "cursor"):
                rest.pop(gone, None)
            shown = ", ".join(words.get(value, value) for value in values)
            found.append((name, str(field.label), shown, f"{request.path}?{rest.urlencode()}"))
    return found


@require_POST
def theme(request: HttpRequest) -> HttpResponse:
    """Keep the wanted theme in a cookie, so that the next page comes in it at once."""
    wanted = request.POST.get("theme", "")
    response = HttpResponseRedirect(back(request, "/"))
    if wanted in THEMES:
        response.set_cookie("theme", wanted, max_age=YEAR, samesite="Lax", secure=request.is_secure())
    return response


def around(request: HttpRequest) -> str:
    """The frame is for those who are signed in."""
    return "base.html" if request.user.is_authenticated else "plain.html"


def page_not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """404, also for what is there but not the viewer's to see."""
    return render(request, "404.html", {"frame_template": around(request)}, status=404)


def permission_denied(request: HttpRequest, exception: Exception) -> HttpResponse:
    """403 with the reason, where the service gave one."""
    return render(request, "403.html", {"frame_template": around(request), "reason": str(exception)[:300]}, status=403)


def server_error(request: HttpRequest) -> HttpResponse:
    """500 without the frame's figures: they may be what failed. 503 where the database is away, in middleware too."""
    if isinstance(sys.exc_info()[1], OperationalError | InterfaceError):
        return unavailable(request)
    return render(request, "500.html", status=500)
