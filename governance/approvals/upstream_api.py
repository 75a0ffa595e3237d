"""Upstream alarms, what is watched, and kept copies over HTTP: the same rules as the pages."""

from __future__ import annotations

from functools import cached_property
from typing import Any

from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema
from rest_framework import mixins, serializers
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Team, Token
from governance.accounts.permissions import viewer_of
from governance.accounts.scope import teams_of
from governance.approvals.copies import ask_copy, let_go, restore_copy, retry_copy
from governance.approvals.filters import AlarmFilterSet, CopyFilterSet, WatchFilterSet
from governance.approvals.models import ApprovedBase, KeptCopy, UpstreamAlarm, Watch
from governance.approvals.watches import close_alarm, look_now


class WatchSerializer(serializers.ModelSerializer[Watch]):
    """A tag or digest of a base and how it was found upstream last; `unknown` is what could not be looked at."""

    reference = serializers.CharField(source="__str__", read_only=True)

    class Meta:
        model = Watch
        fields = [
            *("id", "reference", "name", "tag", "digest", "is_approved", "is_used", "is_asked"),
            *("state", "why"),
            *("seen_digest", "seen_at", "looked_at", "next_at", "failures"),
        ]


class AlarmSerializer(serializers.ModelSerializer[UpstreamAlarm]):
    """Something amiss upstream; `ended_at` is null while it is. `images` are built on it, `running` of these run."""

    reference = serializers.CharField(source="watch.__str__", read_only=True)
    teams = serializers.SerializerMethodField()
    images = serializers.SerializerMethodField()
    running = serializers.SerializerMethodField()

    class Meta:
        model = UpstreamAlarm
        fields = [
            *("id", "reference", "kind", "text", "before", "now", "images", "running", "teams"),
            *("raised_at", "ended_at", "closed_by", "reason"),
        ]

    @cached_property
    def seen(self) -> set[int] | None:
        """The teams that the caller may see; None is all."""
        return teams_of(viewer_of(self.context["request"]))

    @cached_property
    def names(self) -> dict[int, str]:
        """Theirs."""
        teams = Team.objects.all() if self.seen is None else Team.objects.filter(pk__in=self.seen)
        return dict(teams.values_list("pk", "name"))

    def get_teams(self, row: UpstreamAlarm) -> list[str]:
        """Whose images are built on it, as far as the caller may see that."""
        return [self.names[pk] for pk in row.teams if pk in self.names]

    def get_images(self, row: UpstreamAlarm) -> int | None:
        """All of them, for those who see everything."""
        return row.images if self.seen is None else None

    def get_running(self, row: UpstreamAlarm) -> int | None:
        """Of these."""
        return row.running if self.seen is None else None


class CopySerializer(serializers.ModelSerializer[KeptCopy]):
    """A copy by digest. Only `kept` may be built on, as `internal`; `done` of `total` bytes say how far the job is."""

    registry = serializers.CharField(source="registry.host", read_only=True)
    internal = serializers.CharField(read_only=True, help_text="what to write behind FROM")

    class Meta:
        model = KeptCopy
        fields = [
            *("id", "name", "tag", "digest", "registry", "place", "internal", "state", "error", "platforms", "digests"),
            *("attached", "job", "done", "total", "mounted", "created_at", "copied_at", "verified_at", "read_at"),
            *("restored_at", "next_at"),
        ]


class WhySerializer(serializers.Serializer[Any]):
    """Why."""

    reason = serializers.CharField(max_length=500)


class WantedSerializer(serializers.Serializer[Any]):
    """What of an entry is to be copied."""

    entry = serializers.IntegerField(min_value=1, max_value=10**18)
    digest = serializers.CharField(max_length=140)
    tag = serializers.CharField(max_length=128, required=False, default="")


class Found(GenericViewSet[Any]):
    """What the caller may see, found by number."""

    scopes = (Token.Scope.READ,)
    write_scopes = ()
    keyset: tuple[str, ...] = ("-id",)
    lookup_value_regex = r"[0-9]{1,18}"

    def find(self, pk: str) -> Any:
        """Raises `Http404`."""
        row = self.get_queryset().filter(pk=int(pk)).first()
        if row is None:
            raise Http404
        return row

    def get_object(self) -> Any:
        """Whatever its state: only lists are narrowed."""
        return self.find(self.kwargs["pk"])


class AlarmViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Found):
    """Upstream alarms: open ones, unless `state=ended` or `all`."""

    queryset = UpstreamAlarm.objects.none()
    serializer_class = AlarmSerializer
    filterset_class: Any = AlarmFilterSet

    def get_queryset(self) -> QuerySet[UpstreamAlarm]:
        """On bases that are approved, or that the caller's images are built on."""
        watches = Watch.objects.visible_to(viewer_of(self.request))
        return UpstreamAlarm.objects.filter(watch__in=watches).select_related("watch")

    @extend_schema(request=WhySerializer, responses=AlarmSerializer)
    @action(detail=True, methods=["post"])
    def close(self, request: Request, pk: str) -> Response:
        """Say that it was seen to."""
        row, wanted = self.find(pk), WhySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        close_alarm(viewer_of(request), row, wanted.validated_data["reason"])
        row.refresh_from_db()
        return Response(self.get_serializer(row).data)


class WatchViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Found):
    """Everything that is watched."""

    queryset = Watch.objects.none()
    serializer_class = WatchSerializer
    filterset_class: Any = WatchFilterSet

    def get_queryset(self) -> QuerySet[Watch]:
        """What is approved, or what the caller's images are built on."""
        return Watch.objects.visible_to(viewer_of(self.request))

    @extend_schema(request=None, responses={202: WatchSerializer})
    @action(detail=True, methods=["post"])
    def look(self, request: Request, pk: str) -> Response:
        """Look at it now."""
        row = self.find(pk)
        look_now(viewer_of(request), row)
        return Response(WatchSerializer(row).data, 202)


class CopyViewSet(mixins.ListModelMixin, mixins.RetrieveModelMixin, Found):
    """Kept copies."""

    queryset = KeptCopy.objects.none()
    serializer_class = CopySerializer
    filterset_class: Any = CopyFilterSet

    def get_queryset(self) -> QuerySet[KeptCopy]:
        """Where to take a base from is for everybody."""
        return KeptCopy.objects.visible_to(viewer_of(self.request)).select_related("registry")

    @extend_schema(request=WantedSerializer, responses={202: CopySerializer})
    def create(self, request: Request) -> Response:
        """Have a digest of an entry copied."""
        wanted = WantedSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        said, viewer = wanted.validated_data, viewer_of(request)
        entry = ApprovedBase.objects.visible_to(viewer).select_related("owner").filter(pk=said["entry"]).first()
        if entry is None:
            raise Http404
        return Response(CopySerializer(ask_copy(viewer, entry, said["digest"], said["tag"])).data, 202)

    @extend_schema(request=None, responses={202: CopySerializer})
    @action(detail=True, methods=["post"])
    def retry(self, request: Request, pk: str) -> Response:
        """Verify it now, or copy again what lacks."""
        row = self.find(pk)
        retry_copy(viewer_of(request), row)
        return Response(CopySerializer(self.find(pk)).data, 202)

    @extend_schema(request=WhySerializer, responses={202: CopySerializer})
    @action(detail=True, methods=["post"])
    def restore(self, request: Request, pk: str) -> Response:
        """Push it back to where it came from, its tag included."""
        row, wanted = self.find(pk), WhySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        restore_copy(viewer_of(request), row, wanted.validated_data["reason"])
        return Response(CopySerializer(self.find(pk)).data, 202)

    @extend_schema(request=WhySerializer, responses={204: None})
    @action(detail=True, methods=["post"], url_path="let-go")
    def let_go(self, request: Request, pk: str) -> Response:
        """Keep it no longer; nothing is deleted in the registry."""
        row, wanted = self.find(pk), WhySerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        let_go(viewer_of(request), row, wanted.validated_data["reason"])
        return Response(status=204)
