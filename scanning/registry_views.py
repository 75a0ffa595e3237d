"""Registries: which are connected, how their crawls are, and the form with the button that tries a connection out."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views import View
from django.views.decorators.http import require_POST

from governance.accounts.views import person
from governance.images.models import Image, Placement
from governance.web.keyset import Page, bounded_count
from governance.web.views import ListPage, done, render_page
from scanning.connections import (
    checked,
    crawl_now,
    literal_names,
    only_administrators,
    remove_connection,
    save_connection,
    tried_target,
    values_of,
)
from scanning.filters import ConnectionFilterSet, CrawlFilterSet
from scanning.models import Connection, RepositoryCrawl
from scanning.registries import ADAPTERS, RegistryError, find
from scanning.registries.check import Step, check_target
from scanning.registry_figures import Progress, progress_of, state_of
from scanning.registry_forms import ConnectionForm


def visible(request: HttpRequest) -> QuerySet[Connection]:
    """All for those who see everything, 403 for everybody else: they list all teams' repositories."""
    if not person(request).sees_everything:
        raise PermissionDenied("only administrators and auditors see how registries are read")
    return Connection.objects.visible_to(person(request)).select_related("registry", "team")


class RegistryList(ListPage):
    """All connections."""

    template_name = "registries/registry_list.html"
    filterset = ConnectionFilterSet

    def queryset(self) -> QuerySet[Connection]:
        """What the viewer may see."""
        return visible(self.request)

    def beside(self, page: Page) -> dict[str, Any]:
        """How each one is, in one query."""
        figures = progress_of(row.pk for row in page.rows)
        shown = {row.pk: figures.get(row.pk, Progress()) for row in page.rows}
        return {
            "figures": shown,
            "states": {row.pk: state_of(row, shown[row.pk]) for row in page.rows},
            "kinds": {adapter.NAME: adapter.TITLE for adapter in ADAPTERS},
            "may_edit": person(self.request).is_admin,
        }


class RegistryDetail(ListPage):
    """One connection: how it is, and its repositories."""

    template_name = "registries/registry_detail.html"
    filterset = CrawlFilterSet
    orders = {"name": ("name", "id")}
    order_words = ("Name",)
    row: Connection

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:  # type: ignore[override]
        """The page, or its progress alone while somebody looks on."""
        self.row = get_object_or_404(visible(request), pk=pk)
        if request.headers.get("HX-Target", "").endswith("progress"):
            answer = render_page(request, self.template_name, self.about(), "progress")
            # Looking on is no step that the browser goes back over.
            answer["HX-Push-Url"] = "false"
            return answer
        return self.show(request)

    def queryset(self) -> QuerySet[RepositoryCrawl]:
        """Its repositories."""
        return RepositoryCrawl.objects.filter(connection=self.row).select_related("repository")

    def about(self) -> dict[str, Any]:
        """How it is."""
        progress = progress_of([self.row.pk]).get(self.row.pk, Progress())
        state = state_of(self.row, progress)
        live = state in ("running", "waiting") or (state == "failing" and progress.running > 0)
        return {"row": self.row, "progress": progress, "state": state, "live": live}

    def beside(self, page: Page) -> dict[str, Any]:
        """Facts, figures, coverage."""
        here = Placement.objects.filter(repository__registry=self.row.registry_id, gone_at=None)
        unscanned = Image.objects.present().filter(state=Image.State.UNKNOWN, placements__in=here)
        return {
            **self.about(),
            "adapter": find(self.row.kind),
            "images": bounded_count(here),
            "unscanned": bounded_count(unscanned),
            "may_edit": person(self.request).is_admin,
        }


class RegistryForm(View):
    """Add one, or change one; `do=test` tries what is entered out and saves nothing."""

    def get(self, request: HttpRequest, pk: int = 0) -> HttpResponse:
        """The form."""
        row = self.find(request, pk)
        form = ConnectionForm(initial=values_of(row) if row else None, keeps=bool(row and row.secret))
        return self.page(request, row, form)

    def post(self, request: HttpRequest, pk: int = 0) -> HttpResponse:
        """Try it out, or save it."""
        row = self.find(request, pk)
        form = ConnectionForm(request.POST, keeps=bool(row and row.secret))
        tries = request.POST.get("do") == "test"
        try:
            if form.is_valid() and tries:
                return self.page(request, row, form, steps=self.test(row, form), part="check")
            if form.is_valid():
                saved = save_connection(person(request), row, form.said(), form.password())
                messages.success(request, f"{saved} is saved and crawled next.")
                return done(request, reverse("registries:registry_detail", args=[saved.pk]))
        except ValidationError as error:
            form.refuse(error)
        if tries:
            # Beside the form, so that what was typed stays.
            steps = [Step(label, "fails", problem) for label, problem in form.problems()]
            return self.page(request, row, form, 422, steps, "check")
        form.ask_again()
        return self.page(request, row, form, 422)

    def find(self, request: HttpRequest, pk: int) -> Connection | None:
        """The one to change; None to add one."""
        only_administrators(person(request))
        return get_object_or_404(visible(request), pk=pk) if pk else None

    def test(self, row: Connection | None, form: ConnectionForm) -> list[Step]:
        """What works of what is entered."""
        values = checked(form.said())
        try:
            target = tried_target(row, values, form.password())
        except RegistryError as error:
            return [Step("Sign in", "fails", str(error))]
        return check_target(target, literal_names(values["repositories"]))

    def page(
        self,
        request: HttpRequest,
        row: Connection | None,
        form: ConnectionForm,
        status: int = 200,
        steps: list[Step] | None = None,
        part: str = "form",
    ) -> HttpResponse:
        """The page, or its form, or what a test said."""
        context = {"row": row, "form": form, "steps": steps or [], "adapters": ADAPTERS}
        return render_page(request, "registries/registry_form.html", context, part, status=status)


@require_POST
def registry_crawl(request: HttpRequest, pk: int) -> HttpResponse:
    """Crawl it now."""
    row = get_object_or_404(visible(request), pk=pk)
    crawl_now(person(request), row)
    messages.success(request, f"{row} is crawled next.")
    return done(request, reverse("registries:registry_detail", args=[row.pk]))


@require_POST
def registry_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Crawl it no longer; its images stay."""
    row = get_object_or_404(visible(request), pk=pk)
    remove_connection(person(request), row)
    messages.success(request, f"{row} is not crawled any more; what was found stays.")
    return done(request, reverse("registries:registry_list"))
