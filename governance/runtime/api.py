"""Benchmark runs over HTTP: the list with the page's filters, one run, its results, two runs, one check, subjects."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Token
from governance.accounts.permissions import viewer_of
from governance.findings.report import Severity
from governance.runtime.difference import KINDS, difference
from governance.runtime.filters import BenchmarkFilterSet, ResultFilterSet, SubjectFilterSet
from governance.runtime.models import BenchmarkResult, BenchmarkRun
from governance.runtime.posture import checks_of
from governance.runtime.subjects import Subject, subjects_of
from governance.web.problems import Problem

COUNTS = {"pass": "passed", "fail": "failed", "warn": "warned", "info": "noted"}
COUNTS_SCHEMA = {"type": "object", "properties": {word: {"type": "integer"} for word in COUNTS}}


class BenchmarkSerializer(serializers.ModelSerializer[BenchmarkRun]):
    """One run of a benchmark."""

    name = serializers.CharField(
        source="__str__", read_only=True, help_text="the subject, or what an unnamed is called"
    )
    team = serializers.CharField(source="team.name", allow_null=True, default=None)
    results = serializers.SerializerMethodField()
    report = serializers.IntegerField(source="delivery")

    class Meta:
        model = BenchmarkRun
        fields = [
            *("id", "subject_kind", "subject", "name", "tool", "tool_version", "title", "at", "team", "is_current"),
            *("results", "left_out", "previous", "newly_failing", "fixed", "report", "is_demo"),
        ]

    @extend_schema_field(COUNTS_SCHEMA)
    def get_results(self, row: BenchmarkRun) -> dict[str, int]:
        """Counted by result."""
        return {word: getattr(row, column) for word, column in COUNTS.items()}


class BenchmarkResultSerializer(serializers.ModelSerializer[BenchmarkResult]):
    """One check of a run; `before` is what the run before said, where that was something else."""

    severity = serializers.SerializerMethodField()

    class Meta:
        model = BenchmarkResult
        fields = ["id", "check_id", "title", "result", "severity", "target", "change", "before"]

    def get_severity(self, row: BenchmarkResult) -> str:
        """As a word."""
        return Severity(row.severity).name.lower()


class BenchmarkCheckSerializer(BenchmarkResultSerializer):
    """One check of the newest run of a benchmark."""

    name = serializers.CharField(source="run", help_text="the subject, or what an unnamed is called")
    at = serializers.DateTimeField(source="run.at")

    class Meta(BenchmarkResultSerializer.Meta):
        fields = ["run", "name", "at", *BenchmarkResultSerializer.Meta.fields]


class SubjectSerializer(serializers.Serializer[Subject]):
    """A host, cluster, project or account with what the newest runs of all its benchmarks come to."""

    kind = serializers.CharField()
    subject = serializers.CharField(allow_blank=True)
    name = serializers.CharField(help_text="the subject, or what an unnamed is called")
    team = serializers.CharField(allow_null=True)
    tools = serializers.ListField(child=serializers.CharField())
    benchmarks = serializers.IntegerField()
    rate = serializers.FloatField(
        allow_null=True, help_text="of the checks that passed, failed or warned the share that passed"
    )
    results = serializers.SerializerMethodField()
    newly_failing = serializers.IntegerField()
    fixed = serializers.IntegerField()
    oldest = serializers.DateTimeField()
    newest = serializers.DateTimeField()
    is_demo = serializers.BooleanField()

    @extend_schema_field(COUNTS_SCHEMA)
    def get_results(self, row: Subject) -> dict[str, int]:
        """Added up by result."""
        return {word: getattr(row, column) for word, column in COUNTS.items()}


class SubjectsSerializer(serializers.Serializer[Any]):
    """The worst subjects."""

    more = serializers.BooleanField(help_text="there are others: narrow the question")
    results = SubjectSerializer(many=True)


class PairSerializer(serializers.Serializer[Any]):
    """A check at a target, and what either run says of it; "" where it says nothing."""

    check_id = serializers.CharField()
    title = serializers.CharField()
    target = serializers.CharField()
    here = serializers.CharField()
    there = serializers.CharField()
    change = serializers.ChoiceField(choices=list(KINDS.items()))


class DifferenceSerializer(serializers.Serializer[Any]):
    """What a run says otherwise than another."""

    here = serializers.IntegerField(help_text="the run that was asked for")
    there = serializers.IntegerField(help_text="the other run")
    counts = serializers.DictField(child=serializers.IntegerField())
    results = PairSerializer(many=True)
    left_out = serializers.IntegerField(help_text="differences beyond the first 500")


WITH = OpenApiParameter("with", int, description="the other run, of the same tool; the run before it, if not given")
CHANGE = OpenApiParameter("change", str, many=True, enum=list(KINDS), description="only these differences")
CHECK = OpenApiParameter("check", str, required=True, description="the check's identifier")
TOOL = OpenApiParameter("tool", str, required=True, description="the tool that made it")


class BenchmarkViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[BenchmarkRun]):
    """Runs of benchmarks on hosts, clusters, projects and accounts; the newest of each unless `history` is true."""

    # Names the model for the OpenAPI document.
    queryset = BenchmarkRun.objects.none()
    serializer_class = BenchmarkSerializer
    filterset_class: Any = BenchmarkFilterSet
    keyset: tuple[str, ...] = ("-at", "-id")
    scopes = (Token.Scope.READ,)
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[BenchmarkRun]:
        """What the caller may see."""
        return BenchmarkRun.objects.visible_to(viewer_of(self.request)).select_related("team", "token")

    @extend_schema(responses=BenchmarkSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One run, also an older one."""
        return Response(BenchmarkSerializer(self.find(kwargs["pk"])).data)

    @extend_schema(responses=BenchmarkResultSerializer(many=True))
    @action(detail=True, keyset=("-rank", "id"), filterset_class=ResultFilterSet)
    def results(self, request: Request, pk: str) -> Response:
        """All results of a run, worst first."""
        rows = self.filter_queryset(BenchmarkResult.objects.filter(run=self.find(pk)))  # type: ignore[arg-type]
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(BenchmarkResultSerializer(page, many=True).data)

    @extend_schema(parameters=[WITH, CHANGE], filters=False, responses=DifferenceSerializer)
    @action(detail=True, filterset_class=None, pagination_class=None)
    def difference(self, request: Request, pk: str) -> Response:
        """What the run says otherwise than another, worst first."""
        run = self.find(pk)
        wanted = request.query_params.get("with") or str(run.previous_id or "")
        if not wanted:
            raise Problem(400, "it is the first run of its benchmark: say with which run to compare it (with=ID)")
        if not (wanted.isascii() and wanted.isdecimal() and len(wanted) < 19):
            raise Problem(400, "with must be the number of a run")
        kinds = request.query_params.getlist("change")
        if unknown := sorted(set(kinds) - KINDS.keys()):
            raise Problem(400, f"change must be one of {', '.join(KINDS)}, not {unknown[0][:50]}")
        other = self.find(wanted)
        if other.tool != run.tool:
            raise Problem(400, f"runs of {run.tool} and {other.tool} have no checks in common")
        found = difference(run, other, kinds)
        said = {"here": run.pk, "there": other.pk, "counts": found.counts}
        return Response(DifferenceSerializer({**said, "results": found.pairs, "left_out": found.left_out}).data)

    @extend_schema(parameters=[TOOL, CHECK], responses=BenchmarkCheckSerializer(many=True))
    @action(detail=False, keyset=("-rank", "id"), filterset_class=ResultFilterSet)
    def checks(self, request: Request) -> Response:
        """What the newest runs of a tool say of one check, worst first."""
        said = [request.query_params.get(name, "").replace("\x00", "")[:200] for name in ("tool", "check")]
        if not all(said):
            raise Problem(400, "tool and check are needed")
        rows = self.filter_queryset(checks_of(self.get_queryset(), *said))  # type: ignore[arg-type]
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(BenchmarkCheckSerializer(page, many=True).data)

    @extend_schema(responses=SubjectsSerializer)
    @action(detail=False, filterset_class=SubjectFilterSet, pagination_class=None)
    def subjects(self, request: Request) -> Response:
        """Hosts, clusters, projects and accounts, each with what its newest runs come to; the worst 500."""
        rows = self.filter_queryset(self.get_queryset().filter(is_current=True))
        found, more = subjects_of(rows)
        return Response(SubjectsSerializer({"more": more, "results": found}).data)

    def find(self, pk: str) -> BenchmarkRun:
        """Among what the caller may see. Raises `Http404`."""
        run = self.get_queryset().filter(pk=int(pk)).first()
        if run is None:
            raise Http404
        return run
