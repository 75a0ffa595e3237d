"""What a reviewer has to know of an entry over HTTP: the same facts as on its page."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from governance.accounts.permissions import viewer_of
from governance.approvals.activity import Activity, Often
from governance.approvals.models import ApprovedBase, Watch
from governance.approvals.review import Review, review_of
from governance.approvals.sources import Origin, Publisher, origin_of
from governance.findings.licence_sets import Count
from governance.findings.licences import Kind
from governance.images.models import Image


class NewestSerializer(serializers.ModelSerializer[Image]):
    """The newest image that the entry means; `id` is null where the caller may not look at it."""

    id = serializers.SerializerMethodField()
    by_severity = serializers.SerializerMethodField(help_text="null where no scanner looked")

    class Meta:
        model = Image
        fields = [
            *("id", "reference", "config_digest", "platform", "built_at", "size", "traits", "by_severity"),
            *("distro", "distro_version", "end_of_life", "end_of_life_on"),
        ]

    def get_id(self, row: Image) -> int | None:
        """For `/api/v1/images/ID/packages/?licence=`."""
        return row.pk if self.context["may_open"] else None

    def get_by_severity(self, row: Image) -> dict[str, int] | None:
        """Counted findings."""
        words = ("critical", "high", "medium", "low", "unknown")
        return {word: getattr(row, word) for word in words} if row.is_assessed else None


class LicenceSerializer(serializers.Serializer[Count]):
    """A licence and of how many packages it is told; one of several licences counts at each."""

    name = serializers.CharField(help_text="its SPDX identifier where that is plain, else as written")
    kind = serializers.ChoiceField(choices=[one.value for one in Kind])
    packages = serializers.IntegerField()


class OftenSerializer(serializers.Serializer[Often]):
    """When last, and how often, as far as it was seen here."""

    last = serializers.DateTimeField(allow_null=True)
    in_90_days = serializers.IntegerField(source="short")
    in_365_days = serializers.IntegerField(source="long")


class ActivitySerializer(serializers.Serializer[Activity]):
    """How lively it is upstream. `state` is null where it is not watched; `unknown` is what could not be looked at."""

    state = serializers.ChoiceField(choices=Watch.State.choices, allow_null=True)
    why = serializers.CharField()
    watched = serializers.IntegerField(help_text="tags and digests of it that are watched; `state` is their worst")
    looked_at = serializers.DateTimeField(allow_null=True)
    tag_moves = OftenSerializer(source="moves")
    moved_tag = serializers.CharField(help_text="the tag that moved last")
    builds = OftenSerializer(help_text="by what the images' configurations say")
    known_since = serializers.DateTimeField(allow_null=True, help_text="nothing is known of its tags before")


class OriginSerializer(serializers.Serializer[Origin]):
    """Who publishes it, where that is said, and as of when."""

    kind = serializers.ChoiceField(choices=Publisher.choices)
    name = serializers.CharField(source="publisher")
    link = serializers.CharField(source="source", help_text="where that is said")
    date = serializers.CharField(help_text="as of which day")


class ReviewSerializer(serializers.Serializer[Review]):
    """What an entry contains, its licences (those that bind most first), and how lively it is upstream."""

    newest = NewestSerializer(allow_null=True)
    versions = serializers.IntegerField(source="contains.versions", help_text="images that its tags name now")
    packages = serializers.IntegerField(source="licences.packages", help_text="0 where no scan lists any")
    licences = LicenceSerializer(source="licences.counts", many=True)
    licences_untold = serializers.IntegerField(source="licences.untold", help_text="packages of which none is told")
    licences_told_by = serializers.ListField(source="licences.scanners", child=serializers.CharField())
    upstream = ActivitySerializer(source="activity")
    publisher = serializers.SerializerMethodField()

    @extend_schema_field(OriginSerializer)
    def get_publisher(self, row: Review) -> dict[str, Any]:
        """By the list of sources."""
        return OriginSerializer(self.context["origin"]).data


class ReviewActions(GenericViewSet[ApprovedBase]):
    """What the viewset of entries offers to reviewers."""

    @extend_schema(responses=ReviewSerializer, filters=False)
    @action(detail=True, pagination_class=None, filterset_class=None)
    def review(self, request: Request, pk: str) -> Response:
        """What it contains, its licences, and how lively it is upstream."""
        entry = self.get_object()
        found = review_of(entry, viewer_of(request))
        context = {"origin": origin_of(entry.name), "may_open": found.may_open}
        return Response(ReviewSerializer(found, context=context).data)
