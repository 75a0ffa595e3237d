"""An image's packages over HTTP, with the licences that its scans tell of them."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response

from governance.findings.licence_sets import UNTOLD, Licences, licences_of
from governance.findings.models import Package
from governance.overview.contents import packages_in
from governance.overview.named import NamedImage

FILTERS = [
    OpenApiParameter("q", OpenApiTypes.STR, description="part of its name, or of its source package's"),
    OpenApiParameter("type", OpenApiTypes.STR, description="as in a package URL: deb, npm"),
    OpenApiParameter("licence", OpenApiTypes.STR, description=f"by its name as in `licences`; `{UNTOLD}` for none"),
]


class PackageSerializer(serializers.ModelSerializer[Package]):
    """A package of an image. `licences` are SPDX identifiers where what was written is plainly one of them."""

    licence = serializers.SerializerMethodField(help_text="the expression or list as told; empty where none is told")
    licences = serializers.SerializerMethodField(help_text="each licence in it")
    licence_told_by = serializers.SerializerMethodField(help_text="the scanner")

    class Meta:
        model = Package
        fields = [
            *("id", "name", "version", "type", "namespace", "source_name", "source_version"),
            *("licence", "licences", "licence_told_by"),
        ]

    @cached_property
    def told(self) -> Licences:
        """Of all packages of the image."""
        found: Licences = self.context["told"]
        return found

    def get_licence(self, row: Package) -> str:
        """As it is shown."""
        return self.told.told[row.pk].text if row.pk in self.told.told else ""

    def get_licences(self, row: Package) -> list[str]:
        """By name."""
        return list(self.told.told[row.pk].names) if row.pk in self.told.told else []

    def get_licence_told_by(self, row: Package) -> str | None:
        """Null where none is told."""
        return self.told.told[row.pk].scanner if row.pk in self.told.told else None


class PackageActions(NamedImage):
    """What an image's viewset offers of its packages."""

    @extend_schema(responses=PackageSerializer(many=True), filters=False, parameters=FILTERS)
    @action(detail=True, keyset=("name", "version", "id"), filterset_class=None)
    def packages(self, request: Request, pk: str) -> Response:
        """Its package list by name; empty where no scan lists any."""
        image, asked = self.find(pk), request.query_params
        told = licences_of(image.pk, image.package_set_id)
        words = [asked.get(name, "").replace("\x00", "")[:300] for name in ("q", "type", "licence")]
        rows: QuerySet[Any] = Package.objects.none()
        if image.package_set is not None:
            rows = packages_in(image.package_set, told, *words)
        page: list[Any] = self.paginate_queryset(rows) or []
        return self.get_paginated_response(PackageSerializer(page, many=True, context={"told": told}).data)
