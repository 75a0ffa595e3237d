"""Retention: may this be deleted, what is pinned, which rules there are, and dry runs with what became of them."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views import View
from django.views.decorators.http import require_POST

from governance.accounts.permissions import viewer_of
from governance.accounts.scope import administers, teams_of
from governance.approvals.filters import ItemFilterSet
from governance.approvals.guard import KINDS
from governance.approvals.models import RetentionItem, RetentionPin, RetentionRule, RetentionRun
from governance.approvals.retention import (
    RULE_FIELDS,
    ask_run,
    may_pin,
    pin,
    remove_rule,
    save_rule,
    start_run,
    stop_run,
    unpin,
)
from governance.approvals.retention_check import may_delete
from governance.approvals.retention_forms import AskForm, PinForm, RuleForm, StartForm
from governance.runtime.models import Agent
from governance.web.keyset import Page
from governance.web.views import ListPage, done, render_page

SHOWN = 20


class Retention(View):
    """The question, and for those who see everything what the rules come to."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page; `?digest=` asks."""
        return self.page(request)

    def page(self, request: HttpRequest, status: int = 200, **forms: Any) -> HttpResponse:
        """The page with its forms, also after one of them was sent."""
        viewer = viewer_of(request)
        sees_all = teams_of(viewer) is None
        rules = list(RetentionRule.objects.order_by("name")) if sees_all else None
        ask = AskForm(request.GET if "digest" in request.GET else None)
        asked = ask.cleaned_data["digest"] if ask.is_bound and ask.is_valid() else []
        answers = may_delete(viewer, asked, rules) if asked else []
        first = answers[0].digest if answers else ""
        context = {
            "ask": ask,
            "answers": answers,
            "pin_form": forms.get("pin_form") or PinForm(initial={"digest": first}),
            "may_pin": administers(viewer) or (bool(first) and may_pin(viewer, first)),
            "all": sees_all,
            "may_decide": administers(viewer),
        }
        if context["all"]:
            context["pins"] = list(RetentionPin.objects.order_by("-at", "-pk")[:SHOWN])
            context["rules"] = rules
            context["runs"] = list(RetentionRun.objects.order_by("-pk")[:SHOWN])
        part = "pin" if forms else "answers"
        return render_page(request, "approvals/retention.html", context, part, status=status)


class Pin(Retention):
    """Say that a digest stays."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest) -> HttpResponse:
        """Pin it, or say beside the form what is wrong."""
        form = PinForm(request.POST)
        if form.is_valid():
            try:
                row = pin(viewer_of(request), **form.cleaned_data)
            except ValidationError as error:
                form.refuse(error)
            else:
                messages.success(request, "Pinned: no rule deletes it.")
                return done(request, f"{reverse('approved:retention')}?digest={row.digest}")
        return self.page(request, 422, pin_form=form)


@require_POST
def unpin_digest(request: HttpRequest, pk: int) -> HttpResponse:
    """It may go by the rules again."""
    row = get_object_or_404(RetentionPin, pk=pk)
    if teams_of(viewer_of(request)) is not None and not may_pin(viewer_of(request), row.digest):
        raise Http404
    unpin(viewer_of(request), row)
    messages.success(request, "No longer pinned.")
    return done(request, reverse("approved:retention"))


class RuleEdit(View):
    """A rule, new or changed."""

    def get(self, request: HttpRequest, pk: int = 0) -> HttpResponse:
        """The form."""
        rule = self.rule(request, pk)
        start = {name: getattr(rule, name) for name in RULE_FIELDS} if rule else None
        return self.page(request, rule, RuleForm(initial=start))

    def post(self, request: HttpRequest, pk: int = 0) -> HttpResponse:
        """Save it."""
        rule, form = self.rule(request, pk), RuleForm(request.POST)
        if form.is_valid():
            try:
                save_rule(viewer_of(request), rule, form.cleaned_data)
            except ValidationError as error:
                form.refuse(error)
            else:
                messages.success(request, "Saved. A dry run shows what it comes to.")
                return done(request, reverse("approved:retention"))
        return self.page(request, rule, form, 422)

    def rule(self, request: HttpRequest, pk: int) -> RetentionRule | None:
        """The one to change; None to add one."""
        if not administers(viewer_of(request)):
            raise PermissionDenied("only administrators decide what is deleted from registries")
        return get_object_or_404(RetentionRule, pk=pk) if pk else None

    def page(self, request: HttpRequest, rule: RetentionRule | None, form: RuleForm, status: int = 200) -> HttpResponse:
        """The form alone."""
        return render_page(request, "approvals/retention_rule.html", {"rule": rule, "form": form}, "form", status)


@require_POST
def rule_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """It asks for nothing any more."""
    viewer = viewer_of(request)
    if not administers(viewer):
        raise PermissionDenied("only administrators decide what is deleted from registries")
    remove_rule(viewer, get_object_or_404(RetentionRule, pk=pk))
    messages.success(request, "Removed.")
    return done(request, reverse("approved:retention"))


@require_POST
def run_new(request: HttpRequest) -> HttpResponse:
    """A dry run."""
    try:
        run = ask_run(viewer_of(request))
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
        return done(request, reverse("approved:retention"))
    return done(request, reverse("approved:run_detail", args=[run.pk]))


class RunDetail(ListPage):
    """One run: what would go or went, what is held and why."""

    template_name = "approvals/retention_run.html"
    filterset = ItemFilterSet
    orders: dict[str, tuple[str, ...]] = {"oldest": ("since", "id"), "largest": ("-size", "id")}
    order_words: tuple[str, ...] = ("Longest asked for", "Largest first")
    row: RetentionRun

    def get(self, request: HttpRequest, pk: int) -> HttpResponse:  # type: ignore[override]
        """The page."""
        self.row = self.find(request, pk)
        return self.show(request)

    def find(self, request: HttpRequest, pk: int) -> RetentionRun:
        """Runs go over everybody's repositories."""
        if teams_of(viewer_of(request)) is not None:
            raise PermissionDenied("only administrators and auditors see what retention comes to")
        return get_object_or_404(RetentionRun, pk=pk)

    def queryset(self) -> QuerySet[RetentionItem]:
        """Its items."""
        rows = RetentionItem.objects.visible_to(viewer_of(self.request)).filter(run=self.row)
        return rows.select_related("image", "repository__registry")

    def beside(self, page: Page) -> dict[str, Any]:
        """How it is, and the form that lets it delete."""
        going = self.row.items.filter(state="listed").values("image").distinct().count()
        return {
            "run": self.row,
            "going": going,
            "unheard": not Agent.objects.expected().filter(silent_since=None).exists(),
            "held": [(kind, KINDS[kind], number) for kind, number in self.row.held.items() if kind in KINDS],
            "live": self.row.state in ("planning", "deleting"),
            "may_decide": administers(viewer_of(self.request)),
            "start_form": StartForm(),
        }


class RunStart(RunDetail):
    """Let it delete."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, pk: int) -> HttpResponse:
        """Begin, or say beside the form what is wrong."""
        self.row, form = self.find(request, pk), StartForm(request.POST)
        if not administers(viewer_of(request)):
            raise PermissionDenied("only administrators decide what is deleted from registries")
        if form.is_valid():
            try:
                start_run(viewer_of(request), self.row, form.cleaned_data["images"])
            except ValidationError as error:
                form.refuse(error)
            else:
                messages.success(request, "Deletion begins. The guard is asked again before each batch.")
                return done(request, reverse("approved:run_detail", args=[pk]))
        return self.show(request, 422, "start", start_form=form)


@require_POST
def run_stop(request: HttpRequest, pk: int) -> HttpResponse:
    """No further batch."""
    run = get_object_or_404(RetentionRun, pk=pk) if administers(viewer_of(request)) else RetentionRun()
    try:
        stop_run(viewer_of(request), run)
    except ValidationError as error:
        messages.error(request, " ".join(error.messages))
    return done(request, reverse("approved:run_detail", args=[pk]))
