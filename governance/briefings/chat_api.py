"""Chats over HTTP: the same list and verbs as the page. An address goes in and never comes out."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Team, Token
from governance.accounts.permissions import viewer_of
from governance.briefings.chats import add_channel, remove_channel, try_channel
from governance.briefings.filters import ChannelFilterSet
from governance.briefings.models import Channel


class ChannelSerializer(serializers.ModelSerializer[Channel]):
    """A chat; `error` is what was wrong with the last message, `team` null for everything."""

    team = serializers.SlugRelatedField(slug_field="name", queryset=Team.objects.all(), allow_null=True)
    address = serializers.CharField(
        max_length=2_000, write_only=True, help_text="a secret; https:// as the service shows"
    )

    class Meta:
        model = Channel
        fields = ["id", "name", "team", "service", "host", "address", "created_at", "tried_at", "error"]
        read_only_fields = ["id", "service", "host", "created_at", "tried_at", "error"]
        # The service says it in a sentence.
        validators: list[Any] = []


class TestMessageSerializer(serializers.Serializer[Any]):
    """How the test message went; `error` is empty where the service took it."""

    error = serializers.CharField(allow_blank=True)


class ChannelViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, GenericViewSet[Channel]
):
    """Chats that are told at once what cannot wait."""

    queryset = Channel.objects.none()
    serializer_class = ChannelSerializer
    filterset_class: Any = ChannelFilterSet
    keyset = ("-id",)
    scopes = (Token.Scope.READ,)
    write_scopes = ()
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Channel]:
        """What the caller may see."""
        return Channel.objects.visible_to(viewer_of(self.request)).select_related("team")

    @extend_schema(responses={201: ChannelSerializer})
    def create(self, request: Request) -> Response:
        """Add one."""
        wanted = ChannelSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        said = wanted.validated_data
        row = add_channel(viewer_of(request), said["team"], said["name"], said["address"])
        return Response(ChannelSerializer(row).data, 201)

    def perform_destroy(self, instance: Channel) -> None:
        """No more alerts for it."""
        remove_channel(viewer_of(self.request), instance)

    @extend_schema(request=None, responses=TestMessageSerializer)
    @action(detail=True, methods=["post"])
    def test(self, request: Request, pk: str) -> Response:
        """Send it a test message now."""
        return Response({"error": try_channel(viewer_of(request), self.get_object())})
