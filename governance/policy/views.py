"""Policies: what is in force, one of them, the form with what saving it would change, and what gates answered."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views import View

from governance.accounts.permissions import viewer_of
from governance.policy.filters import DecisionFilterSet, PolicyFilterSet
from governance.policy.forms import EXAMPLE, PolicyForm, as_yaml, initial_of
from governance.policy.models import GateDecision, Policy, Round
from governance.policy.preview import SHOWN, preview
from governance.policy.services import delete_policy, may_change, may_write, save_policy
from governance.policy.words import enforcement, rules_in_words, scope_words
from governance.web.keyset import Page
from governance.web.views import ListPage, done, render_page

NOT_YOURS = "only administrators change policies; a team's own administrators those for it alone"
KINDS = (
    ("findings", "severity: critical|high|medium|low, fixable: true, exploited: true, epss: 0.1"),
    ("", "grace: 30, origin: any|own|inherited, most: 0"),
    ("base", "accept: allow|warn|any, days: 60"),
    ("age", "days: 90"),
    ("scanned", "stage: any|ci|registry|runtime, days: 14"),
    ("end-of-life", "ahead: 30"),
    ("not-root", ""),
    ("deny-package", "packages: [maven/log4j-core@2.1*, xz-utils]"),
    ("deny-vulnerability", "names: [CVE-2021-44228]"),
    ("condition", "expect: findings.critical == 0 || image.running == false"),
)


class PolicyList(ListPage):
    """Every policy that concerns the viewer."""

    template_name = "policy/policy_list.html"
    filterset: type[Any] = PolicyFilterSet
    orders: dict[str, tuple[str, ...]] = {"name": ("name", "id"), "newest": ("-changed_at", "-id")}
    order_words: tuple[str, ...] = ("Name", "Changed last")

    def queryset(self) -> QuerySet[Policy]:
        """What the viewer may see."""
        return Policy.objects.visible_to(viewer_of(self.request))

    def beside(self, page: Page) -> dict[str, Any]:
        """Each in words, and how far everything is judged by them."""
        documents = [(row, row.read()) for row in page.rows]
        return {
            "shown": [(row, one, scope_words(one.scope), enforcement(one)) for row, one in documents],
            "may_write": may_write(viewer_of(self.request)),
            "round": Round.objects.order_by("-pk").first(),
        }


class PolicyDetail(View):
    """One policy in words and as YAML."""

    def get(self, request: HttpRequest, name: str) -> HttpResponse:
        """The page."""
        policy = found(request, name)
        document = policy.read()
        context = {
            "policy": policy,
            "document": document,
            "scope": scope_words(document.scope),
            "enforcement": enforcement(document),
            "rules": rules_in_words(document),
            "written": as_yaml(document),
            "may_change": may_change(viewer_of(request), policy.teams),
            "round": Round.objects.order_by("-pk").first(),
        }
        return render_page(request, "policy/policy_detail.html", context)


class PolicyNew(View):
    """Write one."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The form with an example."""
        return self.page(request, PolicyForm(initial={"rules": EXAMPLE, "active": True}))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Show what it would change, or save it."""
        return self.take(request, PolicyForm(request.POST), None)

    def take(self, request: HttpRequest, form: PolicyForm, policy: Policy | None) -> HttpResponse:
        """What both forms do."""
        self.may(request, policy)
        if not form.is_valid() or form.document is None:
            return self.page(request, form, policy, status=422)
        document, before = form.document, policy.name if policy else ""
        if request.POST.get("do") == "preview":
            return self.page(request, form, policy, impact=preview(viewer_of(request), document, before))
        if policy is None and Policy.objects.filter(name=document.name).exists():
            form.add_error("name", "Another policy has this name.")
            return self.page(request, form, policy, status=422)
        try:
            saved = save_policy(viewer_of(request), document, form.cleaned_data["reason"], replaces=before)
        except ValidationError as error:
            form.refuse(error)
            return self.page(request, form, policy, status=422)
        messages.success(request, "Saved. All images are judged by it in the background.")
        return done(request, reverse("policies:policy_detail", args=[saved.name]))

    def may(self, request: HttpRequest, policy: Policy | None) -> None:
        """Raises `PermissionDenied`."""
        viewer = viewer_of(request)
        if not (may_change(viewer, policy.teams) if policy else may_write(viewer)):
            raise PermissionDenied(NOT_YOURS)

    def page(
        self, request: HttpRequest, form: PolicyForm, policy: Policy | None = None, status: int = 200, **more: Any
    ) -> HttpResponse:
        """The form, with what it would change where that was asked for."""
        self.may(request, policy)
        impact = more.get("impact")
        context = {
            "form": form,
            "policy": policy,
            "title": f"Change {policy.name}" if policy else "New policy",
            "impact": impact,
            "moved": impact.moved[:SHOWN] if impact else [],
            "kinds": KINDS,
        }
        return render_page(request, "policy/policy_form.html", context, "form", status=status)


class PolicyEdit(PolicyNew):
    """Change one."""

    def get(self, request: HttpRequest, name: str) -> HttpResponse:  # type: ignore[override]
        """The form with what is in force."""
        policy = found(request, name)
        return self.page(request, PolicyForm(initial=initial_of(policy.read())), policy)

    def post(self, request: HttpRequest, name: str) -> HttpResponse:  # type: ignore[override]
        """Show what it would change, or save it."""
        return self.take(request, PolicyForm(request.POST), found(request, name))


class PolicyDelete(View):
    """Delete one."""

    http_method_names = ["post"]

    def post(self, request: HttpRequest, name: str) -> HttpResponse:
        """And go back to the list."""
        policy = found(request, name)
        delete_policy(viewer_of(request), policy)
        messages.success(request, f"{policy.name} is deleted.")
        return done(request, reverse("policies:policy_list"))


class DecisionList(ListPage):
    """What gates answered."""

    template_name = "policy/decision_list.html"
    filterset: type[Any] = DecisionFilterSet
    orders: dict[str, tuple[str, ...]] = {"newest": ("-id",)}
    order_words: tuple[str, ...] = ("Newest first",)

    def queryset(self) -> QuerySet[GateDecision]:
        """On images that the viewer may see."""
        return GateDecision.objects.visible_to(viewer_of(self.request)).select_related("image")


def found(request: HttpRequest, name: str) -> Policy:
    """A policy that the viewer may see, else 404."""
    return get_object_or_404(Policy.objects.visible_to(viewer_of(request)), name=name)
