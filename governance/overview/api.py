"""Images over HTTP: the list with the page's filters, one image, and what hangs on it."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet, prefetch_related_objects
from drf_spectacular.utils import OpenApiParameter, extend_schema, extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Team, Token
from governance.accounts.permissions import viewer_of
from governance.approvals.standing import Standing, State, standings_of
from governance.findings.models import Finding, Scan
from governance.findings.models_vex import VexStatement
from governance.findings.report import Severity
from governance.findings.risk import points
from governance.findings.vex_apply import Word, words_of
from governance.findings.weigh import facts_of
from governance.images.models import Image, Manifest, Tag
from governance.overview.contents import Wanted, finding_ids
from governance.overview.filters import ImageFilterSet
from governance.overview.lineage_api import CountersSerializer, LineageActions, RelativeSerializer, relative
from governance.overview.packages_api import PackageActions
from governance.overview.said import Said, current_scans, said_of, testimonies
from governance.overview.timeline_api import TimelineActions
from governance.runtime.models import Running
from governance.runtime.workload_api import WorkloadSerializer, with_places

SHOWN = ("", "true", "vex", "scanner", "exempted")
ASIDE = OpenApiParameter(
    "suppressed",
    enum=SHOWN,
    description="what was set aside, by anybody, by VEX statements or by scanners, in place of what counts; or of what"
    " counts that which is exempted",
)


ORIGINS = ("", "own", "inherited", "all")
ORIGIN = OpenApiParameter(
    "origin",
    enum=ORIGINS,
    description="those that the image brought, or those that its base has too; all where no base is known",
)


def query_of(request: Request, name: str, allowed: tuple[str, ...]) -> str:
    """A parameter that takes one of a few words."""
    value = request.query_params.get(name, "")
    if value not in allowed:
        raise serializers.ValidationError({name: f"one of {', '.join(filter(None, allowed))}"})
    return value


class ListedSerializer(serializers.Serializer[Any]):
    """What the approved list says of a base, why, and what to use instead."""

    state = serializers.ChoiceField(choices=State.values)
    verdict = serializers.ChoiceField(choices=["allow", "warn", "deny", "unknown"])
    reasons = serializers.ListField(child=serializers.CharField())
    entry = serializers.IntegerField(allow_null=True)
    replacement = serializers.CharField(allow_blank=True)


class ImageSerializer(serializers.ModelSerializer[Image]):
    """What lists show."""

    platform = serializers.CharField(read_only=True)
    by_severity = serializers.SerializerMethodField()
    teams = serializers.SerializerMethodField()
    lifecycle = serializers.ChoiceField(
        choices=Image.Lifecycle.choices, read_only=True, help_text="where it is in its life (docs/lifecycle.md)"
    )
    base = serializers.SerializerMethodField()
    base_listed = serializers.SerializerMethodField()
    own = serializers.SerializerMethodField(help_text="findings without the base's; null where no base is known")
    inherited = serializers.SerializerMethodField(help_text="how many findings the base has, too: its owner's work")

    class Meta:
        model = Image
        fields = [
            *("id", "reference", "config_digest", "platform", "built_at", "first_seen", "state", "is_identified"),
            *("by_severity", "fixable", "suppressed", "ci_at", "registry_at", "runtime_at", "failed_stages", "teams"),
            "exempted",
            *("exploited", "epss", "risk", "traits", "is_demo", "base", "base_listed", "own", "inherited"),
            *("running", "lifecycle"),
        ]
        extra_kwargs = {
            "running": {"help_text": "workloads that run it; null where no agent tells, 0 where all say it stopped"}
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.listed: dict[int, Standing] = {}

    @extend_schema_field(RelativeSerializer(allow_null=True))
    def get_base(self, row: Image) -> dict[str, Any] | None:
        """The image it was built on; by name only where that is another team's."""
        return relative(viewer_of(self.context["request"]), row.base)

    @extend_schema_field(ListedSerializer)
    def get_base_listed(self, row: Image) -> dict[str, Any]:
        """Of all rows of this answer at once."""
        if row.pk not in self.listed:
            rows = self.parent.instance if isinstance(self.parent, serializers.ListSerializer) else None
            self.listed |= standings_of({one.pk: one for one in (row, *(rows or ()))}.values())
        one = self.listed[row.pk]
        said = {"entry": one.said.entry, "replacement": one.said.replacement, "reasons": list(one.said.reasons)}
        return {"state": one.state.value, "verdict": one.said.verdict.value, **said}

    @extend_schema_field(CountersSerializer(allow_null=True))
    def get_own(self, row: Image) -> dict[str, int] | None:
        """By severity."""
        return CountersSerializer(row.split).data if row.split else None

    def get_inherited(self, row: Image) -> int | None:
        """A number alone: which those are, the base's work list says."""
        return row.findings_total - row.split.findings_total if row.split else None

    def get_by_severity(self, row: Image) -> dict[str, int]:
        """Counted findings."""
        return {word: getattr(row, word) for word in ("critical", "high", "medium", "low", "unknown")}

    def get_teams(self, row: Image) -> list[str]:
        """Owners' names."""
        names = self.context.get("teams", {})
        return [names[pk] for pk in row.owners if pk in names]


class ManifestSerializer(serializers.ModelSerializer[Manifest]):
    """A digest that names the image."""

    class Meta:
        model = Manifest
        fields = ["digest", "kind", "source", "first_seen"]


class TagSerializer(serializers.ModelSerializer[Tag]):
    """A stretch of tag history."""

    repository = serializers.CharField(source="repository.__str__")

    class Meta:
        model = Tag
        fields = ["repository", "name", "platform", "since", "last_seen", "until"]


class ImageDetail(ImageSerializer):
    """One image with all its names."""

    risk_points = serializers.SerializerMethodField(
        help_text="points by factor, null where it is not known; the sum is `risk` (docs/operations.md)"
    )
    manifests = ManifestSerializer(many=True)
    tags = TagSerializer(many=True)

    class Meta(ImageSerializer.Meta):
        fields = [
            *ImageSerializer.Meta.fields,
            *("size", "distro", "distro_version", "end_of_life", "end_of_life_on", "config_source", "risk_points"),
            *("manifests", "tags"),
        ]

    def get_risk_points(self, row: Image) -> dict[str, int | None]:
        """As the page shows them."""
        return points(facts_of(row)) if row.is_assessed else {}


class SaidSerializer(serializers.Serializer[Said]):
    """One scanner's word on a finding."""

    scanner = serializers.CharField()
    since = serializers.DateTimeField(allow_null=True, help_text="time of its first scan of the image that said so")
    severity = serializers.CharField()
    fixed_version = serializers.CharField()
    package = serializers.CharField(help_text="the source package, where the scanner names that alone")
    counted = serializers.BooleanField(help_text="false where the scanner set it aside")
    shown = serializers.BooleanField()


class WordSerializer(serializers.Serializer[Word]):
    """A VEX statement on a finding."""

    statement = serializers.IntegerField(help_text="its number in the list of statements")
    issuer = serializers.CharField()
    status = serializers.ChoiceField(choices=VexStatement.Status.choices)
    justification = serializers.CharField()
    detail = serializers.CharField()
    stated_at = serializers.DateTimeField()
    report = serializers.IntegerField(help_text="the report it came in")
    counts = serializers.BooleanField(help_text="false where it is only shown, as its issuer is not trusted")
    base = serializers.IntegerField(
        allow_null=True, help_text="the base that it is on, where the finding comes from that base"
    )


class FindingSerializer(serializers.ModelSerializer[Finding]):
    """One finding of an image."""

    advisory = serializers.CharField(source="advisory.name")
    vulnerability = serializers.CharField(source="advisory.vulnerability.name")
    package = serializers.CharField(source="package.name")
    version = serializers.CharField(source="package.version")
    type = serializers.CharField(source="package.type")
    severity = serializers.SerializerMethodField()
    epss = serializers.FloatField(source="advisory.vulnerability.epss", allow_null=True)
    known_exploited = serializers.DateField(
        source="advisory.vulnerability.kev_added", allow_null=True, help_text="since when, by CISA's catalogue"
    )
    said_by = serializers.SerializerMethodField(
        help_text="what every scanner says of it; `shown` marks the one whose word the finding is"
    )
    vex = serializers.SerializerMethodField(
        help_text="what VEX statements say of it in this image, the deciding one first"
    )

    class Meta:
        model = Finding
        fields = [
            *("id", "advisory", "vulnerability", "package", "version", "type", "severity", "severity_word"),
            *("fixed_version", "status", "epss", "known_exploited", "said_by", "vex"),
        ]

    def get_severity(self, row: Finding) -> str:
        """As a word."""
        return Severity(row.severity).name.lower()

    @extend_schema_field(SaidSerializer(many=True))
    def get_said_by(self, row: Finding) -> list[dict[str, object]]:
        """Looked up for the whole page at once."""
        return [one.as_dict() for one in self.context["said"].get(row.pk, [])]

    @extend_schema_field(WordSerializer(many=True))
    def get_vex(self, row: Finding) -> list[dict[str, object]]:
        """Looked up for the whole page at once."""
        return [one.as_dict() for one in self.context["vex"].get(row.pk, [])]


class ScanSerializer(serializers.ModelSerializer[Scan]):
    """One scan of an image."""

    report = serializers.IntegerField(source="delivery")

    class Meta:
        model = Scan
        fields = [
            *("id", "scanner", "scanner_version", "stage", "outcome", "error", "scanned_at", "received_at"),
            *("is_current", "identified_by", "checks_failed", "report"),
        ]


class ImageViewSet(PackageActions, LineageActions, TimelineActions, mixins.ListModelMixin, GenericViewSet[Image]):
    """Images by id or by any digest."""

    serializer_class = ImageSerializer
    filterset_class = ImageFilterSet
    keyset: tuple[str, ...] = ("-id",)
    scopes = (Token.Scope.READ,)
    lookup_value_regex = r"[A-Za-z0-9:]+"

    def get_queryset(self) -> QuerySet[Image]:
        """What the caller may see."""
        images = Image.objects.present().visible_to(viewer_of(self.request))
        return images.select_related("base", "split").defer("split__own")

    def get_serializer_context(self) -> dict[str, Any]:
        """Team names in one query."""
        return {**super().get_serializer_context(), "teams": dict(Team.objects.values_list("pk", "name"))}

    @extend_schema(responses=ImageDetail)
    def retrieve(self, request: Request, pk: str) -> Response:
        """One image."""
        image = self.find(pk)
        prefetch_related_objects([image], "manifests", "tags__repository__registry")
        return Response(ImageDetail(image, context=self.get_serializer_context()).data)

    def paged(self, rows: QuerySet[Any], serializer: type[serializers.BaseSerializer[Any]]) -> Response:
        """A page of something that hangs on an image."""
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(serializer(page, many=True).data)

    @extend_schema(responses=FindingSerializer(many=True), filters=False, parameters=[ASIDE, ORIGIN])
    @action(detail=True, keyset=("-severity", "-id"), filterset_class=None)
    def findings(self, request: Request, pk: str) -> Response:
        """Counted findings, worst first, or with `suppressed` those set aside."""
        image = self.find(pk)
        wanted = query_of(request, "suppressed", SHOWN)
        seen = testimonies(current_scans(image))
        origin = query_of(request, "origin", ORIGINS)
        sets = [image.finding_set] if image.finding_set else []
        ids = finding_ids(image, sets, Wanted(suppressed=wanted, origin=origin))
        rows: QuerySet[Any] = Finding.objects.filter(pk__in=ids).select_related("package", "advisory__vulnerability")
        page: list[Any] = self.paginate_queryset(rows) or []
        shown = [row.pk for row in page]
        context = {"said": said_of(page, image, seen), "vex": words_of(image.pk, ids=shown) if shown else {}}
        return self.get_paginated_response(FindingSerializer(page, many=True, context=context).data)

    @extend_schema(responses=WorkloadSerializer(many=True), filters=False)
    @action(detail=True, keyset=("-first_seen", "-id"), filterset_class=None)
    def workloads(self, request: Request, pk: str) -> Response:
        """Where it runs and ran, the newest first."""
        rows = Running.objects.visible_to(viewer_of(request)).filter(image=self.find(pk))
        return self.paged(with_places(rows), WorkloadSerializer)

    @extend_schema(responses=ScanSerializer(many=True), filters=False)
    @action(detail=True, keyset=("-scanned_at", "-id"), filterset_class=None)
    def scans(self, request: Request, pk: str) -> Response:
        """Every scan, newest first."""
        return self.paged(Scan.objects.looks().filter(image=self.find(pk)), ScanSerializer)
