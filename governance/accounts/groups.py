"""Which teams a person's groups at the provider put them in (`OIDC_GROUPS`)."""

from __future__ import annotations

from collections.abc import Collection

from django.conf import settings
from django.db import transaction

from governance.accounts.audit import audit
from governance.accounts.models import Membership, Team, User

# The highest first.
ROLES = [Membership.Role.ADMIN, Membership.Role.EDITOR, Membership.Role.TRIAGER, Membership.Role.VIEWER]


@transaction.atomic
def seat(user: User, groups: Collection[str]) -> None:
    """Put somebody where their groups say. Teams and roles that no entry names are left as they are."""
    seats = settings.OIDC_GROUPS
    mine = [one for one in seats if one.group in groups]
    teams = {team.name: team for team in Team.objects.filter(name__in={one.team for one in seats if one.team})}
    held = {row.team_id: row for row in Membership.objects.filter(user=user, team__in=teams.values())}
    for name, team in teams.items():
        roles = [role for role in ROLES if any(one.team == name and one.role == role for one in mine)]
        sit(user, team, roles[0] if roles else None, held.get(team.pk))
    if any(not one.team for one in seats):
        rise(user, {one.role for one in mine if not one.team})


def sit(user: User, team: Team, role: str | None, row: Membership | None) -> None:
    """One team: in it with a role, or not."""
    before = row.role if row else None
    if role == before:
        return
    if role is None:
        Membership.objects.filter(user=user, team=team).delete()
    else:
        Membership.objects.update_or_create(user=user, team=team, defaults={"role": role})
    said = {"user": user.username, "by": "groups of the provider"}
    on = f"team {team.pk} {team.name}"
    audit(user, "team.member.group", on, team=team.pk, before={"role": before}, after={"role": role, **said})


def rise(user: User, roles: set[str]) -> None:
    """The role everywhere; the last administrator stays one, or nobody could mend a wrong entry."""
    order = (User.Role.ADMIN, User.Role.AUDITOR)
    role = next((one for one in order if one in roles), User.Role.MEMBER)
    others = User.objects.filter(role=User.Role.ADMIN, is_active=True).exclude(pk=user.pk)
    if role == user.role or (user.is_admin and not others.exists()):
        return
    before, user.role = user.role, role
    User.objects.filter(pk=user.pk).update(role=role)
    after = {"role": role, "by": "groups of the provider"}
    audit(user, "person.role", f"user {user.pk} {user.username}", before={"role": before}, after=after)
