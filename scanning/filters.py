"""The filters of the delivery list."""

from __future__ import annotations

import django_filters as filters
from django.db.models import Q, QuerySet
from django_filters.filterset import FilterSet

from governance.accounts.picker import team_ids
from governance.web.widgets import YesNo, select
from scanning.models import Delivery

STAGES = [("ci", "CI"), ("registry", "Registry"), ("runtime", "Runtime")]


class DeliveryFilterSet(FilterSet):
    """What the delivery list can be narrowed by."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=200)
    state = filters.MultipleChoiceFilter(choices=Delivery.State.choices, distinct=False, label="State")
    stage = filters.ChoiceFilter(choices=STAGES, label="Stage", empty_label="Any stage", widget=select())
    team = filters.CharFilter(method="by_team", label="Team", max_length=100)
    demo = filters.BooleanFilter(field_name="is_demo", label="Demo data", widget=YesNo())

    class Meta:
        model = Delivery
        fields: list[str] = []

    def by_text(self, rows: QuerySet[Delivery], _: str, value: str) -> QuerySet[Delivery]:
        """A number, a format, a scanner, or the name of an image or a subject that the sender gave."""
        word = value.strip().replace("\x00", "")
        found = Q(format=word.lower()) | Q(scanner=word.lower())
        found |= Q(image__startswith=word) | Q(subject__startswith=word)
        if word.isdecimal() and len(word) < 19:
            found |= Q(pk=int(word))
        return rows.filter(found)

    def by_team(self, rows: QuerySet[Delivery], _: str, value: str) -> QuerySet[Delivery]:
        """Sent with a token of the team."""
        return rows.filter(team__in=team_ids(self.request, value))
