"""The filters of benchmark runs and their results, for the pages and the API alike."""

from __future__ import annotations

import django_filters as filters
from django.db.models import Q, QuerySet
from django_filters.filterset import FilterSet

from governance.accounts.picker import team_ids
from governance.runtime.models import BenchmarkResult, BenchmarkRun
from governance.web.widgets import YesNo, select

WORST = [("fail", "Something fails"), ("warn", "Something warns"), ("pass", "Nothing fails or warns")]
CHANGES = [("failing", "Newly failing"), ("fixed", "Fixed"), ("none", "Nothing changed")]
SEVERITIES = [("5", "Critical"), ("4", "High"), ("3", "Medium"), ("2", "Low"), ("0", "Unknown")]


class NewestOrAll(YesNo):
    """Nobody wants the older runs alone."""

    def __init__(self) -> None:
        super().__init__()
        self.choices = [("", "Newest only"), ("true", "Older ones too")]


class BenchmarkFilterSet(FilterSet):
    """What the list of runs can be narrowed by: the newest run of each benchmark, unless `history` is asked for."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=200)
    kind = filters.ChoiceFilter(
        field_name="subject_kind",
        choices=BenchmarkRun.Kind.choices,
        label="Kind",
        empty_label="Any kind",
        widget=select(),
    )
    result = filters.ChoiceFilter(
        choices=WORST, method="by_result", label="Result", empty_label="Any result", widget=select()
    )
    change = filters.ChoiceFilter(
        choices=CHANGES, method="by_change", label="Since the run before", empty_label="Any change", widget=select()
    )
    subject = filters.CharFilter(label="Subject", max_length=200)
    tool = filters.CharFilter(label="Tool", max_length=40)
    team = filters.CharFilter(method="by_team", label="Team", max_length=100)
    history = filters.BooleanFilter(method="with_history", label="Runs", widget=NewestOrAll())
    demo = filters.BooleanFilter(field_name="is_demo", label="Demo data", widget=YesNo())

    class Meta:
        model = BenchmarkRun
        fields: list[str] = []

    def filter_queryset(self, rows: QuerySet[BenchmarkRun]) -> QuerySet[BenchmarkRun]:
        """What is asked for, without the older runs unless they are."""
        found: QuerySet[BenchmarkRun] = super().filter_queryset(rows)
        return found if self.form.cleaned_data["history"] else found.filter(is_current=True)

    def by_text(self, rows: QuerySet[BenchmarkRun], _: str, value: str) -> QuerySet[BenchmarkRun]:
        """A part of the subject's name, of the title or of the tool's name."""
        word = value.strip().replace("\x00", "")
        return rows.filter(Q(subject__icontains=word) | Q(title__icontains=word) | Q(tool__icontains=word))

    def by_result(self, rows: QuerySet[BenchmarkRun], _: str, value: str) -> QuerySet[BenchmarkRun]:
        """Has any such result, or none that is bad."""
        if value == "pass":
            return rows.filter(failed=0, warned=0)
        return rows.filter(failed__gt=0) if value == "fail" else rows.filter(warned__gt=0)

    def by_change(self, rows: QuerySet[BenchmarkRun], _: str, value: str) -> QuerySet[BenchmarkRun]:
        """Something is worse, or better, than in the run before."""
        if value == "none":
            return rows.filter(newly_failing=0, fixed=0)
        return rows.filter(newly_failing__gt=0) if value == "failing" else rows.filter(fixed__gt=0)

    def by_team(self, rows: QuerySet[BenchmarkRun], _: str, value: str) -> QuerySet[BenchmarkRun]:
        """Sent by the team."""
        return rows.filter(team__in=team_ids(self.request, value))

    def with_history(self, rows: QuerySet[BenchmarkRun], _: str, value: bool) -> QuerySet[BenchmarkRun]:
        """Decided above, because an absent parameter has a meaning too."""
        return rows


class ResultFilterSet(FilterSet):
    """What the results of a run can be narrowed by. Names no model: over HTTP it hangs on the endpoint of runs."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=200)
    result = filters.MultipleChoiceFilter(choices=BenchmarkResult.Result.choices, distinct=False, label="Result")
    severity = filters.ChoiceFilter(
        choices=SEVERITIES, method="by_severity", label="Severity", empty_label="Any severity", widget=select()
    )
    change = filters.ChoiceFilter(
        choices=BenchmarkResult.Change.choices,
        label="Since the run before",
        empty_label="Changed or not",
        widget=select(),
    )

    def by_text(self, rows: QuerySet[BenchmarkResult], _: str, value: str) -> QuerySet[BenchmarkResult]:
        """The beginning of the check's identifier, or a part of its title or target."""
        word = value.strip().replace("\x00", "")
        found = Q(check_id__istartswith=word) | Q(title__icontains=word) | Q(target__icontains=word)
        return rows.filter(found)

    def by_severity(self, rows: QuerySet[BenchmarkResult], _: str, value: str) -> QuerySet[BenchmarkResult]:
        """As normalised; unknown and negligible are shown as one."""
        return rows.filter(severity__lte=1) if value == "0" else rows.filter(severity=int(value))


class SubjectFilterSet(FilterSet):
    """What the list of subjects can be narrowed by: it shows what the newest runs come to."""

    q = filters.CharFilter(method="by_text", label="Search", max_length=200)
    kind = filters.ChoiceFilter(
        field_name="subject_kind",
        choices=BenchmarkRun.Kind.choices,
        label="Kind",
        empty_label="Any kind",
        widget=select(),
    )
    tool = filters.CharFilter(label="Tool", max_length=40)
    team = filters.CharFilter(method="by_team", label="Team", max_length=100)
    demo = filters.BooleanFilter(field_name="is_demo", label="Demo data", widget=YesNo())

    class Meta:
        model = BenchmarkRun
        fields: list[str] = []

    def by_text(self, rows: QuerySet[BenchmarkRun], _: str, value: str) -> QuerySet[BenchmarkRun]:
        """A part of the subject's name."""
        return rows.filter(subject__icontains=value.strip().replace("\x00", ""))

    def by_team(self, rows: QuerySet[BenchmarkRun], _: str, value: str) -> QuerySet[BenchmarkRun]:
        """Sent by the team."""
        return rows.filter(team__in=team_ids(self.request, value))
