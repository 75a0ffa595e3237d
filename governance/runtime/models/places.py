"""Clusters and hosts, and the agents that tell what runs there."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.db import models

from governance.accounts.models import Team, Token
from governance.accounts.scope import Viewer, teams_of

if TYPE_CHECKING:
    from datetime import datetime

# An agent may miss so many of its own turns before nobody knows any more what runs there; and at least so long.
MISSED, AT_LEAST = 3, timedelta(minutes=5)


class ClusterQuerySet(models.QuerySet["Cluster"]):
    """Clusters by who may see them."""

    def visible_to(self, viewer: Viewer) -> ClusterQuerySet:
        """Everything for administrators and auditors, else what belongs to the viewer's teams or runs their images."""
        teams = teams_of(viewer)
        if teams is None:
            return self
        theirs = models.Exists(
            Cluster.objects.filter(
                pk=models.OuterRef("pk"), workloads__running__image__owners__overlap=list(teams)
            ).order_by()
        )
        return self.filter(models.Q(team__in=teams) | models.Q(theirs))


class Cluster(models.Model):
    """A cluster or a host. `uid` is what it calls itself and never changes; its first agent's token speaks for it."""

    class Kind(models.TextChoices):
        """What it is."""

        CLUSTER = "cluster", "Cluster"
        HOST = "host", "Host"

    uid = models.CharField(max_length=100, unique=True)
    kind = models.CharField(max_length=8, choices=Kind)
    name = models.CharField(max_length=200)
    # What people call the surroundings: production, staging.
    environment = models.CharField(max_length=60, blank=True, db_default="", default="")
    team = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="clusters")
    token = models.ForeignKey(Token, models.SET_NULL, null=True, related_name="+")
    is_demo = models.BooleanField(default=False)
    first_seen = models.DateTimeField()

    objects = ClusterQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]

    def __str__(self) -> str:
        return self.name or self.uid


class AgentQuerySet(models.QuerySet["Agent"]):
    """Agents by what they are expected to do."""

    def expected(self) -> AgentQuerySet:
        """Those that should be heard: nobody said that they are gone."""
        return self.filter(retired_at=None)


class Agent(models.Model):
    """Who tells of one source of a cluster or host (an engine's socket, an API server), by numbered full snapshots.

    `instance` is the agent's process; `number` and `delivery` are those of the newest snapshot that was applied. Within
    an instance the number decides which snapshot is newer, between two of them the order of arrival.
    """

    class State(models.TextChoices):
        """Whether it can be believed that what it told last still holds."""

        HEARD = "heard", "Heard"
        SILENT = "silent", "Silent"
        RETIRED = "retired", "Removed"

    cluster = models.ForeignKey(Cluster, models.CASCADE, related_name="agents")
    name = models.CharField(max_length=100)
    token = models.ForeignKey(Token, models.SET_NULL, null=True, related_name="agents")
    version = models.CharField(max_length=40, blank=True)
    # Seconds between its snapshots, as it says itself.
    interval = models.IntegerField(default=60)

    instance = models.CharField(max_length=64)
    past = ArrayField(models.CharField(max_length=64), default=list)
    number = models.BigIntegerField(default=0)
    delivery = models.BigIntegerField(default=0)
    # Of what it told last, to know it again in short words.
    contents = models.CharField(max_length=64, blank=True)
    # It said that nothing changed, and that was about something never received: it is asked for all again.
    is_wanted = models.BooleanField(default=False)
    # An instance that was replaced came back: two agents send under one name.
    is_doubled = models.BooleanField(default=False)
    taken_at = models.DateTimeField()

    first_heard = models.DateTimeField()
    last_heard = models.DateTimeField()
    silent_since = models.DateTimeField(null=True)
    retired_at = models.DateTimeField(null=True)

    engine = models.CharField(max_length=40, blank=True)
    engine_version = models.CharField(max_length=60, blank=True)
    store = models.CharField(max_length=40, blank=True)
    rootless = models.BooleanField(null=True)
    system = models.CharField(max_length=100, blank=True)
    kernel = models.CharField(max_length=100, blank=True)
    architecture = models.CharField(max_length=30, blank=True)
    # What it could not look at, in its own words.
    note = models.CharField(max_length=500, blank=True)
    # Containers that it named last.
    told = models.IntegerField(default=0)

    objects = AgentQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [models.UniqueConstraint(fields=["cluster", "name"], name="one_agent")]
        indexes = [
            models.Index(fields=["last_heard"], name="agent_heard", condition=models.Q(silent_since__isnull=True))
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """`heard`, `silent` or `retired`."""
        if self.retired_at:
            return self.State.RETIRED
        return self.State.SILENT if self.silent_since else self.State.HEARD

    @property
    def state_words(self) -> str:
        """The state for people."""
        return self.State(self.state).label

    @property
    def patience(self) -> timedelta:
        """After how long without a word it is silent."""
        return max(MISSED * timedelta(seconds=self.interval), AT_LEAST)

    @property
    def due(self) -> datetime:
        """When it falls silent if nothing comes."""
        return self.last_heard + self.patience
