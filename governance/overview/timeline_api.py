"""An image's timeline over HTTP, and the course of its findings: what the page shows."""

from __future__ import annotations

from typing import Any

from django.core.exceptions import ValidationError as Damaged
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.accounts.permissions import viewer_of
from governance.overview.named import NamedImage
from governance.overview.timeline import KINDS, PLACES, SIZE, Entry, Wish, timeline_of
from governance.overview.timeline_words import Link
from governance.web.pagination import MAX_SIZE
from governance.web.problems import Problem

PLACE = OpenApiParameter("place", enum=sorted(PLACES), description="of one place; `decisions` are those of any place")
KIND = OpenApiParameter("kind", enum=sorted(KINDS), many=True, description="of one kind, or of several")
CURSOR = OpenApiParameter("cursor", description="from `next`")
PAGE_SIZE = OpenApiParameter("size", int, description=f"1 to {MAX_SIZE}")


class LinkSerializer(serializers.Serializer[Link]):
    """Evidence: what it is, and the page that shows it."""

    words = serializers.CharField()
    page = serializers.CharField(source="href", help_text="path of a page of this instance")


class EntrySerializer(serializers.Serializer[Entry]):
    """One thing that happened; `id` is unique within its kind."""

    at = serializers.DateTimeField()
    kind = serializers.ChoiceField(choices=[(name, kind.words) for name, kind in KINDS.items()])
    id = serializers.IntegerField()
    place = serializers.CharField(help_text="ci, registry, runtime, or empty")
    is_decision = serializers.BooleanField()
    words = serializers.CharField(help_text="the kind for people")
    text = serializers.CharField()
    tone = serializers.CharField(source="said.tone", help_text="good, warn, bad, unknown, or empty")
    report = serializers.IntegerField(source="said.report", allow_null=True, help_text="the report behind it")
    evidence = LinkSerializer(source="links", many=True)


class TimelineSerializer(serializers.Serializer[Any]):
    """A page of a timeline, the newest first."""

    next = serializers.URLField(allow_null=True)
    total = serializers.IntegerField(help_text="how many fit the filters")
    results = EntrySerializer(many=True)


class TimelineActions(NamedImage):
    """Below an image."""

    @extend_schema(responses=TimelineSerializer, filters=False, parameters=[PLACE, KIND, CURSOR, PAGE_SIZE])
    @action(detail=True, pagination_class=None, filterset_class=None)
    def timeline(self, request: Request, pk: str) -> Response:
        """What happened to it in every place and what was decided, the newest first."""
        try:
            found = timeline_of(self.find(pk), viewer_of(request), _wish(request))
        except Damaged as error:
            raise Problem(400, error.messages[0]) from error
        query = request.query_params.copy()
        query["cursor"] = found.next or ""
        address = request.build_absolute_uri(f"{request.path}?{query.urlencode()}") if found.next else None
        return Response(TimelineSerializer({"next": address, "total": found.total, "results": found.entries}).data)


def _wish(request: Request) -> Wish:
    """Read the filters; a word that is none of ours is said, not ignored."""
    asked = request.query_params
    kinds, place, size = asked.getlist("kind"), asked.get("place", ""), asked.get("size", str(SIZE))
    if place and place not in PLACES:
        raise serializers.ValidationError({"place": f"one of {', '.join(sorted(PLACES))}"})
    if strange := [kind for kind in kinds if kind not in KINDS]:
        raise serializers.ValidationError({"kind": f"{strange[0][:40]} is none of {', '.join(sorted(KINDS))}"})
    if not size.isdecimal() or not 1 <= int(size) <= MAX_SIZE:
        raise serializers.ValidationError({"size": f"a whole number from 1 to {MAX_SIZE}"})
    return Wish(place, tuple(kinds), after=asked.get("cursor", ""), size=int(size))
