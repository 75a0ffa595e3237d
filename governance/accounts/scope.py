"""Who asks, and which teams' things they may see. Every queryset's `visible_to` starts here."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.auth.models import AnonymousUser

from governance.accounts.models import Membership, Team, Token, User

# A person, a machine's token, or nobody.
type Viewer = User | Token | AnonymousUser


def teams_of(viewer: Viewer) -> set[int] | None:
    """Return the ids of the teams whose things `viewer` may read; None means all, the empty set nothing.

    A token bound to a team sees that team's things; an unbound one sees all. An ingest token sees nothing but the
    reports it sent (see `Delivery.visible_to`).
    """
    if isinstance(viewer, Token):
        if viewer.scope not in (Token.Scope.READ, Token.Scope.ADMIN):
            return set()
        return None if viewer.team_id is None else {viewer.team_id}
    if isinstance(viewer, User) and viewer.is_active:
        return None if viewer.sees_everything else viewer.team_ids
    return set()


def administers(viewer: Viewer | None, team: Team | None = None) -> bool:
    """May `viewer` change people and teams, or the members of `team`? None is the command line, which may."""
    if viewer is None:
        return True
    if isinstance(viewer, Token):
        bound_to_it = viewer.team_id is None or (team is not None and viewer.team_id == team.pk)
        return viewer.scope == Token.Scope.ADMIN and bound_to_it
    if not isinstance(viewer, User) or not viewer.is_active:
        return False
    if viewer.is_admin or team is None:
        return viewer.is_admin
    return viewer.held_roles.get(team.pk, ("", ""))[1] == Membership.Role.ADMIN


def edited_teams(viewer: Viewer | None) -> set[int] | None:
    """Ids of the teams about whose things `viewer` may decide; None means everything, also nobody's.

    Administrators may, a team's editors and its own administrators; None is the command line, which may. A machine
    needs the scope `admin`; one bound to a team counts as that team.
    """
    if viewer is None:
        return None
    if isinstance(viewer, Token):
        if viewer.scope != Token.Scope.ADMIN:
            return set()
        return None if viewer.team_id is None else {viewer.team_id}
    if not isinstance(viewer, User) or not viewer.is_active:
        return set()
    if viewer.is_admin:
        return None
    roles = (Membership.Role.EDITOR, Membership.Role.ADMIN)
    return {team for team, (_, role) in viewer.held_roles.items() if role in roles}


def edits(viewer: Viewer | None, teams: Collection[int]) -> bool:
    """May `viewer` decide about something that these teams own?"""
    theirs = edited_teams(viewer)
    return theirs is None or not theirs.isdisjoint(teams)
