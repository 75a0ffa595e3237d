"""The filters of the approved list, for the page and the API alike."""

from __future__ import annotations

from datetime import date, timedelta

import django_filters as filters
from django.db.models import Q, QuerySet
from django.utils import timezone
from django_filters.filterset import FilterSet

from governance.accounts.picker import team_ids
from governance.approvals.guard import KINDS
from governance.approvals.models import (
    ApprovedBase,
    ApprovedBaseQuerySet,
    KeptCopy,
    RetentionItem,
    UpstreamAlarm,
    Watch,
)
from governance.images.reference import parse_reference
from governance.web.widgets import YesNo, select

# How long before its last day, or the day of its review, an entry counts as ending.
ENDING_DAYS = 30
STATES = [*ApprovedBase.State.choices[:6], ("declined", "Declined"), ("retired", "Replaced")]


def ending(today: date) -> Q:
    """Entries whose sunset or review comes within thirty days."""
    soon = (today, today + timedelta(days=ENDING_DAYS))
    return Q(sunset_on__range=soon) | Q(review_on__range=soon)


class ApprovedFilterSet(FilterSet):
    """What the list can be narrowed by; without a state, what counts today."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=200)
    state = filters.ChoiceFilter(
        choices=STATES, method="by_state", label="State", empty_label="All that count", widget=select()
    )
    family = filters.CharFilter(field_name="family", lookup_expr="iexact", label="Family", max_length=60)
    team = filters.CharFilter(method="by_team", label="Team", max_length=100)
    ending = filters.BooleanFilter(method="by_ending", label="Ends or is reviewed soon", widget=YesNo())

    class Meta:
        model = ApprovedBase
        fields: list[str] = []

    def filter_queryset(self, rows: QuerySet[ApprovedBase]) -> QuerySet[ApprovedBase]:
        """What is asked for; what is being decided, or counts no longer, only where it is."""
        found: QuerySet[ApprovedBase] = super().filter_queryset(rows)
        return found if self.form.cleaned_data["state"] else found.filter(state__in=ApprovedBase.LISTED)

    def by_text(self, rows: QuerySet[ApprovedBase], _: str, value: str) -> QuerySet[ApprovedBase]:
        """A part of the repository's name, the family or the purpose; a whole reference finds its repository."""
        word = value.strip().replace("\x00", "")
        found = Q(name__icontains=word) | Q(family__icontains=word) | Q(purpose__icontains=word)
        if reference := parse_reference(word):
            found |= Q(name=reference.name)
        return rows.filter(found)

    def by_state(self, rows: QuerySet[ApprovedBase], _: str, value: str) -> QuerySet[ApprovedBase]:
        """As it stands today: the calendar moves entries on without anybody writing it down."""
        today = timezone.now().date()
        ended = Q(sunset_on__lte=today) & ~Q(state="banned")
        leaving = (Q(deprecated_on__lte=today) | Q(state="sunset")) & ~Q(state="banned") & ~ended
        listed = rows.filter(state__in=ApprovedBase.LISTED)
        if value == "sunset":
            return listed.filter(ended)
        if value == "deprecated":
            return listed.filter(leaving)
        if value == "approved":
            return listed.filter(state__in=("approved", "deprecated")).exclude(ended).exclude(leaving)
        return rows.filter(state=value)

    def by_team(self, rows: ApprovedBaseQuerySet, _: str, value: str) -> QuerySet[ApprovedBase]:
        """Owned or asked for by the team; what is nobody's is everybody's."""
        return rows.of_teams(team_ids(self.request, value))

    def by_ending(self, rows: ApprovedBaseQuerySet, _: str, value: bool) -> QuerySet[ApprovedBase]:
        """Within thirty days, or not."""
        soon = ending(timezone.now().date())
        return rows.filter(soon) if value else rows.exclude(soon)


class RequestFilterSet(FilterSet):
    """What the queue can be narrowed by."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=200)
    team = filters.CharFilter(method="by_team", label="Team", max_length=100)
    by_text = ApprovedFilterSet.by_text

    class Meta:
        model = ApprovedBase
        fields: list[str] = []

    def by_team(self, rows: QuerySet[ApprovedBase], _: str, value: str) -> QuerySet[ApprovedBase]:
        """Asked for by the team."""
        return rows.filter(asked_by__in=team_ids(self.request, value))


class ItemFilterSet(FilterSet):
    """What a run's list can be narrowed by."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=200)
    state = filters.ChoiceFilter(choices=RetentionItem.State.choices, label="State", empty_label="All", widget=select())
    hold = filters.ChoiceFilter(
        choices=[(kind, words.capitalize()) for kind, words in KINDS.items()],
        label="Held because",
        empty_label="Whatever holds it",
        widget=select(),
    )

    def by_text(self, rows: QuerySet[RetentionItem], _: str, value: str) -> QuerySet[RetentionItem]:
        """A part of the repository's name."""
        return rows.filter(repository__name__icontains=value.strip().replace("\x00", ""))


class AlarmFilterSet(FilterSet):
    """Alarms; without a state those that are open."""

    q = filters.CharFilter(field_name="watch__name", lookup_expr="icontains", label="Search", max_length=200)
    kind = filters.ChoiceFilter(choices=UpstreamAlarm.Kind.choices, label="What", empty_label="All", widget=select())
    state = filters.ChoiceFilter(
        choices=[("ended", "Over"), ("all", "All")],
        method="by_state",
        label="State",
        empty_label="Open",
        widget=select(),
    )

    class Meta:
        model = UpstreamAlarm
        fields: list[str] = []

    def filter_queryset(self, rows: QuerySet[UpstreamAlarm]) -> QuerySet[UpstreamAlarm]:
        """Open ones, where nothing else is asked for."""
        found: QuerySet[UpstreamAlarm] = super().filter_queryset(rows)
        return found if self.form.cleaned_data["state"] else found.filter(ended_at=None)

    def by_state(self, rows: QuerySet[UpstreamAlarm], _: str, value: str) -> QuerySet[UpstreamAlarm]:
        """Over, or all."""
        return rows if value == "all" else rows.exclude(ended_at=None)


class WatchFilterSet(FilterSet):
    """Everything that is watched."""

    q = filters.CharFilter(field_name="name", lookup_expr="icontains", label="Search", max_length=200)
    state = filters.ChoiceFilter(choices=Watch.State.choices, label="State", empty_label="All", widget=select())
    approved = filters.BooleanFilter(field_name="is_approved", label="Approved", widget=YesNo())

    class Meta:
        model = Watch
        fields: list[str] = []


class CopyFilterSet(FilterSet):
    """Copies."""

    q = filters.CharFilter(field_name="name", lookup_expr="icontains", label="Search", max_length=200)
    state = filters.ChoiceFilter(choices=KeptCopy.State.choices, label="State", empty_label="All", widget=select())

    class Meta:
        model = KeptCopy
        fields: list[str] = []
