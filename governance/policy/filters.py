"""What lists of policies and decisions can be narrowed by, for pages and the API alike."""

from __future__ import annotations

from datetime import timedelta

import django_filters as filters
from django.db.models import QuerySet
from django.utils import timezone
from django_filters.filterset import FilterSet

from governance.accounts.picker import team_ids
from governance.images.lookup import images_named
from governance.policy.models import OUTCOMES, GateDecision, Policy
from governance.web.widgets import YesNo, select

STAGES = [("ci", "CI"), ("registry", "Registry"), ("runtime", "Runtime")]
GATES = [("gate", "Gate"), ("report", "Report"), ("command", "Command line"), ("admission", "Admission")]


class PolicyFilterSet(FilterSet):
    """Policies."""

    q = filters.CharFilter(field_name="name", lookup_expr="icontains", label="Search", max_length=60)
    active = filters.BooleanFilter(field_name="is_active", label="In force", widget=YesNo())
    team = filters.CharFilter(method="by_team", label="Team", max_length=100)

    class Meta:
        model = Policy
        fields: list[str] = []

    def by_team(self, rows: QuerySet[Policy], _: str, value: str) -> QuerySet[Policy]:
        """What holds for the team, be it for everybody."""
        return rows.filter(teams=[]) | rows.filter(teams__overlap=team_ids(self.request, value))


class DecisionFilterSet(FilterSet):
    """Decisions."""

    decision = filters.NumberFilter(field_name="pk", label="Number", min_value=1, max_value=2**62)
    image = filters.CharFilter(method="by_image", label="Image", max_length=400)
    verdict = filters.ChoiceFilter(choices=OUTCOMES, label="Verdict", empty_label="Any", widget=select())
    stage = filters.ChoiceFilter(choices=STAGES, label="Place", empty_label="Any", widget=select())
    gate = filters.ChoiceFilter(choices=GATES, label="Asked by", empty_label="Any", widget=select())
    policy = filters.CharFilter(field_name="policy", label="Policy", max_length=60)
    days = filters.NumberFilter(method="by_days", label="Last days", min_value=1, max_value=3650)
    team = filters.CharFilter(method="by_team", label="Team", max_length=100)

    class Meta:
        model = GateDecision
        fields: list[str] = []

    def by_image(self, rows: QuerySet[GateDecision], _: str, value: str) -> QuerySet[GateDecision]:
        """By number, digest or reference."""
        if value.isdecimal() and len(value) < 19:
            return rows.filter(image=int(value))
        return rows.filter(image__in=[pk for pk, _ in images_named(value)])

    def by_days(self, rows: QuerySet[GateDecision], _: str, value: object) -> QuerySet[GateDecision]:
        """Of the last days."""
        return rows.filter(at__gte=timezone.now() - timedelta(days=int(str(value))))

    def by_team(self, rows: QuerySet[GateDecision], _: str, value: str) -> QuerySet[GateDecision]:
        """On a team's images."""
        return rows.filter(image__owners__overlap=team_ids(self.request, value))
