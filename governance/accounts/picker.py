"""The picked scope of a page: `team=` in its address."""

from __future__ import annotations

from typing import Any

from governance.accounts.models import Team, User
from governance.accounts.permissions import viewer_of


def team_ids(request: Any, value: str) -> list[int]:
    """`mine`, a team's number or its name, as ids of teams; what the viewer may see is decided by `visible_to`."""
    viewer = viewer_of(request) if request is not None else None
    if value == "mine":
        return sorted(viewer.team_ids) if isinstance(viewer, User) else []
    if value.isdecimal() and len(value) < 19:
        return [int(value)]
    return list(Team.objects.filter(name=value[:100]).values_list("pk", flat=True))


def picked_teams(request: Any) -> list[int] | None:
    """Ids of the teams that the page is narrowed to; None without a scope."""
    value = request.GET.get("team", "").replace("\x00", "")
    return team_ids(request, value) if value else None
