"""Event sources over HTTP: list, add and change the secret (shown in that one answer), switch, remove."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from governance.accounts.permissions import viewer_of
from scanning.hooks import CHOICES
from scanning.models_hooks import WebhookSource
from scanning.webhook_sources import Wanted, add_source, address_of, change_secret, remove_source, switch


class WebhookSerializer(serializers.ModelSerializer[WebhookSource]):
    """A source without its secret."""

    kind = serializers.ChoiceField(choices=CHOICES)
    registry = serializers.CharField(source="registry.host", max_length=255, required=False)
    state = serializers.ChoiceField(choices=["off", "never", "refused", "heard"], read_only=True)
    prefix = serializers.CharField(max_length=200, required=False, allow_blank=True)
    account = serializers.CharField(max_length=200, required=False, allow_blank=True)

    class Meta:
        model = WebhookSource
        fields = ["id", "kind", "name", "registry", "prefix", "account", "is_enabled", "state"]
        fields += ["created_at", "heard_at", "refused_at"]
        read_only_fields = ["id", "is_enabled", "created_at", "heard_at", "refused_at"]
        # The service says it, for pages too.
        validators: list[Any] = []


class NewWebhookSerializer(WebhookSerializer):
    """The one answer that holds the secret."""

    secret = serializers.CharField(read_only=True)
    address = serializers.CharField(read_only=True, help_text="where its events are sent; may contain the secret")

    class Meta(WebhookSerializer.Meta):
        fields = [*WebhookSerializer.Meta.fields, "secret", "address"]


class SwitchSerializer(serializers.Serializer[dict[str, bool]]):
    """On or off."""

    is_enabled = serializers.BooleanField()


class WebhookViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, GenericViewSet[WebhookSource]
):
    """Who may send events of a registry; for administrators, and auditors to read."""

    queryset = WebhookSource.objects.none()
    serializer_class = WebhookSerializer
    lookup_value_regex = r"[0-9]{1,9}"
    scopes = write_scopes = ()

    def get_queryset(self) -> QuerySet[WebhookSource]:
        """What the caller may see."""
        return WebhookSource.objects.visible_to(viewer_of(self.request)).select_related("registry")

    @extend_schema(request=WebhookSerializer, responses={201: NewWebhookSerializer})
    def create(self, request: Request) -> Response:
        """Add one; `secret` is shown this once."""
        wanted = WebhookSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        said: dict[str, Any] = wanted.validated_data
        host = said.get("registry", {}).get("host", "")
        more = {name: said.get(name, "") for name in ("prefix", "account")}
        source, secret = add_source(viewer_of(request), Wanted(said["kind"], said["name"], host, **more))
        return Response(shown(source, secret), status=201)

    def perform_destroy(self, instance: WebhookSource) -> None:
        """Remove it; what it sent stays."""
        remove_source(viewer_of(self.request), instance)

    @extend_schema(request=None, responses={201: NewWebhookSerializer})
    @action(detail=True, methods=["post"])
    def secret(self, request: Request, pk: str) -> Response:
        """Make a new secret, shown this once; the one before is good for a week."""
        source = self.get_object()
        secret = change_secret(viewer_of(request), source)
        return Response(shown(source, secret), status=201)

    @extend_schema(request=SwitchSerializer, responses=WebhookSerializer)
    @action(detail=True, methods=["post"])
    def switch(self, request: Request, pk: str) -> Response:
        """Take its events, or no longer."""
        said = SwitchSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        source = self.get_object()
        switch(viewer_of(request), source, said.validated_data["is_enabled"])
        source.refresh_from_db()
        return Response(WebhookSerializer(source).data)


def shown(source: WebhookSource, secret: str) -> dict[str, Any]:
    """The source with its secret, and the address that its events go to."""
    return {**WebhookSerializer(source).data, "secret": secret, "address": address_of(source, secret)}
