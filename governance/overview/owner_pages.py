"""Whose repositories are: the list with its queue of those that nobody owns, and the rules that give them out."""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import Count, QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views import View
from django.views.decorators.http import require_POST

from governance.accounts.models import Team
from governance.accounts.permissions import viewer_of
from governance.accounts.views import person
from governance.images.models import OwnerRule, Placement, Repository
from governance.overview.owner_filters import RepositoryFilterSet
from governance.runtime.owners import add_rule, changes, checked, move_rule, named, remove_rule, with_new
from governance.web.forms import HouseForm
from governance.web.keyset import Page
from governance.web.views import ListPage, done, render_page

# Changes that a preview names one by one.
SHOWN = 50


class RepositoryList(ListPage):
    """Repositories and whose they are; `owned=false` is the queue."""

    template_name = "images/repository_list.html"
    filterset = RepositoryFilterSet
    orders = {"newest": ("-id",), "name": ("name", "id")}
    order_words = ("Newest here", "Name")

    def queryset(self) -> QuerySet[Repository]:
        """What the viewer may see."""
        rows = Repository.objects.visible_to(viewer_of(self.request))
        return rows.select_related("registry", "owner", "owner_rule")

    def beside(self, page: Page) -> dict[str, Any]:
        """How many images each holds, in one query."""
        held = Placement.objects.filter(repository__in=[row.pk for row in page.rows]).order_by().values("repository")
        return {"images": {row["repository"]: row["amount"] for row in held.annotate(amount=Count("pk"))}}


class RuleForm(HouseForm):
    """A new rule, and before which one it is asked."""

    kind = forms.ChoiceField(choices=OwnerRule.Kind.choices, label="By")
    label = forms.CharField(
        max_length=200, required=False, help_text="For a rule by label: org.opencontainers.image.vendor and the like."
    )
    pattern = forms.CharField(
        max_length=300,
        label="Fits",
        help_text="* for anything, ? for one character: registry.example/shop/*",
        widget=forms.TextInput({"spellcheck": "false", "autocomplete": "off"}),
    )
    team = forms.ModelChoiceField(Team.objects.order_by("name"), label="Goes to", empty_label=None)
    before = forms.ModelChoiceField(
        OwnerRule.objects.select_related("team"),
        required=False,
        label="Asked before",
        empty_label="No other: it is the last",
    )

    def rule(self) -> OwnerRule:
        """What was typed, not stored yet."""
        said = self.cleaned_data
        return OwnerRule(
            kind=said["kind"], label=said["label"].strip(), pattern=said["pattern"].strip(), team=said["team"]
        )


class RulePage(View):
    """The rules in their order; a new one shows what it would change before it is stored."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page."""
        return self.page(request, RuleForm())

    def post(self, request: HttpRequest) -> HttpResponse:
        """Store a rule, or with `preview` show what it would do."""
        viewer, form = person(request), RuleForm(request.POST)
        if not viewer.is_admin:
            raise PermissionDenied("only administrators say whose repositories are")
        if not form.is_valid():
            return self.page(request, form, 422)
        before = form.cleaned_data["before"]
        try:
            rule = checked(viewer, form.rule())
            if request.POST.get("preview"):
                return self.page(request, form, found=changes(with_new(rule, before and before.pk)))
            found = add_rule(viewer, rule, before and before.pk)
        except ValidationError as error:
            form.refuse(error)
            return self.page(request, form, 422)
        messages.success(request, f"The rule holds; {moved(len(found))}.")
        return done(request, reverse("teams:rule_list"))

    def page(self, request: HttpRequest, form: RuleForm, status: int = 200, **more: Any) -> HttpResponse:
        """The rules, what each gave, and the form."""
        if not person(request).sees_everything:
            raise PermissionDenied("the rules name everybody's repositories: administrators and auditors see them")
        rules = OwnerRule.objects.select_related("team").annotate(given=Count("repositories"))
        found = more.get("found")
        context = {
            "rules": rules,
            "form": form,
            "may_change": person(request).is_admin,
            "previewed": found is not None,
            "total": len(found or ()),
            "changes": named((found or [])[:SHOWN]),
            "unowned": Repository.objects.filter(owner=None).count(),
        }
        return render_page(request, "teams/rule_list.html", context, "rules", status=status)


def moved(amount: int) -> str:
    """In words."""
    return f"{amount} repositor{'y' if amount == 1 else 'ies'} changed hands"


@require_POST
def rule_move(request: HttpRequest, pk: int) -> HttpResponse:
    """Ask a rule one place earlier; the first stays it."""
    viewer = person(request)
    if not viewer.sees_everything:
        raise PermissionDenied("only administrators say whose repositories are")
    rule = get_object_or_404(OwnerRule.objects.select_related("team"), pk=pk)
    place = [one.pk for one in OwnerRule.objects.all()].index(rule.pk)
    others = list(OwnerRule.objects.exclude(pk=rule.pk).values_list("pk", flat=True))
    found = move_rule(viewer, rule, others[max(place - 1, 0)] if others else None)
    messages.success(request, f"The rule is asked earlier; {moved(len(found))}.")
    return done(request, reverse("teams:rule_list"))


@require_POST
def rule_remove(request: HttpRequest, pk: int) -> HttpResponse:
    """Take a rule away."""
    viewer = person(request)
    if not viewer.sees_everything:
        raise PermissionDenied("only administrators say whose repositories are")
    found = remove_rule(viewer, get_object_or_404(OwnerRule.objects.select_related("team"), pk=pk))
    messages.success(request, f"The rule is gone; {moved(len(found))}.")
    return done(request, reverse("teams:rule_list"))
