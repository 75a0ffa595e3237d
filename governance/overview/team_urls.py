"""Pages of teams, below /teams/. They count images, which `governance.accounts` must not know, so they live here."""

from __future__ import annotations

from django.urls import path

from governance.overview.owner_pages import RulePage, rule_move, rule_remove
from governance.overview.team_pages import TeamList, member_add, member_remove, member_role, team_detail, team_rename

app_name = "teams"
urlpatterns = [
    path("", TeamList.as_view(), name="team_list"),
    path("rules/", RulePage.as_view(), name="rule_list"),
    path("rules/<int:pk>/earlier/", rule_move, name="rule_move"),
    path("rules/<int:pk>/remove/", rule_remove, name="rule_remove"),
    path("<int:pk>/", team_detail, name="team_detail"),
    path("<int:pk>/name/", team_rename, name="team_rename"),
    path("<int:pk>/members/", member_add, name="member_add"),
    path("<int:pk>/members/<int:user>/role/", member_role, name="member_role"),
    path("<int:pk>/members/<int:user>/remove/", member_remove, name="member_remove"),
]
