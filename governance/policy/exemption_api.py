"""Exemptions over HTTP: the same list, rules and decisions as the pages, and OpenVEX."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Team, Token
from governance.accounts.permissions import viewer_of
from governance.images.models import Image, Repository
from governance.policy.exempting import images_concerned
from governance.policy.exemption_filters import ExemptionFilterSet
from governance.policy.exemption_views import download, with_scope
from governance.policy.exemptions import Wanted, ask_exemption, decide, revoke
from governance.policy.models_exemption import Exemption

STANDS = ["requested", "granted", "expired", "declined", "revoked"]
DOCUMENT = OpenApiResponse(OpenApiTypes.OBJECT, description="an OpenVEX 0.2.0 document")


class ExemptionSerializer(serializers.ModelSerializer[Exemption]):
    """One exemption; `stands` is how it stands today, `state` the last decision."""

    repository = serializers.CharField(allow_null=True, read_only=True)
    team = serializers.CharField(source="team.name", allow_null=True, default=None, read_only=True)
    owner = serializers.CharField(source="owner.name", allow_null=True, default=None, read_only=True)
    where = serializers.CharField(read_only=True)
    stands = serializers.SerializerMethodField()

    class Meta:
        model = Exemption
        fields = [
            *("id", "vulnerability", "package", "scope", "where", "image", "repository", "team", "kind"),
            *("justification", "reason", "owner", "expires_on", "state", "stands", "asked_by", "asked_at"),
            *("decided_by", "decided_at", "answer"),
        ]

    @extend_schema_field(serializers.ChoiceField(choices=STANDS))
    def get_stands(self, row: Exemption) -> str:
        """By the calendar."""
        return row.stands_on(timezone.now().date())


class AskedExemption(serializers.Serializer[Any]):
    """What is asked for: with the image, repository or team that the scope names."""

    vulnerability = serializers.CharField(max_length=100, help_text="by any of its names")
    package = serializers.CharField(max_length=300, required=False, default="", allow_blank=True)
    scope = serializers.ChoiceField(choices=Exemption.Scope.choices)
    image = serializers.IntegerField(required=False, allow_null=True, default=None, min_value=1, max_value=2**62)
    repository = serializers.CharField(
        max_length=400, required=False, default="", help_text="host/name, for repository and base"
    )
    team = serializers.SlugRelatedField(slug_field="name", queryset=Team.objects.all(), required=False, default=None)
    kind = serializers.ChoiceField(choices=Exemption.Kind.choices, required=False, default="accepted")
    justification = serializers.ChoiceField(
        choices=Exemption.Justification.choices, required=False, default="", allow_blank=True
    )
    reason = serializers.CharField(max_length=1_000)
    owner = serializers.SlugRelatedField(slug_field="name", queryset=Team.objects.all(), required=False, default=None)
    expires_on = serializers.DateField()


class DecisionOnExemption(serializers.Serializer[Any]):
    """Grant or decline."""

    grant = serializers.BooleanField()
    answer = serializers.CharField(max_length=1_000, required=False, default="", allow_blank=True)


class EndOfExemption(serializers.Serializer[Any]):
    """Why it ends."""

    answer = serializers.CharField(max_length=1_000)


class ConcernedSerializer(serializers.Serializer[Any]):
    """What it changes: images that have the finding, and how many of them run."""

    images = serializers.IntegerField()
    running = serializers.IntegerField()


class ExemptionViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Exemption]):
    """Exemptions; without `state` those that are in force or wait for a decision."""

    queryset = Exemption.objects.none()
    serializer_class = ExemptionSerializer
    filterset_class: Any = ExemptionFilterSet
    keyset = ("-id",)
    scopes = (Token.Scope.READ,)
    write_scopes = ()
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Exemption]:
        """What the caller may see."""
        return with_scope(Exemption.objects.visible_to(viewer_of(self.request)))

    def get_object(self) -> Exemption:
        """One is found whatever its state: only lists are narrowed. Raises `Http404`."""
        row = self.get_queryset().filter(pk=int(self.kwargs["pk"])).first()
        if row is None:
            raise Http404
        return row

    @extend_schema(request=AskedExemption, responses={201: ExemptionSerializer})
    def create(self, request: Request) -> Response:
        """Ask for one."""
        said = AskedExemption(data=request.data)
        said.is_valid(raise_exception=True)
        values = dict(said.validated_data)
        image, repository, team = values.pop("image"), values.pop("repository"), values.pop("team")
        viewer = viewer_of(request)
        things: dict[str, Any] = {"team": team}
        if image is not None:
            things["image"] = Image.objects.present().visible_to(viewer).filter(pk=image).first()
        host, _, name = repository.partition("/")
        home = Repository.objects.filter(registry__host=host, name=name).select_related("registry").first()
        things |= {"repository": home, "base": home}
        row = ask_exemption(viewer, Wanted(thing=things.get(values["scope"]), **values))
        return Response(ExemptionSerializer(row).data, 201)

    @extend_schema(request=DecisionOnExemption, responses=ExemptionSerializer)
    @action(detail=True, methods=["post"])
    def decide(self, request: Request, pk: str) -> Response:
        """Grant or decline it."""
        row, said = self.get_object(), DecisionOnExemption(data=request.data)
        said.is_valid(raise_exception=True)
        row = decide(viewer_of(request), row, **said.validated_data)
        return Response(ExemptionSerializer(row).data)

    @extend_schema(request=EndOfExemption, responses=ExemptionSerializer)
    @action(detail=True, methods=["post"])
    def revoke(self, request: Request, pk: str) -> Response:
        """End it before its day."""
        row, said = self.get_object(), EndOfExemption(data=request.data)
        said.is_valid(raise_exception=True)
        return Response(ExemptionSerializer(revoke(viewer_of(request), row, **said.validated_data)).data)

    @extend_schema(responses=ConcernedSerializer, filters=False)
    @action(detail=True, pagination_class=None, filterset_class=None)
    def concerned(self, request: Request, pk: str) -> Response:
        """What it changes, or would change."""
        rows = images_concerned(self.get_object()).distinct()
        return Response({"images": rows.count(), "running": rows.filter(running__gt=0).count()})


IMAGE = OpenApiParameter("image", OpenApiTypes.INT, description="an image's number")
REPOSITORY = OpenApiParameter(
    "repository", OpenApiTypes.INT, description="a repository's number: all its tags name now"
)


class OpenVex(APIView):
    """What was decided, as others read it."""

    scopes = (Token.Scope.READ,)

    @extend_schema(parameters=[IMAGE, REPOSITORY], responses={(200, "application/json"): DOCUMENT})
    def get(self, request: Request) -> HttpResponse:
        """Of an image, or of a repository."""
        params = request.query_params
        return download(viewer_of(request), params.get("image", ""), params.get("repository", ""))
