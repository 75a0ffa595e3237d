"""What runs where over HTTP: workloads with the page's filters, and the agents that tell of them."""

from __future__ import annotations

from typing import Any

from django.db.models import QuerySet
from drf_spectacular.utils import extend_schema_field
from rest_framework import mixins, serializers
from rest_framework.viewsets import GenericViewSet

from governance.accounts.models import Token
from governance.accounts.permissions import viewer_of
from governance.runtime.models import Agent, Cluster, Running
from governance.runtime.workload_filters import AgentFilterSet, RunningFilterSet


class ClusterSerializer(serializers.ModelSerializer[Cluster]):
    """A cluster or host."""

    class Meta:
        model = Cluster
        fields = ["id", "kind", "name", "environment"]


class RunsImage(serializers.Serializer[dict[str, Any]]):
    """The image that runs."""

    id = serializers.IntegerField()
    reference = serializers.CharField()


class WorkloadSerializer(serializers.ModelSerializer[Running]):
    """A stretch of time in which a workload ran an image."""

    state = serializers.ChoiceField(
        choices=["running", "unknown", "stopped"], help_text="unknown where the agent that told of it is silent"
    )
    cluster = ClusterSerializer(source="workload.cluster")
    namespace = serializers.CharField(source="workload.namespace")
    kind = serializers.CharField(source="workload.kind")
    name = serializers.CharField(source="workload.name")
    container = serializers.CharField(source="workload.container")
    owner = serializers.CharField(source="workload.owner", help_text="as its labels say")
    agent = serializers.IntegerField(source="agent_id")
    heard_at = serializers.DateTimeField(source="agent.last_heard", help_text="when its agent was heard last")
    image = serializers.SerializerMethodField(help_text="null until more is known of it than a name")
    last_seen = serializers.DateTimeField(source="seen_until")

    class Meta:
        model = Running
        fields = [
            *("id", "state", "cluster", "namespace", "kind", "name", "container", "part", "owner", "image", "written"),
            *("resolved", "instances", "user", "privileged", "runtime", "runtime_class", "sandbox", "rootless"),
            *("started_at", "first_seen", "last_seen", "stopped_at", "agent", "heard_at"),
        ]

    @extend_schema_field(RunsImage(allow_null=True))
    def get_image(self, row: Running) -> dict[str, Any] | None:
        """By number and name."""
        return {"id": row.image.pk, "reference": str(row.image)} if row.image else None


def with_places(rows: QuerySet[Running]) -> QuerySet[Running]:
    """With all that one row shows, in one query."""
    return rows.select_related("workload__cluster", "agent", "image")


class WorkloadViewSet(mixins.ListModelMixin, GenericViewSet[Running]):
    """What runs where, the newest first; what stopped only with `state=stopped`."""

    serializer_class = WorkloadSerializer
    filterset_class = RunningFilterSet
    keyset: tuple[str, ...] = ("-first_seen", "-id")
    scopes = (Token.Scope.READ,)

    def get_queryset(self) -> QuerySet[Running]:
        """What the caller may see."""
        return with_places(Running.objects.visible_to(viewer_of(self.request)))


class AgentSerializer(serializers.ModelSerializer[Agent]):
    """An agent: what it watches and when it was heard."""

    cluster = ClusterSerializer()
    state = serializers.ChoiceField(choices=Agent.State.choices)

    class Meta:
        model = Agent
        fields = [
            *("id", "name", "cluster", "state", "version", "interval", "number", "taken_at", "first_heard"),
            *("last_heard", "silent_since", "engine", "engine_version", "store", "rootless", "system", "kernel"),
            *("architecture", "note", "told", "is_doubled"),
        ]


class AgentViewSet(mixins.ListModelMixin, GenericViewSet[Agent]):
    """Agents, those that were heard longest ago first."""

    serializer_class = AgentSerializer
    filterset_class = AgentFilterSet
    keyset: tuple[str, ...] = ("last_heard", "id")
    scopes = (Token.Scope.READ,)

    def get_queryset(self) -> QuerySet[Agent]:
        """What the caller may see."""
        clusters = Cluster.objects.visible_to(viewer_of(self.request))
        return Agent.objects.filter(cluster__in=clusters).select_related("cluster")
