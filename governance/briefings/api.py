"""Digests over HTTP: the archive, one digest with its changes, its mail as it was sent, and what one would say now."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.renderers import BaseRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Token, User
from governance.accounts.permissions import viewer_of
from governance.briefings.filters import BriefingFilterSet
from governance.briefings.models import Briefing, Line, Subscription
from governance.briefings.services import preview

READER = OpenApiParameter("reader", OpenApiTypes.INT, description="a mailbox, or a person; without it one's own")
NUMBER = ("words", "amount", "share", "before", "address")


class DigestNumberSerializer(serializers.Serializer[Any]):
    """One of the numbers at the top: of all images `share` per cent, `before` the last time."""

    words = serializers.CharField()
    amount = serializers.IntegerField()
    share = serializers.IntegerField()
    before = serializers.IntegerField(allow_null=True)
    address = serializers.CharField(help_text="of the list with that many rows")


class DigestLineSerializer(serializers.ModelSerializer[Line]):
    """One change; the list at `address` had `amount` rows. Folded ones did not fit into the mail."""

    class Meta:
        model = Line
        fields = ["section", "words", "address", "amount", "is_folded"]


class DigestSerializer(serializers.ModelSerializer[Briefing]):
    """A digest; `reader` is what `preview/?reader=` takes, `since` null for the first."""

    reader = serializers.IntegerField(source="subscription_id", read_only=True)
    about = serializers.CharField(source="subscription.about", read_only=True)

    class Meta:
        model = Briefing
        fields = [
            *("id", "reader", "recipient", "about", "week", "slot", "since", "composed_at", "subject", "changes"),
            *("state", "error", "sent_at", "message_id"),
        ]


class WholeDigestSerializer(DigestSerializer):
    """With its numbers, and the changes that its mail shows."""

    numbers = serializers.SerializerMethodField()
    lines = serializers.SerializerMethodField()

    class Meta(DigestSerializer.Meta):
        fields = [*DigestSerializer.Meta.fields, "numbers", "lines"]

    @extend_schema_field(DigestNumberSerializer(many=True))
    def get_numbers(self, row: Briefing) -> list[dict[str, Any]]:
        """By name."""
        return [dict(zip(NUMBER, values, strict=True)) for values in row.numbers]

    @extend_schema_field(DigestLineSerializer(many=True))
    def get_lines(self, row: Briefing) -> Any:
        """Worst first."""
        return DigestLineSerializer(row.lines.filter(is_folded=False).order_by("place"), many=True).data


class PreviewLineSerializer(serializers.Serializer[Any]):
    """One change that the mail would show."""

    section = serializers.CharField()
    words = serializers.CharField()
    address = serializers.CharField()


class DigestPreviewSerializer(serializers.Serializer[Any]):
    """What a digest would say now; nothing of it is kept."""

    subject = serializers.CharField()
    changes = serializers.IntegerField()
    lines = PreviewLineSerializer(many=True)
    html = serializers.CharField(allow_blank=True)
    text = serializers.CharField(allow_blank=True)


class HtmlRenderer(BaseRenderer):
    """A mail's HTML as it is."""

    media_type, format, charset = "text/html", "html", "utf-8"

    def render(self, data: str, *_: Any, **__: Any) -> bytes:
        """Refusals are problem documents and do not come here."""
        return data.encode()


class TextRenderer(HtmlRenderer):
    """A mail's plain text as it is."""

    media_type, format = "text/plain", "txt"


class DigestViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, GenericViewSet[Briefing]):
    """The archive: people read what they may on the pages, tokens what mailboxes get."""

    queryset = Briefing.objects.none()
    serializer_class = DigestSerializer
    filterset_class: Any = BriefingFilterSet
    keyset: tuple[str, ...] = ("-slot", "-id")
    scopes = (Token.Scope.READ,)
    write_scopes = ()
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Briefing]:
        """What the caller may read; a list needs no mails."""
        rows = Briefing.objects.visible_to(viewer_of(self.request)).select_related("subscription__person")
        return rows.select_related("subscription__team").defer("html", "text", "seen")

    def get_object(self) -> Briefing:
        """Raises `Http404`."""
        row = self.get_queryset().filter(pk=int(self.kwargs["pk"])).first()
        if row is None:
            raise Http404
        return row

    @extend_schema(responses=WholeDigestSerializer)
    def retrieve(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One, with its numbers and changes."""
        return Response(WholeDigestSerializer(self.get_object()).data)

    @extend_schema(responses=DigestLineSerializer(many=True), filters=False)
    @action(detail=True, filterset_class=None, keyset=("place",))
    def lines(self, request: Request, pk: str) -> Response:
        """All its changes, also those that did not fit into the mail."""
        lines: QuerySet[Any] = self.get_object().lines.all()
        page = self.paginate_queryset(lines)
        return self.get_paginated_response(DigestLineSerializer(page, many=True).data)

    @extend_schema(responses={(200, "text/html"): OpenApiResponse(OpenApiTypes.STR, "the mail's HTML")}, filters=False)
    @action(detail=True, renderer_classes=[HtmlRenderer], pagination_class=None, filterset_class=None)
    def html(self, request: Request, pk: str) -> Response:
        """Its mail as it was sent; 404 where there was nothing to say."""
        return self.mail(self.get_object().html)

    @extend_schema(responses={(200, "text/plain"): OpenApiResponse(OpenApiTypes.STR, "the mail's text")}, filters=False)
    @action(detail=True, renderer_classes=[TextRenderer], pagination_class=None, filterset_class=None)
    def text(self, request: Request, pk: str) -> Response:
        """The same as plain text."""
        return self.mail(self.get_object().text)

    def mail(self, body: str) -> Response:
        """One part of it; to be kept or shown elsewhere, not opened as a page of ours."""
        if not body:
            raise Http404
        return Response(body, headers={"Content-Disposition": "attachment"})

    @extend_schema(parameters=[READER], responses=DigestPreviewSerializer, filters=False)
    @action(detail=False, pagination_class=None, filterset_class=None)
    def preview(self, request: Request) -> Response:
        """What one would say now."""
        viewer, reader = viewer_of(request), request.query_params.get("reader", "")
        rows = Subscription.objects.visible_to(viewer).select_related("person", "team")
        if reader:
            row = rows.filter(pk=int(reader)).first() if reader.isdecimal() and len(reader) < 19 else None
        elif isinstance(viewer, User):
            row = rows.filter(person=viewer).first() or Subscription(person=viewer)
        else:
            row = None
        if row is None:
            raise Http404
        briefing, context = preview(row)
        if briefing is None:
            raise Http404
        return Response(DigestPreviewSerializer({**vars(briefing), "lines": context["lines"]}).data)
