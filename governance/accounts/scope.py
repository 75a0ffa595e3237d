"""Who asks, and which teams' things they may see. Every queryset's `visible_to` starts here."""

from __future__ import annotations

from django.contrib.auth.models import AnonymousUser

from governance.accounts.models import Token, User

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
