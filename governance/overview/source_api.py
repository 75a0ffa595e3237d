"""Who sends, over HTTP: the list with the page's filters, and one source."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404
from drf_spectacular.utils import extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Token
from governance.accounts.permissions import viewer_of
from governance.findings.filters import SourceFilterSet
from governance.findings.models import Source
from governance.overview.coverage import WORDS, SourceRow, rows_of


class ExpectedSerializer(serializers.Serializer[Any]):
    """Images that the source reported last and that a tag still names, as far as the caller may see them."""

    total = serializers.IntegerField()
    received = serializers.IntegerField(help_text="whose last report is fresh at its stage")
    late = serializers.IntegerField(help_text="whose last report is too old")
    failed = serializers.IntegerField(help_text="whose last scan failed")
    missing = serializers.IntegerField(help_text="expected minus received")


class SourceSerializer(serializers.Serializer[Any]):
    """One sender with one scanner at one stage."""

    id = serializers.IntegerField(source="source.pk")
    name = serializers.CharField(source="source.name")
    sender = serializers.CharField(source="source.sender", help_text="`token:5`, `command line`, `demo`")
    scanner = serializers.CharField(source="source.scanner")
    stage = serializers.CharField(source="source.stage")
    state = serializers.ChoiceField(choices=list(WORDS.items()))
    reports = serializers.IntegerField(source="source.reports")
    first_heard = serializers.DateTimeField(source="source.first_heard", allow_null=True)
    last_heard = serializers.DateTimeField(source="source.last_heard", allow_null=True)
    usual_seconds = serializers.IntegerField(
        source="source.usual", help_text="the longest pause between its reports that is usual for it"
    )
    limit_seconds = serializers.SerializerMethodField(help_text="silence that raises an event; null for never")
    silent_since = serializers.DateTimeField(allow_null=True, help_text="null where no event is open")
    expected = ExpectedSerializer()

    def get_limit_seconds(self, row: SourceRow) -> int | None:
        """Whole seconds."""
        return None if row.limit is None else int(row.limit.total_seconds())


class SourceViewSet(GenericViewSet[Source]):
    """Who sends reports, heard last first."""

    # Names the model for the OpenAPI document.
    queryset = Source.objects.none()
    serializer_class = SourceSerializer
    filterset_class = SourceFilterSet
    keyset = ("-last_heard", "-id")
    scopes = (Token.Scope.READ,)
    lookup_value_regex = r"[0-9]{1,9}"

    def get_queryset(self) -> QuerySet[Source]:
        """What the caller may see."""
        return Source.objects.visible_to(viewer_of(self.request)).select_related("token")

    @extend_schema(responses=SourceSerializer(many=True))
    def list(self, request: Request) -> Response:
        """One page."""
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset())) or []
        return self.get_paginated_response(SourceSerializer(rows_of(request, page), many=True).data)

    @extend_schema(responses=SourceSerializer)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One source."""
        source = get_object_or_404(self.get_queryset(), pk=int(pk))
        return Response(SourceSerializer(rows_of(request, [source])[0]).data)
