"""The approved list over HTTP: entries, requests, steps, the check, and the list as other programs read it."""

from __future__ import annotations

import hashlib
from datetime import date
from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Team, Token
from governance.accounts.permissions import viewer_of
from governance.approvals.check import check_dockerfile, check_references, verdict_on
from governance.approvals.dockerfile import LONGEST, Unreadable
from governance.approvals.enforcers import ENFORCERS, find
from governance.approvals.filters import ApprovedFilterSet
from governance.approvals.judgement import Verdict
from governance.approvals.life import EDITABLE, Step, comment_on, request_base, take_step
from governance.approvals.models import ApprovalStep, ApprovedBase
from governance.approvals.review_api import ReviewActions
from governance.approvals.rules import current_list
from governance.approvals.sources import Publisher, origin_of
from governance.web.problems import Problem

MOST_REFERENCES = 500
MOST_ARGS = 200


def number() -> serializers.IntegerField:
    """Days, or findings; null asks for nothing."""
    return serializers.IntegerField(required=False, allow_null=True, min_value=0, max_value=100_000)


class ApprovedSerializer(serializers.ModelSerializer[ApprovedBase]):
    """One entry; `stage` is how it stands today, `state` the last step taken."""

    owner = serializers.CharField(source="owner.name", allow_null=True, default=None, read_only=True)
    asked_by = serializers.CharField(source="asked_by.name", allow_null=True, default=None, read_only=True)
    stage = serializers.SerializerMethodField()
    publisher = serializers.SerializerMethodField()

    class Meta:
        model = ApprovedBase
        fields = [
            *("id", "name", "pattern", "state", "stage", "why", "owner", "asked_by", "publisher", *EDITABLE),
            *("deprecated_on", "sunset_on", "review_on", "created_at"),
        ]

    def get_stage(self, row: ApprovedBase) -> str:
        """By the calendar."""
        return row.stage_on(timezone.now().date())

    def get_publisher(self, row: ApprovedBase) -> str:
        """official, verified, personal or unknown."""
        return Publisher(origin_of(row.name).kind).value


class RequestSerializer(serializers.Serializer[Any]):
    """What is asked for."""

    base = serializers.CharField(max_length=400, help_text="a reference, as in a FROM line")
    pattern = serializers.CharField(
        max_length=200, required=False, default="", help_text="3.20*, >=3.18 <3.22, a digest; else what `base` names"
    )
    team = serializers.SlugRelatedField(slug_field="name", queryset=Team.objects.all(), required=False, default=None)
    reason = serializers.CharField(max_length=500)
    family = serializers.CharField(max_length=60, required=False)
    purpose = serializers.CharField(max_length=500, required=False)
    documentation = serializers.CharField(max_length=500, required=False)
    replacement = serializers.CharField(max_length=400, required=False)
    platforms = serializers.ListField(child=serializers.CharField(max_length=60), required=False, max_length=20)
    max_age = number()
    max_critical = number()
    max_high = number()
    max_medium = number()
    max_low = number()
    grace = number()
    outdated_days = number()
    review_months = serializers.IntegerField(required=False, allow_null=True, min_value=1, max_value=120)
    must_be_signed = serializers.BooleanField(required=False)
    must_not_be_root = serializers.BooleanField(required=False)
    must_be_kept = serializers.BooleanField(required=False)
    breach = serializers.ChoiceField(choices=[("warn", "Warn"), ("deny", "Deny")], required=False)


class StepSerializer(serializers.Serializer[Any]):
    """A decision; `replacement` and the dates go with deprecated and sunset."""

    to = serializers.ChoiceField(choices=ApprovedBase.State.choices)
    reason = serializers.CharField(max_length=500, required=False, default="")
    comment = serializers.CharField(max_length=4_000, required=False, default="")
    replacement = serializers.CharField(max_length=400, required=False, default="")
    deprecated_on = serializers.DateField(required=False, allow_null=True, default=None)
    sunset_on = serializers.DateField(required=False, allow_null=True, default=None)


class CommentSerializer(serializers.Serializer[Any]):
    """Something to say on an entry."""

    comment = serializers.CharField(max_length=4_000)


class TakenStepSerializer(serializers.ModelSerializer[ApprovalStep]):
    """One step or comment of an entry's life."""

    class Meta:
        model = ApprovalStep
        fields = ["at", "before", "to", "actor", "reason", "comment"]


class ApprovedViewSet(ReviewActions, mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[ApprovedBase]):
    """Entries of the approved list; what is being decided with `state=requested` or `in_review`."""

    queryset = ApprovedBase.objects.none()
    serializer_class = ApprovedSerializer
    filterset_class: Any = ApprovedFilterSet
    keyset = ("-id",)
    scopes = (Token.Scope.READ,)
    write_scopes = ()
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[ApprovedBase]:
        """What the caller may see."""
        return ApprovedBase.objects.visible_to(viewer_of(self.request)).select_related("owner", "asked_by")

    def get_object(self) -> ApprovedBase:
        """One entry is found whatever its state: only lists are narrowed. Raises `Http404`."""
        entry = self.get_queryset().filter(pk=int(self.kwargs["pk"])).first()
        if entry is None:
            raise Http404
        return entry

    @extend_schema(request=RequestSerializer, responses={201: ApprovedSerializer})
    def create(self, request: Request) -> Response:
        """Ask for a base."""
        wanted = RequestSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        return Response(ApprovedSerializer(request_base(viewer_of(request), **wanted.validated_data)).data, 201)

    @extend_schema(request=StepSerializer, responses=ApprovedSerializer)
    @action(detail=True, methods=["post"])
    def step(self, request: Request, pk: str) -> Response:
        """Decide on an entry."""
        wanted = StepSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        entry = take_step(viewer_of(request), self.get_object(), Step(**wanted.validated_data))
        return Response(ApprovedSerializer(entry).data)

    @extend_schema(request=CommentSerializer, responses=TakenStepSerializer)
    @action(detail=True, methods=["post"])
    def comment(self, request: Request, pk: str) -> Response:
        """Say something on an entry."""
        wanted = CommentSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        made = comment_on(viewer_of(request), self.get_object(), wanted.validated_data["comment"])
        return Response(TakenStepSerializer(made).data)

    @extend_schema(responses=TakenStepSerializer(many=True), filters=False)
    @action(detail=True, pagination_class=None, filterset_class=None)
    def steps(self, request: Request, pk: str) -> Response:
        """An entry's life, the first step first."""
        return Response(TakenStepSerializer(self.get_object().steps.all()[:1000], many=True).data)


class CheckSerializer(serializers.Serializer[Any]):
    """A Dockerfile with its build arguments, or references."""

    dockerfile = serializers.CharField(max_length=LONGEST, required=False, trim_whitespace=False)
    args = serializers.DictField(child=serializers.CharField(max_length=1_000, allow_blank=True), required=False)
    references = serializers.ListField(
        child=serializers.CharField(max_length=400), max_length=MOST_REFERENCES, required=False
    )

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        """One of the two."""
        if ("dockerfile" in attrs) == ("references" in attrs):
            raise serializers.ValidationError("Send either dockerfile or references.")
        if len(attrs.get("args", {})) > MOST_ARGS:
            raise serializers.ValidationError(f"At most {MOST_ARGS} build arguments.")
        return attrs


class LineSerializer(serializers.Serializer[Any]):
    """What the list says of one line."""

    line = serializers.IntegerField()
    instruction = serializers.CharField()
    written = serializers.CharField()
    reference = serializers.CharField(allow_null=True, help_text="in full, null where no image is named")
    stage = serializers.CharField(help_text="the earlier stage that is named, or scratch")
    platform = serializers.CharField()
    verdict = serializers.ChoiceField(choices=[(one.value, one.value) for one in Verdict])
    entry = serializers.IntegerField(allow_null=True, help_text="the entry that decided")
    replacement = serializers.CharField(help_text="what to write instead, where that is known")
    outdated = serializers.BooleanField()
    reasons = serializers.ListField(child=serializers.CharField())


class CheckedSerializer(serializers.Serializer[Any]):
    """The worst of all lines, and each."""

    verdict = serializers.ChoiceField(choices=[(one.value, one.value) for one in Verdict])
    evaluated_at = serializers.DateTimeField()
    lines = LineSerializer(many=True)


ON = OpenApiParameter("on", OpenApiTypes.DATE, description="as the list will stand on this day")


class Check(APIView):
    """May these be built on?"""

    scopes = ()
    write_scopes = (Token.Scope.READ, Token.Scope.INGEST)

    @extend_schema(parameters=[ON], request=CheckSerializer, responses=CheckedSerializer)
    def post(self, request: Request) -> Response:
        """Judge a Dockerfile line by line, or references."""
        on = day(request.query_params.get("on", ""))
        wanted = CheckSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        said = wanted.validated_data
        try:
            if "dockerfile" in said:
                answers = check_dockerfile(said["dockerfile"], said.get("args"), on)
            else:
                answers = check_references(said["references"], on)
        except Unreadable as error:
            raise Problem(400, str(error)) from error
        lines = [one.as_dict() for one in answers]
        return Response({"verdict": verdict_on(answers), "evaluated_at": timezone.now(), "lines": lines})


DOCUMENT = OpenApiResponse(OpenApiTypes.STR, description="the document, with `ETag` and `X-List-Version`")
NAMES = OpenApiParameter("name", OpenApiTypes.STR, "path", enum=[one.NAME for one in ENFORCERS])


class Document(APIView):
    """The list as other programs read it."""

    scopes = (Token.Scope.READ,)

    @extend_schema(parameters=[ON, NAMES], responses={(200, "application/json"): DOCUMENT, 304: None})
    def get(self, request: Request, name: str) -> HttpResponse:
        """One format; the same bytes have the same ETag."""
        enforcer = find(name)
        if enforcer is None:
            raise Http404
        approved = current_list(day(request.query_params.get("on", "")))
        body = enforcer.write(approved).encode()
        headers = {
            "ETag": f'"{hashlib.sha256(body).hexdigest()[:32]}"',
            "X-List-Version": approved.version,
            "Cache-Control": "private, no-cache",
        }
        if headers["ETag"] in request.headers.get("If-None-Match", ""):
            return HttpResponse(status=304, headers=headers)
        return HttpResponse(body, content_type=enforcer.MEDIA_TYPE, headers=headers)


def day(text: str) -> date | None:
    """A day as written in an address; empty is today."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise Problem(400, "on must be a day such as 2027-01-31") from error
