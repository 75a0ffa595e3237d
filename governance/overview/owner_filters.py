"""The filters of the list of repositories."""

from __future__ import annotations

import django_filters as filters
from django.db.models import Q, QuerySet
from django_filters.filterset import FilterSet

from governance.accounts.picker import team_ids
from governance.images.models import Repository
from governance.web.widgets import YesNo, select


class RepositoryFilterSet(FilterSet):
    """What the list of repositories can be narrowed by."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=300)
    owned = filters.BooleanFilter(
        field_name="owner", lookup_expr="isnull", exclude=True, label="Has an owner", widget=YesNo()
    )
    given = filters.ChoiceFilter(
        field_name="given_by",
        choices=Repository.GivenBy.choices[1:],
        label="Given by",
        empty_label="Any way",
        widget=select(),
    )
    team = filters.CharFilter(method="by_team", label="Team", max_length=100)
    demo = filters.BooleanFilter(field_name="is_demo", label="Demo data", widget=YesNo())

    class Meta:
        model = Repository
        fields: list[str] = []

    def by_text(self, rows: QuerySet[Repository], _: str, value: str) -> QuerySet[Repository]:
        """A part of the registry's or the repository's name, or both with a slash."""
        word = value.strip().replace("\x00", "")
        host, _, rest = word.partition("/")
        whole = Q(registry__host__iendswith=host, name__istartswith=rest) if rest else Q(registry__host__icontains=word)
        return rows.filter(Q(name__icontains=word) | whole)

    def by_team(self, rows: QuerySet[Repository], _: str, value: str) -> QuerySet[Repository]:
        """Owned by the team."""
        return rows.filter(owner__in=team_ids(self.request, value))
