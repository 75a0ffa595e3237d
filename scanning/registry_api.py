"""Registries over HTTP: the same settings, rules and figures as the pages; passwords are only ever written."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.utils import extend_schema, extend_schema_field
from rest_framework import exceptions, mixins, serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Team, Token
from governance.accounts.permissions import viewer_of
from scanning.connections import crawl_now, literal_names, only_administrators, remove_connection, save_connection
from scanning.connections import target_of as target_of_row
from scanning.filters import KINDS, ConnectionFilterSet, CrawlFilterSet
from scanning.models import Connection, RepositoryCrawl
from scanning.pushing import save_push, stop_push
from scanning.registries import RegistryError
from scanning.registries.check import Step, check_target
from scanning.registry_figures import Progress, progress_of, state_of

STATES = ["off", "paused", "failing", "running", "waiting", "fine"]


class RegistrySerializer(serializers.ModelSerializer[Connection]):
    """A connection to a registry. `password` is written and never read; `password_set` says that there is one."""

    host = serializers.CharField(source="registry.host", read_only=True)
    kind = serializers.ChoiceField(choices=KINDS, required=False)
    base_url = serializers.CharField(max_length=300, required=False, allow_blank=True)
    team = serializers.SlugRelatedField(slug_field="name", queryset=Team.objects.all(), allow_null=True, required=False)
    password = serializers.CharField(max_length=20_000, write_only=True, required=False, trim_whitespace=False)
    password_set = serializers.SerializerMethodField()
    every_minutes = serializers.IntegerField(required=False)
    state = serializers.SerializerMethodField()
    repositories_known = serializers.SerializerMethodField()
    tags_known = serializers.SerializerMethodField()
    tags_unread = serializers.SerializerMethodField()

    class Meta:
        model = Connection
        fields = [
            *("id", "host", "kind", "base_url", "api_url", "token_server", "namespace", "username", "password"),
            *("password_set", "ca", "is_insecure", "repositories", "tags", "team", "every_minutes", "is_enabled"),
            *("may_delete", "state", "error", "listed_at", "is_whole", "next_at", "paused_until"),
            *("repositories_known", "tags_known", "tags_unread"),
        ]
        read_only_fields = ["id", "error", "listed_at", "is_whole", "next_at", "paused_until"]

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.found: dict[int, Progress] = {}

    def progress(self, row: Connection) -> Progress:
        """Figures of all rows of this answer, asked for once."""
        if row.pk not in self.found:
            rows = self.parent.instance if isinstance(self.parent, serializers.ListSerializer) else None
            ids = {row.pk, *(one.pk for one in rows or ())}
            self.found |= dict.fromkeys(ids, Progress()) | progress_of(ids)
        return self.found[row.pk]

    def get_password_set(self, row: Connection) -> bool:
        """Whether there is one."""
        return row.secret is not None

    @extend_schema_field(serializers.ChoiceField(choices=STATES))
    def get_state(self, row: Connection) -> str:
        """In a word."""
        return state_of(row, self.progress(row))

    def get_repositories_known(self, row: Connection) -> int:
        """That are there."""
        return self.progress(row).repositories

    def get_tags_known(self, row: Connection) -> int:
        """In them."""
        return self.progress(row).tags

    def get_tags_unread(self, row: Connection) -> int:
        """That could not be read."""
        return self.progress(row).unread_tags


class CrawlSerializer(serializers.ModelSerializer[RepositoryCrawl]):
    """A repository of a registry: how far its crawl is, how the last one ended."""

    class Meta:
        model = RepositoryCrawl
        fields = [
            *("id", "name", "started_at", "tags_done", "tags_total", "unread", "success_at", "failures", "error"),
            *("next_at", "unlisted_at", "gone_at"),
        ]


class PushSerializer(serializers.Serializer[Any]):
    """The account that writes. `keeps`: copies of approved bases are kept there, below `path`; `automatic`: all."""

    username = serializers.CharField(max_length=200, required=False, default="", allow_blank=True)
    password = serializers.CharField(max_length=20_000, write_only=True, required=False, trim_whitespace=False)
    keeps = serializers.BooleanField(required=False, default=False)
    path = serializers.CharField(max_length=120, required=False, default="kept", allow_blank=True)
    automatic = serializers.BooleanField(required=False, default=True)


class TriedSerializer(serializers.Serializer[Step]):
    """One thing that was tried."""

    name = serializers.CharField()
    state = serializers.ChoiceField(choices=["works", "fails", "open"])
    text = serializers.CharField()


class RegistryViewSet(
    mixins.ListModelMixin, mixins.RetrieveModelMixin, mixins.DestroyModelMixin, GenericViewSet[Connection]
):
    """Connected registries, for those who see everything; administrators change them."""

    queryset = Connection.objects.none()
    serializer_class = RegistrySerializer
    filterset_class: Any = ConnectionFilterSet
    keyset: tuple[str, ...] = ("-id",)
    scopes = (Token.Scope.READ,)
    write_scopes = ()
    lookup_value_regex = r"[0-9]{1,18}"

    def get_queryset(self) -> QuerySet[Connection]:
        """What the caller may see."""
        return Connection.objects.visible_to(viewer_of(self.request)).select_related("registry", "team")

    def create(self, request: Request) -> Response:
        """Connect one; it is crawled next."""
        return self.save(request, None, status.HTTP_201_CREATED)

    def partial_update(self, request: Request, pk: str) -> Response:
        """Change what is given. Another address forgets the password, unless a new one comes with it."""
        return self.save(request, self.find(pk), status.HTTP_200_OK)

    def perform_destroy(self, instance: Connection) -> None:
        """Crawl it no longer; what was found stays."""
        remove_connection(viewer_of(self.request), instance)

    @extend_schema(request=None, responses={202: RegistrySerializer})
    @action(detail=True, methods=["post"])
    def crawl(self, request: Request, pk: str) -> Response:
        """Crawl it now."""
        row = self.find(pk)
        crawl_now(viewer_of(request), row)
        return Response(RegistrySerializer(row).data, status=status.HTTP_202_ACCEPTED)

    @extend_schema(request=None, responses=TriedSerializer(many=True))
    @action(detail=True, methods=["post"])
    def check(self, request: Request, pk: str) -> Response:
        """Try it out: what works and what does not."""
        row = self.find(pk)
        only_administrators(viewer_of(request))
        try:
            steps = check_target(target_of_row(row), literal_names(row.repositories))
        except RegistryError as error:
            steps = [Step("Sign in", "fails", str(error))]
        return Response([asdict(step) for step in steps])

    @extend_schema(methods=["PUT"], request=PushSerializer, responses=PushSerializer)
    @extend_schema(methods=["DELETE"], request=None, responses={204: None})
    @action(detail=True, methods=["put", "delete"])
    def push(self, request: Request, pk: str) -> Response:
        """Say who may push there, and whether copies of bases are kept there; or that nothing is written any more."""
        row, viewer = self.find(pk), viewer_of(request)
        if request.method == "DELETE":
            stop_push(viewer, row)
            return Response(status=status.HTTP_204_NO_CONTENT)
        only_administrators(viewer)
        wanted = PushSerializer(data=request.data)
        wanted.is_valid(raise_exception=True)
        said = dict(wanted.validated_data)
        save_push(viewer, row, said, said.pop("password", None))
        return Response(said)

    @extend_schema(responses=CrawlSerializer(many=True))
    @action(detail=True, keyset=("name", "id"), filterset_class=CrawlFilterSet)
    def repositories(self, request: Request, pk: str) -> Response:
        """Its repositories, by name."""
        rows = self.filter_queryset(RepositoryCrawl.objects.filter(connection=self.find(pk)))  # type: ignore[arg-type]
        page = self.paginate_queryset(rows)
        return self.get_paginated_response(CrawlSerializer(page, many=True).data)

    def find(self, pk: str) -> Connection:
        """Among what the caller may see. Raises `Http404`."""
        row = self.get_queryset().filter(pk=int(pk)).first()
        if row is None:
            raise Http404
        return row

    def save(self, request: Request, row: Connection | None, code: int) -> Response:
        """Add or change."""
        only_administrators(viewer_of(request))
        wanted = RegistrySerializer(row, data=request.data, partial=row is not None)
        wanted.is_valid(raise_exception=True)
        said: dict[str, Any] = dict(wanted.validated_data)
        secret = said.pop("password", None)
        try:
            saved = save_connection(viewer_of(request), row, said, secret)
        except ValidationError as error:
            raise exceptions.ValidationError(error.message_dict) from error
        return Response(RegistrySerializer(saved).data, status=code)
