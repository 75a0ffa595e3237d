"""The scope picker: whose things a page shows, as `team=` in every address."""

from __future__ import annotations

from typing import Any

from django import template
from django.template import Context

from governance.accounts.models import Team, User

register = template.Library()
MOST = 200


@register.inclusion_tag("parts/scope.html", takes_context=True)
def scope_picker(context: Context) -> dict[str, Any]:
    """All, my teams, or one team that the person may see; nothing to pick without teams."""
    request = context["request"]
    user = request.user
    teams: list[tuple[str, str]] = []
    if isinstance(user, User):
        if user.sees_everything:
            rows = list(Team.objects.order_by("name").values_list("pk", "name")[:MOST])
        else:
            rows = [(pk, name) for pk, (name, _) in user.held_roles.items()][:MOST]
        teams = [(str(pk), name) for pk, name in rows]
    kept = [(name, value) for name, values in request.GET.lists() for value in values]
    return {
        "teams": teams,
        "picked": request.GET.get("team", ""),
        "path": request.path,
        "kept": [(name, value) for name, value in kept if value and name not in ("team", "cursor", "page")],
    }
