"""The filters of deliveries and of registries."""

from __future__ import annotations

import django_filters as filters
from django.db.models import Q, QuerySet
from django_filters.filterset import FilterSet

from governance.accounts.picker import team_ids
from governance.web.widgets import YesNo, select
from scanning.models import Connection, Delivery, RepositoryCrawl
from scanning.registries import ADAPTERS

KINDS = [(adapter.NAME, adapter.TITLE) for adapter in ADAPTERS]
CRAWL_STATES = [("failing", "Failing"), ("running", "Being crawled"), ("gone", "Gone")]
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

    def filter_queryset(self, rows: QuerySet[Delivery]) -> QuerySet[Delivery]:
        """What is asked for. Agents send each minute: applied snapshots are left out of what nobody narrowed."""
        found: QuerySet[Delivery] = super().filter_queryset(rows)
        if self.form.cleaned_data["q"] or self.form.cleaned_data["state"]:
            return found
        return found.exclude(source__startswith="agent:", state=Delivery.State.DONE)

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


class ConnectionFilterSet(FilterSet):
    """What the list of registries can be narrowed by."""

    q = filters.CharFilter(field_name="registry__host", lookup_expr="icontains", label="Search", max_length=200)
    kind = filters.ChoiceFilter(choices=KINDS, label="Product", empty_label="Any product", widget=select())

    class Meta:
        model = Connection
        fields: list[str] = []


class CrawlFilterSet(FilterSet):
    """What a registry's repositories can be narrowed by."""

    q = filters.CharFilter(field_name="name", lookup_expr="icontains", label="Search", max_length=200)
    state = filters.ChoiceFilter(
        choices=CRAWL_STATES, method="by_state", label="State", empty_label="Any state", widget=select()
    )

    def by_state(self, rows: QuerySet[RepositoryCrawl], _: str, value: str) -> QuerySet[RepositoryCrawl]:
        """In words."""
        found = {
            "failing": ~Q(error="") | Q(unread__gt=0),
            "running": Q(started_at__isnull=False),
            "gone": Q(gone_at__isnull=False),
        }
        return rows.filter(found[value])
