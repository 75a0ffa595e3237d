"""People: the list, one person, and one's own account. Administrators change, auditors look."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.contrib.auth import update_session_auth_hash
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views import View
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.filters import PersonFilterSet
from governance.accounts.forms import OwnPasswordForm, PersonForm, RoleForm
from governance.accounts.models import Membership, Token, User
from governance.accounts.people import change_password, change_role, create_person, deactivate, reactivate
from governance.accounts.people import reset_password as give_password
from governance.accounts.throttle import THROTTLE
from governance.accounts.views import person
from governance.web.keyset import Page
from governance.web.views import ListPage, done, render_page


def watcher(request: HttpRequest) -> User:
    """Who asks, if they may see who else there is."""
    viewer = person(request)
    if not viewer.sees_everything:
        raise PermissionDenied("only administrators and auditors see the list of people")
    return viewer


def administrator(request: HttpRequest) -> User:
    """Who asks, if they may change people: others do not even learn whether somebody is there."""
    viewer = person(request)
    if not viewer.is_admin:
        raise PermissionDenied("only administrators change people")
    return viewer


class PersonList(ListPage):
    """Everybody who may sign in, or once could, and the form for somebody new."""

    template_name = "accounts/person_list.html"
    filterset = PersonFilterSet
    orders = {"name": ("username",), "seen": ("-last_login", "-id"), "newest": ("-id",)}
    order_words = ("Name", "Last signed in", "Newest")

    def queryset(self) -> QuerySet[User]:
        """Everybody."""
        watcher(self.request)
        return User.objects.all()

    def beside(self, page: Page) -> dict[str, Any]:
        """The teams of the page's rows in one query; no form was sent yet."""
        teams: dict[int, list[Membership]] = {}
        for row in Membership.objects.filter(user__in=page.rows).select_related("team").order_by("team__name"):
            teams.setdefault(row.user_id, []).append(row)
        return {"teams": teams, "form": PersonForm(), "made": None, "secret": ""}

    def post(self, request: HttpRequest) -> HttpResponse:
        """Create somebody; the password is in this one answer."""
        viewer, form = administrator(request), PersonForm(request.POST)
        if form.is_valid():
            try:
                made, secret = create_person(viewer, **form.cleaned_data)
            except ValidationError as error:
                form.refuse(error)
            else:
                answer = self.show(request, 201, "people", made=made, secret=secret)
                answer["HX-Retarget"] = "#people"
                return answer
        return self.show(request, 422, "new", form=form)


def person_page(request: HttpRequest, row: User, status: int = 200, **more: Any) -> HttpResponse:
    """One person, with what an administrator can do."""
    context = {
        "row": row,
        "memberships": row.membership_set.select_related("team").order_by("team__name"),
        "tokens": Token.objects.usable().filter(maker=row).count() if row.is_active else 0,
        "role_form": RoleForm(initial={"role": row.role}),
        "problems": [],
        "secret": "",
        "is_me": row.pk == person(request).pk,
        **more,
    }
    return render_page(request, "accounts/person_detail.html", context, "person", status=status)


@require_GET
def person_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Role, teams, tokens, last sign-in."""
    watcher(request)
    return person_page(request, get_object_or_404(User, pk=pk))


@require_POST
def person_role(request: HttpRequest, pk: int) -> HttpResponse:
    """Another role."""
    viewer, row, form = administrator(request), get_object_or_404(User, pk=pk), RoleForm(request.POST)
    if form.is_valid():
        try:
            row = change_role(viewer, row, form.cleaned_data["role"])
        except ValidationError as error:
            form.refuse(error)
        else:
            messages.success(request, f"{row} is now: {row.get_role_display()}.")
            return done(request, after_change(row, viewer))
    return person_page(request, row, 422, role_form=form)


@require_POST
def person_active(request: HttpRequest, pk: int) -> HttpResponse:
    """May sign in, or no longer (`active` is `true` or `false`)."""
    viewer, row = administrator(request), get_object_or_404(User, pk=pk)
    wanted = {"true": reactivate, "false": deactivate}.get(request.POST.get("active", ""))
    try:
        if wanted is None:
            raise ValidationError("Say whether the person may sign in: active is true or false.")
        row = wanted(viewer, row)
    except ValidationError as error:
        return person_page(request, row, 422, problems=error.messages)
    messages.success(request, f"{row} may {'sign in again' if row.is_active else 'no longer sign in'}.")
    return done(request, reverse("accounts:person_detail", args=[row.pk]))


@require_POST
def person_password(request: HttpRequest, pk: int) -> HttpResponse:
    """A new password for somebody who lost theirs; it is in this one answer."""
    viewer, row = administrator(request), get_object_or_404(User, pk=pk)
    try:
        secret = give_password(viewer, row)
    except ValidationError as error:
        return person_page(request, row, 422, problems=error.messages)
    return person_page(request, row, secret=secret)


def after_change(row: User, viewer: User) -> str:
    """Whoever took the right to look at people from themselves is led elsewhere."""
    gone = row.pk == viewer.pk and not row.sees_everything
    return reverse("overview:start") if gone else reverse("accounts:person_detail", args=[row.pk])


class Account(View):
    """One's own: role, teams, and the password."""

    def get(self, request: HttpRequest) -> HttpResponse:
        """The page."""
        return self.page(request, OwnPasswordForm(person(request)))

    def post(self, request: HttpRequest) -> HttpResponse:
        """Another password; guessing the old one is slowed down as it is at the door."""
        me = person(request)
        who = me.username, request.META.get("REMOTE_ADDR", "")
        if seconds := THROTTLE.wait(*who):
            answer = self.page(request, OwnPasswordForm(me), 429, wait=seconds)
            answer["Retry-After"] = str(seconds)
            return answer
        form = OwnPasswordForm(me, request.POST)
        if not form.is_valid():
            if "old_password" in form.errors:
                THROTTLE.failed(*who)
            return self.page(request, form, 422)
        THROTTLE.forget(*who)
        update_session_auth_hash(request, change_password(me, form.cleaned_data["new_password1"]))
        messages.success(request, "Your password is changed; all your other sessions have ended.")
        return done(request, reverse("accounts:account"))

    def page(self, request: HttpRequest, form: OwnPasswordForm, status: int = 200, wait: int = 0) -> HttpResponse:
        """What the person may see of themselves."""
        memberships = person(request).membership_set.select_related("team").order_by("team__name")
        context = {"form": form, "memberships": memberships, "wait": wait}
        return render_page(request, "accounts/account.html", context, "password", status=status)
