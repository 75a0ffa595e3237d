"""The filters of what runs where, for the pages and the API alike."""

from __future__ import annotations

from typing import Any

import django_filters as filters
from django.db.models import Q, QuerySet
from django_filters.filterset import FilterSet

from governance.accounts.permissions import viewer_of
from governance.accounts.picker import team_ids
from governance.findings.models import Finding
from governance.findings.search import vulnerability_ids
from governance.runtime.drift import moved_on
from governance.runtime.models import Agent, Cluster, Running
from governance.web.widgets import YesNo, select

STATES = [("running", "Running"), ("unknown", "Unknown: its agent is silent"), ("stopped", "Stopped")]
FINDINGS = [
    ("exploited", "Known exploited"),
    ("critical", "Critical"),
    ("high", "High or worse"),
    ("fixable", "Fix known"),
    ("none", "None counted"),
    ("unscanned", "Nobody looked"),
]
DRIFT = [("moved", "The tag points elsewhere now"), ("superseded", "No tag names it any more")]
AGENTS = [("heard", "Heard"), ("silent", "Silent"), ("retired", "Removed")]


def findings_named(name: str) -> list[int]:
    """Every finding of the vulnerability, by any of its names."""
    groups = vulnerability_ids(name.strip().replace("\x00", ""))
    return list(Finding.objects.filter(advisory__vulnerability__in=groups).values_list("pk", flat=True))


def clusters_in_sight(request: Any) -> QuerySet[Cluster]:
    """The clusters that may be picked; none where the API's document is made, which nobody asks for."""
    if request is None:
        return Cluster.objects.none()
    return Cluster.objects.visible_to(viewer_of(request)).order_by("name", "pk")


class RunningFilterSet(FilterSet):
    """What the list of workloads can be narrowed by. What stopped is left out unless it is asked for."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=300)
    cluster = filters.ModelChoiceFilter(
        queryset=clusters_in_sight,
        field_name="workload__cluster",
        label="Cluster or host",
        empty_label="Any",
        widget=select(),
    )
    environment = filters.CharFilter(field_name="workload__cluster__environment", label="Environment", max_length=60)
    namespace = filters.CharFilter(field_name="workload__namespace", label="Namespace", max_length=253)
    image = filters.NumberFilter(method="by_image", label="Image", min_value=1, max_value=2**63 - 1)
    state = filters.MultipleChoiceFilter(choices=STATES, method="by_state", label="State")
    findings = filters.ChoiceFilter(
        choices=FINDINGS, method="by_findings", label="Findings", empty_label="Any", widget=select()
    )
    vulnerability = filters.CharFilter(method="by_vulnerability", label="Has", max_length=100)
    sandbox = filters.ChoiceFilter(
        choices=Running.Sandbox.choices, label="Sandbox", empty_label="Any sandbox", widget=select()
    )
    privileged = filters.BooleanFilter(label="Privileged", widget=YesNo())
    root = filters.BooleanFilter(method="by_root", label="Runs as root", widget=YesNo())
    part = filters.ChoiceFilter(choices=Running.Part.choices, label="Part", empty_label="Any part", widget=select())
    drift = filters.ChoiceFilter(choices=DRIFT, method="by_drift", label="Tag", empty_label="Any", widget=select())
    team = filters.CharFilter(method="by_team", label="Team", max_length=100)
    demo = filters.BooleanFilter(field_name="workload__cluster__is_demo", label="Demo data", widget=YesNo())

    class Meta:
        model = Running
        fields: list[str] = []

    def filter_queryset(self, rows: QuerySet[Running]) -> QuerySet[Running]:
        """What is asked for; of those that stopped only if they are."""
        found: QuerySet[Running] = super().filter_queryset(rows)
        return found if self.form.cleaned_data["state"] else found.filter(stopped_at=None)

    def by_text(self, rows: QuerySet[Running], _: str, value: str) -> QuerySet[Running]:
        """A part of the workload's, its namespace's or container's name, or of the image as it was asked for."""
        word = value.strip().replace("\x00", "")
        names = ("workload__name", "workload__namespace", "workload__container", "written", "image__reference")
        found = Q()
        for name in names:
            found |= Q(**{f"{name}__icontains": word})
        return rows.filter(found)

    def by_image(self, rows: QuerySet[Running], _: str, value: Any) -> QuerySet[Running]:
        """By the image's number."""
        return rows.filter(image=int(value))

    def by_state(self, rows: QuerySet[Running], _: str, value: list[str]) -> QuerySet[Running]:
        """As the agents say, those of silent agents apart."""
        states = {
            "running": Q(stopped_at=None, agent__silent_since=None),
            "unknown": Q(stopped_at=None, agent__silent_since__isnull=False),
            "stopped": Q(stopped_at__isnull=False),
        }
        wanted = Q(pk__in=[]) if value else Q()
        for one in value:
            wanted |= states[one]
        return rows.filter(wanted)

    def by_findings(self, rows: QuerySet[Running], _: str, value: str) -> QuerySet[Running]:
        """By what its image has."""
        having = {
            "exploited": Q(image__exploited__gt=0),
            "critical": Q(image__critical__gt=0),
            "high": Q(image__critical__gt=0) | Q(image__high__gt=0),
            "fixable": Q(image__fixable__gt=0),
            "none": Q(image__finding_set__isnull=False, image__rank=0, image__unknown=0),
            "unscanned": Q(image__isnull=True) | Q(image__finding_set__isnull=True),
        }
        return rows.filter(having[value])

    def by_vulnerability(self, rows: QuerySet[Running], _: str, value: str) -> QuerySet[Running]:
        """Its image has the vulnerability, by any of its names."""
        return rows.filter(image__finding_set__findings__overlap=findings_named(value))

    def by_root(self, rows: QuerySet[Running], _: str, value: bool) -> QuerySet[Running]:
        """As the runtime says, and where it says nothing, as the image's configuration does."""
        said = Q(user__regex=r"^(0|root)(:|$)")
        silent = Q(user="", image__traits__overlap=["root", "root-implicit"])
        return rows.filter(said | silent) if value else rows.exclude(said | silent)

    def by_drift(self, rows: QuerySet[Running], _: str, value: str) -> QuerySet[Running]:
        """Running images that the registry's tags have left behind."""
        return rows.filter(image__superseded=True) if value == "superseded" else rows.filter(moved_on())

    def by_team(self, rows: QuerySet[Running], _: str, value: str) -> QuerySet[Running]:
        """Runs an image of the team's."""
        return rows.filter(image__owners__overlap=team_ids(self.request, value))


class AgentFilterSet(FilterSet):
    """What the list of agents can be narrowed by. What was removed is left out unless it is asked for."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=200)
    state = filters.ChoiceFilter(choices=AGENTS, method="by_state", label="State", empty_label="Any", widget=select())
    environment = filters.CharFilter(field_name="cluster__environment", label="Environment", max_length=60)
    demo = filters.BooleanFilter(field_name="cluster__is_demo", label="Demo data", widget=YesNo())

    class Meta:
        model = Agent
        fields: list[str] = []

    def filter_queryset(self, rows: QuerySet[Agent]) -> QuerySet[Agent]:
        """What is asked for, without those that were removed unless they are."""
        found: QuerySet[Agent] = super().filter_queryset(rows)
        return found if self.form.cleaned_data["state"] == "retired" else found.filter(retired_at=None)

    def by_text(self, rows: QuerySet[Agent], _: str, value: str) -> QuerySet[Agent]:
        """A part of its name, its cluster's, or the engine's."""
        word = value.strip().replace("\x00", "")
        return rows.filter(Q(name__icontains=word) | Q(cluster__name__icontains=word) | Q(engine__icontains=word))

    def by_state(self, rows: QuerySet[Agent], _: str, value: str) -> QuerySet[Agent]:
        """Heard, silent or removed."""
        if value == "retired":
            return rows.filter(retired_at__isnull=False)
        return rows.filter(silent_since__isnull=value == "heard")
