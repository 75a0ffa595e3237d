"""Tokens over HTTP: list, create (the secret is in that one answer), revoke."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Team, Token
from governance.accounts.permissions import viewer_of
from governance.accounts.services import create_token, revoke_token


class TokenSerializer(serializers.ModelSerializer[Token]):
    """A token without its secret."""

    state = serializers.CharField(read_only=True)
    team = serializers.SlugRelatedField(slug_field="name", queryset=Team.objects.all(), allow_null=True, required=False)
    days = serializers.IntegerField(write_only=True, required=False, allow_null=True, min_value=1, max_value=3650)

    class Meta:
        model = Token
        fields = ["id", "name", "scope", "team", "repository", "prefix", "state", "created_at", "expires_at"]
        fields += ["last_used_at", "days"]
        read_only_fields = ["id", "prefix", "created_at", "expires_at", "last_used_at"]


class NewTokenSerializer(TokenSerializer):
    """The one answer that holds the secret."""

    secret = serializers.CharField(read_only=True)

    class Meta(TokenSerializer.Meta):
        fields = [*TokenSerializer.Meta.fields, "secret"]


class TokenViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, GenericViewSet[Token]):
    """Machine tokens; administrators all, team administrators their team's."""

    serializer_class = TokenSerializer
    lookup_value_regex = r"\d+"
    scopes = write_scopes = ()

    def get_queryset(self) -> QuerySet[Token]:
        """Those the caller may see; a token of scope admin stands for the administrators (of its team)."""
        viewer = viewer_of(self.request)
        tokens = Token.objects.select_related("team")
        if isinstance(viewer, Token):
            return tokens if viewer.team_id is None else tokens.filter(team=viewer.team_id)
        return tokens.visible_to(viewer)

    @extend_schema(request=TokenSerializer, responses={201: NewTokenSerializer})
    def create(self, request: Request) -> Response:
        """Make one; `secret` is shown this once."""
        wanted = TokenSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        said: dict[str, Any] = wanted.validated_data
        token, secret = create_token(
            *(viewer_of(request), said["name"], said["scope"], said.get("team"), said.get("days", 90)),
            said.get("repository", ""),
        )
        return Response({**TokenSerializer(token).data, "secret": secret}, status=status.HTTP_201_CREATED)

    def perform_destroy(self, instance: Token) -> None:
        """Revoke: the row stays for the audit trail."""
        revoke_token(viewer_of(self.request), instance)
