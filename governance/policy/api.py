"""Policies, the gate and its decisions over HTTP."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as Refused
from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Token
from governance.accounts.permissions import viewer_of
from governance.findings.models import Scan
from governance.policy.document import BadPolicy, PolicyDocument, plain, read_policy
from governance.policy.filters import DecisionFilterSet, PolicyFilterSet
from governance.policy.gate import ask_gate, resource
from governance.policy.models import OUTCOMES, GateDecision, Policy
from governance.policy.preview import SHOWN, preview
from governance.policy.services import delete_policy, save_policy

VERDICTS = [str(value) for value, _ in OUTCOMES]


class ReasonSerializer(serializers.Serializer[Any]):
    """Why: a rule that is broken, or of which nobody knows whether it holds."""

    policy = serializers.CharField(help_text="empty where no policy speaks of the image")
    version = serializers.IntegerField()
    rule = serializers.CharField()
    kind = serializers.CharField(help_text="the rule's kind, `none` where it is no rule's reason")
    outcome = serializers.ChoiceField(choices=["inform", *VERDICTS])
    text = serializers.CharField(help_text="what is wrong and what to do")
    count = serializers.IntegerField(help_text="findings that the rule counts, else 1 where it is broken")
    exempted = serializers.IntegerField(help_text="findings that it would count and that are exempted")
    findings = serializers.ListField(child=serializers.IntegerField(), help_text="ids of examples, the worst first")


class GateSerializer(serializers.Serializer[Any]):
    """What a gate answers."""

    verdict = serializers.ChoiceField(choices=VERDICTS)
    reasons = ReasonSerializer(many=True)
    policy = serializers.CharField(help_text="the policy that decided")
    evaluated_at = serializers.DateTimeField()
    image = serializers.IntegerField(allow_null=True, help_text="of several platforms the one that decided")
    stage = serializers.ChoiceField(choices=Scan.Stage.choices)
    exempted = serializers.IntegerField(help_text="findings of it that are exempted")


class Asked(serializers.Serializer[Any]):
    """What is asked of the gate."""

    image = serializers.CharField(max_length=500, help_text="a digest, or a reference as one pulls it")
    stage = serializers.ChoiceField(choices=Scan.Stage.choices, required=False, default="ci")


class Gate(APIView):
    """May this image go on?"""

    scopes = (Token.Scope.INGEST, Token.Scope.READ)

    @extend_schema(operation_id="gate_retrieve", parameters=[Asked], responses=GateSerializer)
    def get(self, request: Request) -> Response:
        """The verdict on what the reference names now; an image that nobody knows is `unknown`, with what to do."""
        asked = Asked(data=request.query_params)
        asked.is_valid(raise_exception=True)
        said = asked.validated_data
        return Response(resource(ask_gate(viewer_of(request), said["image"], said["stage"])))


class DecisionSerializer(serializers.ModelSerializer[GateDecision]):
    """What a gate answered once."""

    reasons = ReasonSerializer(many=True)

    class Meta:
        model = GateDecision
        fields = ["id", "at", "image", "reference", "stage", "verdict", "policy", "reasons", "gate", "asked_by"]


class DecisionViewSet(mixins.ListModelMixin, GenericViewSet[GateDecision]):
    """What gates answered, the newest first; the same answer to the same asker once a day."""

    queryset = GateDecision.objects.none()
    serializer_class = DecisionSerializer
    filterset_class = DecisionFilterSet
    keyset = ("-id",)
    scopes = (Token.Scope.READ,)

    def get_queryset(self) -> QuerySet[GateDecision]:
        """On images that the caller may see."""
        return GateDecision.objects.visible_to(viewer_of(self.request))


class PolicySerializer(serializers.ModelSerializer[Policy]):
    """A policy: its document, and how often it was changed."""

    document = serializers.SerializerMethodField()

    class Meta:
        model = Policy
        fields = ["name", "version", "is_active", "document", "changed_at", "changed_by"]

    @extend_schema_field(OpenApiTypes.OBJECT)
    def get_document(self, row: Policy) -> dict[str, Any]:
        """As it is written (docs/policy.md)."""
        return plain(row.read())


class ImpactSerializer(serializers.Serializer[Any]):
    """What saving it would change; of more images than could be looked at, `looked_at` says how many were."""

    looked_at = serializers.IntegerField()
    total = serializers.IntegerField()
    images = serializers.IntegerField(help_text="whose verdict changes at any place")
    workloads = serializers.IntegerField(help_text="that run one of them")
    changes = serializers.ListField(child=serializers.DictField(), help_text="stage, before, after, images, running")
    moved = serializers.ListField(child=serializers.DictField(), help_text=f"the {SHOWN} that get strictest")


DOCUMENT = extend_schema(request=OpenApiTypes.OBJECT, responses={200: PolicySerializer, 201: PolicySerializer})
WRONG = OpenApiResponse(OpenApiTypes.OBJECT, "it is no policy; the text says where")


def document_of(request: Request) -> PolicyDocument:
    """The document that was sent. Raises Django's `ValidationError`, which says where it is none."""
    try:
        return read_policy(request.data)
    except BadPolicy as error:
        raise Refused(str(error)) from error


class PolicyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Policy]):
    """Policies by name."""

    queryset = Policy.objects.none()
    serializer_class = PolicySerializer
    filterset_class: Any = PolicyFilterSet
    keyset = ("-id",)
    scopes = (Token.Scope.READ,)
    write_scopes = ()
    lookup_field = "name"
    lookup_value_regex = r"[a-z0-9-]{1,60}"

    def get_queryset(self) -> QuerySet[Policy]:
        """What the caller may see."""
        return Policy.objects.visible_to(viewer_of(self.request))

    @DOCUMENT
    def create(self, request: Request) -> Response:
        """Make a policy."""
        document = document_of(request)
        if Policy.objects.filter(name=document.name).exists():
            raise Refused({"name": "Another policy has this name."})
        return Response(PolicySerializer(save_policy(viewer_of(request), document)).data, 201)

    @DOCUMENT
    def update(self, request: Request, name: str) -> Response:
        """Change a policy; its name may change with it."""
        policy = self.get_object()
        saved = save_policy(viewer_of(request), document_of(request), replaces=policy.name)
        return Response(PolicySerializer(saved).data)

    @extend_schema(responses={204: None})
    def destroy(self, request: Request, name: str) -> Response:
        """Delete a policy."""
        delete_policy(viewer_of(request), self.get_object())
        return Response(status=204)

    @extend_schema(request=OpenApiTypes.OBJECT, responses={200: ImpactSerializer, 400: WRONG}, filters=False)
    @action(detail=False, methods=["post"], pagination_class=None, filterset_class=None)
    def preview(self, request: Request) -> Response:
        """What saving this document would change, in place of the policy of its name."""
        found = preview(viewer_of(request), document_of(request))
        return Response(
            {
                **{name: getattr(found, name) for name in ("looked_at", "total", "workloads")},
                "images": len(found.images),
                "changes": [
                    dict(zip(("stage", "before", "after", "images", "running"), row, strict=True)) for row in found.rows
                ],
                "moved": [one._asdict() for one in found.moved[:SHOWN]],
            }
        )
