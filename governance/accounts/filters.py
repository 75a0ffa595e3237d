"""The filters of people and teams."""

from __future__ import annotations

import django_filters as filters
from django.db.models import Q, QuerySet
from django_filters.filterset import FilterSet

from governance.accounts.models import Team, User
from governance.web.widgets import YesNo, select


class PersonFilterSet(FilterSet):
    """What the list of people can be narrowed by."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=150)
    role = filters.ChoiceFilter(choices=User.Role.choices, label="Role", empty_label="Any role", widget=select())
    active = filters.BooleanFilter(field_name="is_active", label="May sign in", widget=YesNo())

    class Meta:
        model = User
        fields: list[str] = []

    def by_text(self, rows: QuerySet[User], _: str, value: str) -> QuerySet[User]:
        """A part of the sign-in name, the name or the address."""
        word = value.strip().replace("\x00", "")
        return rows.filter(Q(username__icontains=word) | Q(name__icontains=word) | Q(email__icontains=word))


class TeamFilterSet(FilterSet):
    """What the list of teams can be narrowed by."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=100)

    class Meta:
        model = Team
        fields: list[str] = []

    def by_text(self, rows: QuerySet[Team], _: str, value: str) -> QuerySet[Team]:
        """A part of the name."""
        return rows.filter(name__icontains=value.strip().replace("\x00", ""))
