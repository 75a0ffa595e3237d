"""Teams: the list, one team with its members and repositories. They count images, so they live here."""

from __future__ import annotations

from typing import Any

from django.contrib import messages
from django.core.exceptions import PermissionDenied, ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_GET, require_POST

from governance.accounts.filters import TeamFilterSet
from governance.accounts.forms import MemberForm, TeamForm
from governance.accounts.models import Membership, Team, Token, User
from governance.accounts.scope import administers
from governance.accounts.teams import create_team, put_member, remove_member, rename_team
from governance.accounts.views import person
from governance.images.models import Image, Repository
from governance.overview.figures import images_per_team, rows_per_team
from governance.web.keyset import Page, bounded_count
from governance.web.views import ListPage, done, render_page

SHOWN = 200


class TeamList(ListPage):
    """Teams with what they have, and the form for a new one."""

    template_name = "teams/team_list.html"
    filterset = TeamFilterSet
    orders = {"name": ("name",)}
    order_words = ("Name",)

    def queryset(self) -> QuerySet[Team]:
        """What the viewer may see."""
        return Team.objects.visible_to(person(self.request))

    def beside(self, page: Page) -> dict[str, Any]:
        """Each number of the page's rows in one query."""
        ids = [team.pk for team in page.rows]
        sees_everything = person(self.request).sees_everything
        return {
            "members": rows_per_team(Membership.objects.all(), "team", ids),
            "repositories": rows_per_team(Repository.objects.all(), "owner", ids),
            "tokens": rows_per_team(Token.objects.usable(), "team", ids),
            "images": images_per_team(),
            "unowned": Repository.objects.filter(owner=None).count() if sees_everything else 0,
            "form": TeamForm(),
        }

    def post(self, request: HttpRequest) -> HttpResponse:
        """Create one, and go on to its members."""
        viewer, form = person(request), TeamForm(request.POST)
        if not viewer.is_admin:
            raise PermissionDenied("only administrators create teams")
        if form.is_valid():
            try:
                team = create_team(viewer, form.cleaned_data["name"])
            except ValidationError as error:
                form.refuse(error)
            else:
                messages.success(request, f"Team {team} is there. Now give it members.")
                return done(request, reverse("teams:team_detail", args=[team.pk]))
        return self.show(request, 422, "new", form=form)


def visible(request: HttpRequest, pk: int, to_change: bool = False) -> Team:
    """The team, or 404; 403 for who sees it but may not change its members."""
    team = get_object_or_404(Team.objects.visible_to(person(request)), pk=pk)
    if to_change and not administers(person(request), team):
        raise PermissionDenied("only administrators, and the team's own, change its members")
    return team


def team_page(request: HttpRequest, team: Team, status: int = 200, part: str = "team", **more: Any) -> HttpResponse:
    """One team."""
    viewer = person(request)
    repositories = team.repositories.select_related("registry").order_by("registry__host", "name")
    members = Membership.objects.filter(team=team).select_related("user").order_by("user__username")
    images = Image.objects.present().filter(owners__contains=[team.pk])
    count, exact = bounded_count(images)
    context = {
        "row": team,
        "members": list(members[:SHOWN]),
        "roles": Membership.Role.choices,
        "repositories": list(repositories[:SHOWN]),
        "repository_count": repositories.count(),
        "image_count": count,
        "image_exact": exact,
        "token_count": Token.objects.usable().filter(team=team).count(),
        "may_edit": administers(viewer, team),
        "may_rename": viewer.is_admin,
        "member_form": MemberForm(),
        "name_form": TeamForm(initial={"name": team.name}),
        "problems": [],
        **more,
    }
    return render_page(request, "teams/team_detail.html", context, part, status=status)


@require_GET
def team_detail(request: HttpRequest, pk: int) -> HttpResponse:
    """Members, repositories, figures."""
    return team_page(request, visible(request, pk))


@require_POST
def team_rename(request: HttpRequest, pk: int) -> HttpResponse:
    """Another name."""
    team, form = visible(request, pk, to_change=True), TeamForm(request.POST)
    if form.is_valid():
        try:
            team = rename_team(person(request), team, form.cleaned_data["name"])
        except ValidationError as error:
            form.refuse(error)
        else:
            messages.success(request, f"The team is called {team} now.")
            return done(request, reverse("teams:team_detail", args=[team.pk]))
    return team_page(request, team, 422, "rename", name_form=form)


@require_POST
def member_add(request: HttpRequest, pk: int) -> HttpResponse:
    """Somebody joins."""
    team, form = visible(request, pk, to_change=True), MemberForm(request.POST)
    if form.is_valid():
        said = form.cleaned_data
        try:
            changed = put_member(person(request), team, said["username"], said["role"])
        except ValidationError as error:
            form.refuse(error)
        else:
            is_now = "is a member now" if changed else "was a member with that role already"
            messages.success(request, f"{said['username']} {is_now}.")
            return done(request, reverse("teams:team_detail", args=[team.pk]))
    return team_page(request, team, 422, "join", member_form=form)


@require_POST
def member_role(request: HttpRequest, pk: int, user: int) -> HttpResponse:
    """A member gets another role."""
    team = visible(request, pk, to_change=True)
    held = get_object_or_404(Membership.objects.select_related("user"), team=team, user=user)
    try:
        put_member(person(request), team, held.user.username, request.POST.get("role", ""))
    except ValidationError as error:
        return team_page(request, team, 422, problems=error.messages)
    messages.success(request, f"The role of {held.user} is saved.")
    return done(request, reverse("teams:team_detail", args=[team.pk]))


@require_POST
def member_remove(request: HttpRequest, pk: int, user: int) -> HttpResponse:
    """Somebody leaves; who left already has left."""
    team = visible(request, pk, to_change=True)
    gone = get_object_or_404(User, pk=user)
    if remove_member(person(request), team, gone):
        messages.success(request, f"{gone} is no longer in {team}.")
    still_visible = Team.objects.visible_to(person(request)).filter(pk=team.pk).exists()
    return done(request, reverse("teams:team_detail", args=[team.pk]) if still_visible else reverse("teams:team_list"))
