"""Benchmark runs over HTTP: the list with the page's filters, one run, its results."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Token
from governance.accounts.permissions import viewer_of
from governance.findings.report import Severity
from governance.runtime.filters import BenchmarkFilterSet, ResultFilterSet
from governance.runtime.models import BenchmarkResult, BenchmarkRun

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

    def find(self, pk: str) -> BenchmarkRun:
        """Among what the caller may see. Raises `Http404`."""
        run = self.get_queryset().filter(pk=int(pk)).first()
        if run is None:
            raise Http404
        return run
