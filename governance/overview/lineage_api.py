"""An image's lineage over HTTP: what it stands on, how that is known, what stands on it; and a person's word on it."""

from __future__ import annotations

from typing import Any

from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.accounts.permissions import viewer_of
from governance.accounts.scope import Viewer
from governance.findings.burden import Item, work_list
from governance.findings.preview import Preview, previews
from governance.images.correction import correct_base, revoke_correction
from governance.images.descent import Evidence, evidence_for
from governance.images.freshness import Freshness, State
from governance.images.models import BaseEdge, Image
from governance.images.reach import spread_of
from governance.overview.contents import LEVELS
from governance.overview.lineage import built_on, family, sees, with_base
from governance.overview.named import NamedImage


class RelativeSerializer(serializers.Serializer[Image]):
    """An image by name; `id` is null where it is another team's."""

    id = serializers.IntegerField(allow_null=True)
    reference = serializers.CharField()


class EvidenceSerializer(serializers.Serializer[Evidence]):
    """One statement of the base, or what the layers say."""

    evidence = serializers.CharField(source="rung")
    says = serializers.CharField()
    told_by = serializers.CharField(source="source")
    stated_at = serializers.DateTimeField(source="at", allow_null=True)
    layers = serializers.ChoiceField(choices=BaseEdge.Agreement.choices, source="agreement")
    reason = serializers.CharField()
    revoked = serializers.BooleanField(source="is_revoked")


class CountersSerializer(serializers.Serializer[Any]):
    """Findings by severity."""

    critical = serializers.IntegerField()
    high = serializers.IntegerField()
    medium = serializers.IntegerField()
    low = serializers.IntegerField()
    unknown = serializers.IntegerField()


class PreviewSerializer(serializers.Serializer[Preview]):
    """The image on another base, before any build."""

    base = RelativeSerializer()
    by_severity = CountersSerializer(source="after", allow_null=True)
    fixes = serializers.IntegerField(allow_null=True)
    brings = serializers.IntegerField(allow_null=True)
    size_change = serializers.IntegerField(allow_null=True, source="size", help_text="bytes")


class FreshnessSerializer(serializers.Serializer[Freshness]):
    """How the base stands to its tag."""

    state = serializers.ChoiceField(choices=State.choices)
    tag = serializers.CharField()
    behind_since = serializers.DateTimeField(allow_null=True, source="since")
    rebuild = PreviewSerializer(allow_null=True, help_text="on what the tag points to now")


class BaseSerializer(serializers.Serializer[Any]):
    """The base: `known` image, `named` only, built on `nothing`, or `unknown`."""

    state = serializers.ChoiceField(choices=["known", "named", "nothing", "unknown"])
    image = RelativeSerializer(allow_null=True)
    name = serializers.CharField(help_text="of a base that no report knows")
    evidence = serializers.CharField(help_text="the best; empty where there is none")
    is_sure = serializers.BooleanField(help_text="the layers or a person vouch for it")


class DescendantSerializer(serializers.Serializer[Image]):
    """An image built on this one directly."""

    id = serializers.IntegerField()
    reference = serializers.CharField()
    config_digest = serializers.CharField(allow_null=True)
    findings = serializers.IntegerField(source="findings_total")
    own_findings = serializers.SerializerMethodField()
    descendants = serializers.IntegerField()

    def get_own_findings(self, row: Image) -> int | None:
        """Without what this image has, too; null where that is not known."""
        return row.split.findings_total if row.split else None


class DescendantsSerializer(serializers.Serializer[Any]):
    """Everything built on it: numbers of the whole fleet at any depth, and the first page of the caller's, directly."""

    images = serializers.IntegerField()
    current = serializers.IntegerField(help_text="those that a tag still points to")
    superseded = serializers.IntegerField()
    repositories = serializers.IntegerField()
    teams = serializers.IntegerField()
    next = serializers.CharField(allow_null=True)
    results = DescendantSerializer(many=True)


class LineageSerializer(serializers.Serializer[Any]):
    """An image's place among others."""

    base = BaseSerializer()
    evidence = EvidenceSerializer(many=True)
    chain = RelativeSerializer(many=True, help_text="what it stands on, nearest first, at most 20")
    same_content = RelativeSerializer(many=True, help_text="others with the very layers of the base")
    freshness = FreshnessSerializer()
    descendants = DescendantsSerializer()


class StatementSerializer(serializers.Serializer[Any]):
    """What a person states."""

    base = serializers.CharField(max_length=400, help_text="reference, digest, number of an image, or `scratch`")
    reason = serializers.CharField(max_length=500)


class ItemSerializer(serializers.Serializer[Item]):
    """One vulnerability of a base and how much inherits it."""

    vulnerability = serializers.CharField(source="name")
    severity = serializers.SerializerMethodField()
    packages = serializers.ListField(child=serializers.CharField())
    fixed_versions = serializers.ListField(child=serializers.CharField(), source="fixed")
    since = serializers.DateTimeField(allow_null=True)
    images = serializers.IntegerField()
    repositories = serializers.IntegerField()
    teams = serializers.IntegerField()

    def get_severity(self, row: Item) -> str:
        """As a word."""
        return next(word for word, (low, high) in LEVELS.items() if low <= row.severity <= high)


class WorkSerializer(serializers.Serializer[Any]):
    """A page of a base's work list."""

    total = serializers.IntegerField()
    looked_at = serializers.IntegerField(help_text="how many of the images built on it the numbers are of")
    is_exact = serializers.BooleanField(help_text="false where there are more")
    next_page = serializers.IntegerField(allow_null=True)
    results = ItemSerializer(many=True)


def relative(viewer: Viewer, image: Image | None) -> dict[str, Any] | None:
    """By name, by number only where the caller may see it."""
    return {"id": image.pk if sees(viewer, image) else None, "reference": str(image)} if image else None


class LineageActions(NamedImage):
    """Below an image."""

    @extend_schema(responses=LineageSerializer, filters=False)
    @action(detail=True, keyset=("-id",), filterset_class=None)
    def lineage(self, request: Request, pk: str) -> Response:
        """What it was built on and how that is known, what is built on it, and what a rebuild would do."""
        viewer = viewer_of(request)
        rows = with_base(Image.objects.select_related("finding_set", "split"))
        image = rows.get(pk=self.find(pk).pk)
        ground = built_on(viewer, image)
        chain, ties = family(image)
        found = {
            "base": {
                "state": ground.state,
                "image": relative(viewer, ground.base),
                "name": image.base_name,
                "evidence": ground.how,
                "is_sure": ground.is_sure,
            },
            "evidence": evidence_for(image),
            "chain": [relative(viewer, row) for row in chain],
            "same_content": [relative(viewer, row) for row in ties],
            "freshness": freshness(viewer, image, ground.fresh),
            "descendants": self.descendants(viewer, image),
        }
        return Response(LineageSerializer(found).data)

    def descendants(self, viewer: Viewer, image: Image) -> dict[str, Any]:
        """Totals of the fleet, and a page of what the caller may see."""
        repositories, teams = spread_of([image]).get(image.pk, (0, 0))
        children = Image.objects.present().visible_to(viewer).filter(base=image)
        page = self.paginate_queryset(children.select_related("split").defer("split__own"))
        wrapped = self.get_paginated_response([]).data or {}
        return {
            "images": image.descendants,
            "current": image.descendants_current,
            "superseded": image.descendants - image.descendants_current,
            "repositories": repositories,
            "teams": teams,
            "next": wrapped["next"],
            "results": page,
        }

    @extend_schema(methods=["POST"], request=StatementSerializer, responses={200: BaseSerializer}, filters=False)
    @extend_schema(methods=["DELETE"], request=None, responses={204: None}, filters=False)
    @action(detail=True, methods=["post", "delete"], filterset_class=None, pagination_class=None, scopes=())
    def base(self, request: Request, pk: str) -> Response:
        """State what it was built on, with a reason; DELETE takes that back. For editors of its teams."""
        viewer, image = viewer_of(request), self.find(pk)
        if request.method == "DELETE":
            revoke_correction(viewer, image)
            return Response(status=status.HTTP_204_NO_CONTENT)
        said = StatementSerializer(data=request.data)
        said.is_valid(raise_exception=True)
        correct_base(viewer, image, said.validated_data["base"], said.validated_data["reason"])
        ground = built_on(viewer, with_base(Image.objects.all()).get(pk=image.pk))
        found = {
            "state": ground.state,
            "image": relative(viewer, ground.base),
            "name": ground.name if ground.state == "named" else "",
            "evidence": ground.how,
            "is_sure": ground.is_sure,
        }
        return Response(BaseSerializer(found).data)

    @extend_schema(
        responses=WorkSerializer,
        filters=False,
        parameters=[
            OpenApiParameter("severity", enum=list(LEVELS)),
            OpenApiParameter("fixable", bool),
            OpenApiParameter("page", int),
        ],
    )
    @action(detail=True, filterset_class=None, pagination_class=None)
    def work(self, request: Request, pk: str) -> Response:
        """A base's vulnerabilities, each once, with how much is built on it and has it, too; 50 to a page."""
        query = request.query_params
        image = Image.objects.select_related("finding_set").get(pk=self.find(pk).pk)
        number = query.get("page", "1")
        page = min(max(int(number), 1), 10_000) if number.isdecimal() and len(number) < 6 else 1
        levels = LEVELS.get(query.get("severity", ""), (None, None))
        fixable = {"true": True, "false": False}.get(query.get("fixable", ""))
        found = work_list(image, levels, fixable, page)
        body = {
            "total": found.total,
            "looked_at": found.looked_at,
            "is_exact": found.is_exact,
            "next_page": page + 1 if found.total > page * 50 else None,
            "results": found.items,
        }
        return Response(WorkSerializer(body).data)


def freshness(viewer: Viewer, image: Image, fresh: Freshness) -> dict[str, Any]:
    """The base's, with what a rebuild on the newest would do."""
    found: dict[str, Any] = {"state": fresh.state, "tag": fresh.tag, "since": fresh.since, "rebuild": None}
    newest = Image.objects.filter(pk=fresh.newest).first() if fresh.newest and image.base else None
    if newest and image.base:
        (told,) = previews(image, image.base, image.split.own if image.split else None, [newest])
        found["rebuild"] = {
            "base": relative(viewer, newest),
            "after": told.after,
            "fixes": told.fixes,
            "brings": told.brings,
            "size": told.size,
        }
    return found
