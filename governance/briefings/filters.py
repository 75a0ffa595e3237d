"""The filters of the archive of digests, of one digest's changes, of who gets them, and of chats."""

from __future__ import annotations

import django_filters as filters
from django.db.models import Q, QuerySet
from django_filters.filterset import FilterSet

from governance.accounts.picker import team_ids
from governance.briefings.models import Briefing, Channel, Line, Subscription
from governance.web.widgets import YesNo, select


class BriefingFilterSet(FilterSet):
    """What the archive can be narrowed by."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=200)
    state = filters.ChoiceFilter(
        choices=Briefing.State.choices, label="Delivery", empty_label="Any state", widget=select()
    )
    news = filters.BooleanFilter(
        field_name="changes", lookup_expr="gt", method="by_news", label="Something new", widget=YesNo()
    )
    team = filters.CharFilter(method="by_team", label="Team", max_length=100)

    class Meta:
        model = Briefing
        fields: list[str] = []

    def by_text(self, rows: QuerySet[Briefing], _: str, value: str) -> QuerySet[Briefing]:
        """A part of the reader's address or of the subject."""
        word = value.strip().replace("\x00", "")
        return rows.filter(Q(recipient__icontains=word) | Q(subject__icontains=word))

    def by_news(self, rows: QuerySet[Briefing], _: str, value: bool) -> QuerySet[Briefing]:
        """With changes, or without any."""
        return rows.filter(changes__gt=0) if value else rows.filter(changes=0)

    def by_team(self, rows: QuerySet[Briefing], _: str, value: str) -> QuerySet[Briefing]:
        """Of the team's mailboxes, and of its members."""
        teams = team_ids(self.request, value)
        return rows.filter(
            Q(subscription__team__in=teams)
            | Q(subscription__person__in=Subscription.objects.filter(person__teams__in=teams).values("person"))
        )


class LineFilterSet(FilterSet):
    """What the changes of one digest can be narrowed by; without a section, those that its mail shows."""

    q = filters.CharFilter(field_name="words", lookup_expr="icontains", label="Search", max_length=200)
    section = filters.CharFilter(label="Section", max_length=20)
    folded = filters.BooleanFilter(field_name="is_folded", label="Beyond the mail's lines", widget=YesNo())

    class Meta:
        model = Line
        fields: list[str] = []

    def filter_queryset(self, rows: QuerySet[Line]) -> QuerySet[Line]:
        """What is asked for; the folded ones only where they are."""
        found: QuerySet[Line] = super().filter_queryset(rows)
        said = self.form.cleaned_data
        return found if said["section"] or said["folded"] is not None else found.filter(is_folded=False)


class ReaderFilterSet(FilterSet):
    """What the list of readers can be narrowed by."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=200)
    active = filters.BooleanFilter(field_name="is_active", label="Gets it", widget=YesNo())
    team = filters.CharFilter(method="by_team", label="Team", max_length=100)

    class Meta:
        model = Subscription
        fields: list[str] = []

    def by_text(self, rows: QuerySet[Subscription], _: str, value: str) -> QuerySet[Subscription]:
        """A part of the address, or of the person's name."""
        word = value.strip().replace("\x00", "")
        person = (
            Q(person__username__icontains=word) | Q(person__name__icontains=word) | Q(person__email__icontains=word)
        )
        return rows.filter(Q(address__icontains=word) | person)

    def by_team(self, rows: QuerySet[Subscription], _: str, value: str) -> QuerySet[Subscription]:
        """Mailboxes of the team, and its members."""
        teams = team_ids(self.request, value)
        members = Subscription.objects.filter(person__teams__in=teams).values("pk")
        return rows.filter(Q(team__in=teams) | Q(pk__in=members))


class ChannelFilterSet(FilterSet):
    """What the list of chats can be narrowed by."""

    q = filters.CharFilter(field_name="name", lookup_expr="icontains", label="Search", max_length=60)
    failing = filters.BooleanFilter(
        field_name="error", lookup_expr="gt", method="by_failing", label="Last message failed", widget=YesNo()
    )
    team = filters.CharFilter(method="by_team", label="Team", max_length=100)

    class Meta:
        model = Channel
        fields: list[str] = []

    def by_failing(self, rows: QuerySet[Channel], _: str, value: bool) -> QuerySet[Channel]:
        """By how the last message went."""
        return rows.exclude(error="") if value else rows.filter(error="")

    def by_team(self, rows: QuerySet[Channel], _: str, value: str) -> QuerySet[Channel]:
        """Of the team."""
        return rows.filter(team__in=team_ids(self.request, value))
