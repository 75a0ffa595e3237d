"""Owner rules over HTTP: in their order, with a preview; for those who see everything, as the page."""

from __future__ import annotations

from typing import Any

from django.db.models import Count, QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Team, Token
from governance.accounts.permissions import viewer_of
from governance.accounts.scope import teams_of
from governance.images.models import OwnerRule
from governance.runtime.owners import Change, add_rule, changes, checked, move_rule, named, remove_rule, with_new

# Changes that are named one by one.
SHOWN = 500


class OwnerRuleSerializer(serializers.ModelSerializer[OwnerRule]):
    """A rule; the first that fits decides, `place` is its turn, `given` how many repositories it gave."""

    team = serializers.SlugRelatedField(slug_field="name", queryset=Team.objects.all())
    given = serializers.IntegerField(read_only=True, default=0)

    class Meta:
        model = OwnerRule
        fields = ["id", "place", "kind", "label", "pattern", "team", "given"]
        read_only_fields = ["id", "place"]


class PlaceSerializer(serializers.Serializer[Any]):
    """Before which rule it is asked; null for last."""

    before = serializers.PrimaryKeyRelatedField(queryset=OwnerRule.objects.all(), allow_null=True)


class AskedRuleSerializer(OwnerRuleSerializer):
    """A new rule, and before which one it is asked; without that, last."""

    before = serializers.PrimaryKeyRelatedField(
        queryset=OwnerRule.objects.all(), allow_null=True, required=False, default=None
    )

    class Meta(OwnerRuleSerializer.Meta):
        fields = ["kind", "label", "pattern", "team", "before"]
        read_only_fields: list[str] = []


class HandoverSerializer(serializers.Serializer[Any]):
    """A repository that changes hands, from one team to another or nobody."""

    repository = serializers.IntegerField()
    name = serializers.CharField()
    owner = serializers.CharField(help_text="now")
    team = serializers.CharField(help_text="then")


class ChangesSerializer(serializers.Serializer[Any]):
    """How many repositories change hands, and the first of them."""

    total = serializers.IntegerField()
    changes = HandoverSerializer(many=True)


class StoredRuleSerializer(OwnerRuleSerializer):
    """The rule, and what it changed."""

    changed = ChangesSerializer(read_only=True)

    class Meta(OwnerRuleSerializer.Meta):
        fields = [*OwnerRuleSerializer.Meta.fields, "changed"]


class OwnerRuleViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[OwnerRule]):
    """Whose repositories are, by rule."""

    queryset = OwnerRule.objects.none()
    serializer_class = OwnerRuleSerializer
    filterset_class: Any = None
    keyset = ("place", "id")
    scopes = (Token.Scope.READ,)
    write_scopes = ()
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[OwnerRule]:
        """All, or nothing: the rules name everybody's repositories."""
        rows = OwnerRule.objects.select_related("team").annotate(given=Count("repositories"))
        return rows if teams_of(viewer_of(self.request)) is None else rows.none()

    def find(self) -> OwnerRule:
        """Raises `Http404`."""
        row = self.get_queryset().filter(pk=int(self.kwargs["pk"])).first()
        if row is None:
            raise Http404
        return row

    @extend_schema(request=AskedRuleSerializer, responses={201: StoredRuleSerializer})
    def create(self, request: Request) -> Response:
        """Add one; the repositories that it fits go to its team."""
        rule, before = self.asked(request)
        found = add_rule(viewer_of(request), rule, before)
        rule.refresh_from_db()
        return Response({**OwnerRuleSerializer(rule).data, "changed": told(found)}, 201)

    @extend_schema(request=AskedRuleSerializer, responses=ChangesSerializer)
    @action(detail=False, methods=["post"])
    def preview(self, request: Request) -> Response:
        """What a new rule would change; nothing of it is stored."""
        rule, before = self.asked(request)
        return Response(told(changes(with_new(checked(viewer_of(request), rule), before))))

    @extend_schema(request=PlaceSerializer, responses=ChangesSerializer)
    @action(detail=True, methods=["post"])
    def move(self, request: Request, pk: str) -> Response:
        """Ask it earlier or later."""
        rule, wanted = self.find(), PlaceSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        before = wanted.validated_data["before"]
        return Response(told(move_rule(viewer_of(request), rule, before and before.pk)))

    @extend_schema(responses=ChangesSerializer)
    def destroy(self, request: Request, pk: str) -> Response:
        """Take it away; what it gave goes to the next rule that fits, or to nobody."""
        return Response(told(remove_rule(viewer_of(request), self.find())))

    def asked(self, request: Request) -> tuple[OwnerRule, int | None]:
        """A new rule, not stored, and which one it is asked before."""
        wanted = AskedRuleSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        said = dict(wanted.validated_data)
        before = said.pop("before")
        return OwnerRule(**said), before and before.pk


def told(found: list[Change]) -> dict[str, Any]:
    """What changes, as `ChangesSerializer` has it."""
    rows = [
        {"repository": one.repository, "name": one.name, "owner": owner, "team": team}
        for one, owner, team in named(found[:SHOWN])
    ]
    return {"total": len(found), "changes": rows}
