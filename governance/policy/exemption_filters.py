"""What the list of exemptions can be narrowed by, for the page and the API alike."""

from __future__ import annotations

from datetime import date, timedelta

import django_filters as filters
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters.filterset import FilterSet

from governance.accounts.picker import team_ids
from governance.findings.models import Advisory
from governance.policy.models_exemption import Exemption
from governance.web.widgets import select

SOON = timedelta(days=14)
STATES = [
    *(("requested", "Requested"), ("granted", "In force"), ("soon", "Ends within 14 days")),
    *(("expired", "Expired"), ("declined", "Declined"), ("revoked", "Revoked")),
]


def ends_soon(today: date) -> Q:
    """Exemptions in force that end within fourteen days."""
    return Q(state="granted", expires_on__gt=today, expires_on__lte=today + SOON)


class ExemptionFilterSet(FilterSet):
    """Without a state, what is in force or waits for a decision."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=200)
    state = filters.ChoiceFilter(
        choices=STATES, method="by_state", label="State", empty_label="In force or requested", widget=select()
    )
    scope = filters.ChoiceFilter(
        choices=Exemption.Scope.choices, label="For", empty_label="Whatever it holds for", widget=select()
    )
    kind = filters.ChoiceFilter(
        choices=Exemption.Kind.choices, label="Says", empty_label="Whatever it says", widget=select()
    )
    team = filters.CharFilter(method="by_team", label="Team", max_length=100)

    class Meta:
        model = Exemption
        fields: list[str] = []

    def filter_queryset(self, rows: QuerySet[Exemption]) -> QuerySet[Exemption]:
        """What is asked for."""
        found: QuerySet[Exemption] = super().filter_queryset(rows)
        if self.form.cleaned_data["state"]:
            return found
        today = timezone.now().date()
        return found.filter(Q(state="requested") | Q(state="granted", expires_on__gt=today))

    def by_text(self, rows: QuerySet[Exemption], _: str, value: str) -> QuerySet[Exemption]:
        """A vulnerability by any of its names, a package, or words of the reason."""
        word = value.strip().replace("\x00", "")
        group = Advisory.objects.filter(name__iexact=word).values("vulnerability")
        names = Advisory.objects.filter(vulnerability__in=group).values("name")
        found = Q(vulnerability__in=names) | Q(vulnerability__icontains=word)
        return rows.filter(found | Q(package__icontains=word) | Q(reason__icontains=word))

    def by_state(self, rows: QuerySet[Exemption], _: str, value: str) -> QuerySet[Exemption]:
        """As it stands today."""
        today = timezone.now().date()
        return {
            "granted": rows.filter(state="granted", expires_on__gt=today),
            "soon": rows.filter(ends_soon(today)),
            "expired": rows.filter(state="granted", expires_on__lte=today),
        }.get(value, rows.filter(state=value))

    def by_team(self, rows: QuerySet[Exemption], _: str, value: str) -> QuerySet[Exemption]:
        """That the team answers for, or that holds for its images alone."""
        return rows & Exemption.objects.of_teams(team_ids(self.request, value))
