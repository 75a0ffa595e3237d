"""Retention over HTTP: the guard's answer for many digests at once, pins, rules, dry runs and their deletion."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Token
from governance.accounts.permissions import viewer_of
from governance.accounts.scope import teams_of
from governance.approvals.filters import ItemFilterSet
from governance.approvals.guard import KINDS
from governance.approvals.models import RetentionItem, RetentionPin, RetentionRule, RetentionRun
from governance.approvals.retention import ask_run, pin, remove_rule, save_rule, start_run, stop_run, unpin
from governance.approvals.retention_check import WORDS, may_delete
from governance.web.problems import Problem

MOST_ASKED = 500


class HoldSerializer(serializers.Serializer[Any]):
    """One reason why it must stay."""

    kind = serializers.ChoiceField(choices=list(KINDS))
    text = serializers.CharField()


class AnswerSerializer(serializers.Serializer[Any]):
    """The guard's word on one digest. `may` is true only where nothing holds it and a rule asks for it."""

    written = serializers.CharField()
    digest = serializers.CharField(allow_blank=True)
    may = serializers.BooleanField()
    answer = serializers.ChoiceField(choices=list(WORDS))
    words = serializers.CharField()
    holds = HoldSerializer(many=True)
    rules = serializers.ListField(child=serializers.CharField(), help_text="rules that ask for it")
    images = serializers.ListField(child=serializers.IntegerField())
    size = serializers.IntegerField(allow_null=True, help_text="bytes, at most: what others share stays")


class AskedSerializer(serializers.Serializer[Any]):
    """Digests, or references."""

    digests = serializers.ListField(child=serializers.CharField(max_length=1_000), max_length=MOST_ASKED, min_length=1)


class RetentionCheck(APIView):
    """May these digests be deleted?"""

    scopes = (Token.Scope.READ,)
    write_scopes = (Token.Scope.READ,)

    @extend_schema(
        parameters=[OpenApiParameter("digest", required=True, description="a digest or a reference")],
        responses=AnswerSerializer,
    )
    def get(self, request: Request) -> Response:
        """One."""
        digest = request.query_params.get("digest", "")
        if not digest:
            raise Problem(400, "digest must be given: sha256:… or registry/repository:tag")
        return Response(may_delete(viewer_of(request), [digest])[0].as_dict())

    @extend_schema(request=AskedSerializer, responses=AnswerSerializer(many=True))
    def post(self, request: Request) -> Response:
        """Up to 500, answered in their order."""
        wanted = AskedSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        answers = may_delete(viewer_of(request), wanted.validated_data["digests"])
        return Response([one.as_dict() for one in answers])


class PinSerializer(serializers.ModelSerializer[RetentionPin]):
    """A digest that stays."""

    digest = serializers.CharField(max_length=200)
    reason = serializers.CharField(max_length=500)
    until = serializers.DateField(required=False, allow_null=True)

    class Meta:
        model = RetentionPin
        fields = ["id", "digest", "reason", "until", "actor", "at"]
        read_only_fields = ["id", "actor", "at"]


class Everybodys(GenericViewSet[Any]):
    """What concerns everybody's repositories is for those who see everything."""

    scopes = (Token.Scope.READ,)
    write_scopes = ()
    keyset: tuple[str, ...] = ("-id",)
    filterset_class: Any = None
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Any]:
        """All, or nothing."""
        rows = super().get_queryset()
        return rows if teams_of(viewer_of(self.request)) is None else rows.none()

    def find(self, pk: str) -> Any:
        """Raises `Http404`."""
        row = self.get_queryset().filter(pk=int(pk)).first()
        if row is None:
            raise Http404
        return row


class PinViewSet(mixins.ListModelMixin, mixins.DestroyModelMixin, Everybodys):
    """Pinned digests."""

    queryset = RetentionPin.objects.all()
    serializer_class = PinSerializer

    def create(self, request: Request) -> Response:
        """Pin one; editors of the team that owns the image may, too."""
        wanted = PinSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        row = pin(viewer_of(request), **wanted.validated_data)
        return Response(PinSerializer(row).data, status=status.HTTP_201_CREATED)

    def perform_destroy(self, instance: RetentionPin) -> None:
        """It may go by the rules again."""
        unpin(viewer_of(self.request), instance)


class RuleSerializer(serializers.ModelSerializer[RetentionRule]):
    """A rule; `which` says what the days are counted from."""

    class Meta:
        model = RetentionRule
        fields = ["id", "name", "repositories", "which", "stage", "days", "keep_newest", "is_enabled"]


class RuleViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, Everybodys):
    """Retention rules."""

    queryset = RetentionRule.objects.all()
    serializer_class = RuleSerializer

    def create(self, request: Request) -> Response:
        """Add one."""
        return self.save(request, None, status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what is given."""
        return self.save(request, self.find(pk), status.HTTP_200_OK)

    def save(self, request: Request, rule: RetentionRule | None, code: int) -> Response:
        """Add or change."""
        wanted = RuleSerializer(rule, data=request.data, partial=rule is not None)
        wanted.is_valid(raise_exception=True)
        saved = save_rule(viewer_of(request), rule, dict(wanted.validated_data))
        return Response(RuleSerializer(saved).data, status=code)

    def perform_destroy(self, instance: RetentionRule) -> None:
        """It asks for nothing any more."""
        remove_rule(viewer_of(self.request), instance)


class RunSerializer(serializers.ModelSerializer[RetentionRun]):
    """A run; `held` counts by what holds, `size` is bytes at most, `sizeless` images have no known size."""

    held = serializers.DictField(child=serializers.IntegerField(), read_only=True)

    class Meta:
        model = RetentionRun
        fields = [
            *("id", "state", "actor", "at", "listed_at", "started_by", "finished_at"),
            *("images", "size", "sizeless", "held", "is_cut", "error"),
        ]
        read_only_fields = fields


class RetentionItemSerializer(serializers.ModelSerializer[RetentionItem]):
    """An image in a repository: whether it goes, and why or why not."""

    repository = serializers.CharField(read_only=True)
    config_digest = serializers.CharField(source="image.config_digest", read_only=True)
    digests = serializers.ListField(child=serializers.CharField(), read_only=True, help_text="that were deleted")

    class Meta:
        model = RetentionItem
        fields = [
            *("id", "image", "config_digest", "repository", "rule", "since", "size", "state", "hold", "why"),
            *("digests", "at"),
        ]


class StartSerializer(serializers.Serializer[Any]):
    """The number of images that the list shows, so that nobody deletes what they have not seen."""

    images = serializers.IntegerField(min_value=0)


class RunViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Everybodys):
    """Dry runs, and their deletion."""

    queryset = RetentionRun.objects.all()
    serializer_class = RunSerializer

    @extend_schema(request=None, responses={201: RunSerializer})
    def create(self, request: Request) -> Response:
        """Ask for a dry run; a worker lists it."""
        return Response(RunSerializer(ask_run(viewer_of(request))).data, status.HTTP_201_CREATED)

    @extend_schema(responses=RetentionItemSerializer(many=True))
    @action(detail=True, keyset=("id",), filterset_class=ItemFilterSet)
    def items(self, request: Request, pk: str) -> Response:
        """What would go, went, or is held."""
        rows = RetentionItem.objects.filter(run=self.find(pk)).select_related("image", "repository__registry")
        page = self.paginate_queryset(self.filter_queryset(rows))
        return self.get_paginated_response(RetentionItemSerializer(page, many=True).data)

    @extend_schema(request=StartSerializer, responses=RunSerializer)
    @action(detail=True, methods=["post"])
    def start(self, request: Request, pk: str) -> Response:
        """Delete what is listed: there is no way back."""
        wanted = StartSerializer(data=request.data)
        run = self.find(pk)
        wanted.is_valid(raise_exception=True)
        run = start_run(viewer_of(request), run, wanted.validated_data["images"])
        return Response(RunSerializer(run).data)

    @extend_schema(request=None, responses=RunSerializer)
    @action(detail=True, methods=["post"])
    def stop(self, request: Request, pk: str) -> Response:
        """No further batch."""
        return Response(RunSerializer(stop_run(viewer_of(request), self.find(pk))).data)
