"""Vulnerabilities over HTTP, by any alias."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Team, Token
from governance.accounts.permissions import viewer_of
from governance.accounts.scope import teams_of
from governance.findings.fleet import GROUPED, all_with, images_with, vulnerabilities_of
from governance.findings.models import Advisory, Finding, Vulnerability
from governance.findings.report import Severity
from governance.images.models import Image

# Beyond this many images the answer says so; the image list with ?q=CVE pages through all of them.
MOST_IMAGES = 1000


class VulnerabilitySerializer(serializers.ModelSerializer[Vulnerability]):
    """What lists show."""

    severity = serializers.SerializerMethodField()

    class Meta:
        model = Vulnerability
        fields = [
            *("id", "name", "title", "severity", "cvss", "published", "url"),
            *("epss", "epss_percentile", "epss_cve", "kev_added", "kev_due", "kev_ransomware", "kev_cve"),
        ]

    def get_severity(self, row: Vulnerability) -> str:
        """As a word."""
        return Severity(row.severity).name.lower()


class AffectedImage(serializers.ModelSerializer[Image]):
    """An image that has it."""

    class Meta:
        model = Image
        fields = ["id", "reference", "config_digest", "state"]


class VulnerabilityDetail(VulnerabilitySerializer):
    """The emergency answer: which images, whose, fixed by what."""

    aliases = serializers.ListField(child=serializers.CharField())
    description = serializers.CharField()
    images = AffectedImage(many=True)
    images_total = serializers.IntegerField(help_text="how many there are, counted up to 10,000; `images` holds 1,000")
    images_total_exact = serializers.BooleanField(help_text="false where there are more than were counted")
    workloads = serializers.ListField(child=serializers.DictField())
    workloads_more = serializers.BooleanField(help_text="there are others: `/api/v1/workloads/?vulnerability=` has all")
    teams = serializers.ListField(child=serializers.CharField())
    fixed_by = serializers.ListField(child=serializers.DictField())

    class Meta(VulnerabilitySerializer.Meta):
        fields = [
            *VulnerabilitySerializer.Meta.fields,
            *("description", "aliases", "images", "images_total", "images_total_exact"),
            *("workloads", "workloads_more", "teams", "fixed_by"),
        ]


class VulnerabilityViewSet(mixins.ListModelMixin, GenericViewSet[Vulnerability]):
    """All that any scan has named."""

    # Names the model for the OpenAPI document.
    queryset = Vulnerability.objects.none()
    serializer_class = VulnerabilitySerializer
    keyset = ("-severity", "-id")
    scopes = (Token.Scope.READ,)
    lookup_value_regex = r"[^/]+"

    def images(self) -> QuerySet[Image]:
        """What the caller may see."""
        return Image.objects.present().visible_to(viewer_of(self.request))

    @property
    def restricted(self) -> bool:
        """The caller does not see everything."""
        return teams_of(viewer_of(self.request)) is not None

    def get_queryset(self) -> QuerySet[Vulnerability]:
        """What none of the caller's images has is not theirs to see."""
        if not self.restricted:
            return Vulnerability.objects.all()
        return Vulnerability.objects.filter(pk__in=vulnerabilities_of(self.images())[0])

    @extend_schema(responses=VulnerabilityDetail)
    def retrieve(self, request: Request, pk: str) -> Response:
        """By number or by any alias (CVE-, GHSA-, ...)."""
        advisory = Advisory.objects.select_related("vulnerability").filter(name=pk[:100]).first()
        found = advisory.vulnerability if advisory else None
        if found is None and pk.isdecimal() and len(pk) < 19:
            found = Vulnerability.objects.filter(pk=int(pk)).first()
        if found is None:
            raise Http404
        findings = list(Finding.objects.filter(advisory__vulnerability=found).values_list("pk", flat=True))
        images = images_with(self.images(), findings)
        needed = images.only("reference", "config_digest", "state", "owners")
        shown = list(needed.order_by("-rank", "-pk")[: MOST_IMAGES + 1])
        if self.restricted and not shown:
            raise Http404
        total = len(shown)
        if total > MOST_IMAGES:
            total = all_with(self.images(), findings).values("pk")[: GROUPED + 1].count()
        return Response(self.detail_of(found, shown, total))

    def detail_of(self, row: Vulnerability, shown: list[Image], total: int) -> dict[str, Any]:
        """Only what the caller may see is listed and counted."""
        owners = {owner for image in shown for owner in image.owners}
        fixes = (
            Finding.objects.filter(advisory__vulnerability=row)
            .exclude(fixed_version="")
            .order_by("package__name", "fixed_version")
            .values("package__name", "package__type", "fixed_version")
            .distinct()[:200]
        )
        return {
            **VulnerabilitySerializer(row).data,
            "description": row.description,
            "aliases": list(row.advisories.order_by("name").values_list("name", flat=True)),
            "images": AffectedImage(shown[:MOST_IMAGES], many=True).data,
            "images_total": min(total, GROUPED),
            "images_total_exact": total <= GROUPED,
            "workloads": [],
            "workloads_more": False,
            "teams": list(Team.objects.filter(pk__in=owners).values_list("name", flat=True)),
            "fixed_by": [
                {"package": fix["package__name"], "type": fix["package__type"], "version": fix["fixed_version"]}
                for fix in fixes
            ],
        }
