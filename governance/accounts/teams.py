"""The verbs of teams: create, rename, members."""

from __future__ import annotations

import unicodedata

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import IntegrityError, transaction

from governance.accounts.audit import audit
from governance.accounts.models import Membership, Team, User
from governance.accounts.scope import Viewer, administers


@transaction.atomic
def create_team(viewer: Viewer | None, name: str) -> Team:
    """A new team, with nobody in it and nothing of its own yet."""
    if not administers(viewer):
        raise PermissionDenied("only administrators create teams")
    team = saved(Team(name=checked_name(name)))
    audit(viewer, "team.create", named(team), team=team.pk, after={"name": team.name})
    return team


@transaction.atomic
def rename_team(viewer: Viewer | None, team: Team, name: str) -> Team:
    """Another name; everything of the team's stays its own. The same name again changes nothing."""
    if not administers(viewer):
        raise PermissionDenied("only administrators rename teams")
    team = Team.objects.select_for_update().get(pk=team.pk)
    before = team.name
    if name.strip() != before:
        team.name = checked_name(name, team)
        saved(team)
        audit(viewer, "team.rename", named(team), team=team.pk, before={"name": before}, after={"name": team.name})
    return team


@transaction.atomic
def put_member(viewer: Viewer | None, team: Team, username: str, role: str) -> bool:
    """Make somebody a member with this role, or give a member another one; False where it was so already."""
    only_its_administrators(viewer, team)
    if role not in Membership.Role.values:
        raise ValidationError({"role": f"The role must be one of {', '.join(Membership.Role.values)}."})
    user = User.objects.filter(username=username.strip()).first()
    if user is None or not user.is_active:
        raise ValidationError({"username": "Nobody who can sign in has this name."})
    held = Membership.objects.filter(team=team, user=user).first()
    if held and held.role == role:
        return False
    Membership.objects.update_or_create(team=team, user=user, defaults={"role": role})
    audit(
        viewer,
        "team.member.role" if held else "team.member.add",
        named(team),
        team=team.pk,
        before={"user": user.username, "role": held.role} if held else None,
        after={"user": user.username, "role": role},
    )
    return True


@transaction.atomic
def remove_member(viewer: Viewer | None, team: Team, user: User) -> bool:
    """The person sees the team's things no longer; False where they were no member."""
    only_its_administrators(viewer, team)
    held = Membership.objects.filter(team=team, user=user).first()
    if held is None:
        return False
    held.delete()
    before = {"user": user.username, "role": held.role}
    audit(viewer, "team.member.remove", named(team), team=team.pk, before=before)
    return True


def only_its_administrators(viewer: Viewer | None, team: Team) -> None:
    """Lock the team, so that its changes come one after the other; raise `PermissionDenied` for everybody else."""
    if not administers(viewer, team):
        raise PermissionDenied("only administrators, and the team's own, change its members")
    Team.objects.select_for_update().get(pk=team.pk)


def checked_name(name: str, team: Team | None = None) -> str:
    """A name that one can read, that nobody has, and that addresses (`?team=`) cannot take for something else."""
    name = name.strip()
    if not name or len(name) > 100 or any(unicodedata.category(sign)[0] == "C" for sign in name):
        raise ValidationError({"name": "A team needs a readable name of at most 100 characters."})
    if name.isdecimal() or name.lower() == "mine":
        raise ValidationError({"name": "A number, or “mine”, means something else in addresses: add a word."})
    if Team.objects.filter(name__iexact=name).exclude(pk=team.pk if team else 0).exists():
        raise ValidationError({"name": "Another team has this name."})
    return name


def saved(team: Team) -> Team:
    """Save it; somebody else may have taken the name in the meantime."""
    try:
        with transaction.atomic():
            team.save()
    except IntegrityError as error:
        raise ValidationError({"name": "Another team has this name."}) from error
    return team


def named(team: Team) -> str:
    """How the audit trail names it."""
    return f"team {team.pk} {team.name}"
