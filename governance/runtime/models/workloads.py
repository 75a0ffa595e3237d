"""What runs: workloads, and which image each of them runs, from when to when and how."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.db import models

from governance.accounts.scope import Viewer, teams_of
from governance.findings.models import Scan
from governance.images.models import Image, Repository
from governance.runtime.models.places import Agent, Cluster

if TYPE_CHECKING:
    from datetime import datetime


class WorkloadQuerySet(models.QuerySet["Workload"]):
    """Workloads by who may see them."""

    def visible_to(self, viewer: Viewer) -> WorkloadQuerySet:
        """Everything for administrators and auditors, else what is in the viewer's clusters or runs their images."""
        teams = teams_of(viewer)
        if teams is None:
            return self
        theirs = Running.objects.filter(workload=models.OuterRef("pk"), image__owners__overlap=list(teams))
        return self.filter(models.Q(cluster__team__in=teams) | models.Q(models.Exists(theirs)))


class Workload(models.Model):
    """One container of what an owner deploys: a Deployment's, a CronJob's, or a container of an engine by its name."""

    agent = models.ForeignKey(Agent, models.CASCADE, related_name="workloads", db_index=False)
    cluster = models.ForeignKey(Cluster, models.CASCADE, related_name="workloads")
    namespace = models.CharField(max_length=253, blank=True)
    # As the cluster names it: Deployment, DaemonSet, CronJob, Pod; Container for an engine's own.
    kind = models.CharField(max_length=63)
    name = models.CharField(max_length=253)
    container = models.CharField(max_length=253, blank=True)
    labels = models.JSONField(default=dict)
    first_seen = models.DateTimeField()
    # Since when it runs nothing.
    stopped_at = models.DateTimeField(null=True)

    objects = WorkloadQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["agent", "namespace", "kind", "name", "container"], name="one_workload")
        ]
        indexes = [models.Index(fields=["namespace", "name"], name="workload_name")]

    def __str__(self) -> str:
        return "/".join(part for part in (self.namespace, self.name) if part)

    @property
    def owner(self) -> str:
        """Whom the labels name as its owner, if any of the usual ones does."""
        for label in OWNER_LABELS:
            if value := self.labels.get(label):
                return str(value)
        return ""


# Labels that people use to say whose something is, the surest first.
OWNER_LABELS = ("portwarden.dev/owner", "owner", "team", "app.kubernetes.io/part-of")


class Sighting(models.Model):
    """One thing that runtimes say of an image's identity, told to `findings` once, however many say it."""

    # SHA-256, cut to 16 bytes, of what is said.
    key = models.BinaryField(max_length=16, unique=True)
    scan = models.ForeignKey(Scan, models.CASCADE, related_name="+")


class RunningQuerySet(models.QuerySet["Running"]):
    """Stretches in which a workload ran an image, by who may see them."""

    def visible_to(self, viewer: Viewer) -> RunningQuerySet:
        """Everything for administrators and auditors, else what is in the viewer's clusters or runs their images."""
        teams = teams_of(viewer)
        if teams is None:
            return self
        theirs = models.Q(image__owners__overlap=list(teams))
        return self.filter(models.Q(workload__cluster__team__in=teams) | theirs)

    def now(self) -> RunningQuerySet:
        """Those that nobody said to have stopped; of silent agents nobody knows."""
        return self.filter(stopped_at=None)


class Running(models.Model):
    """A stretch of time in which a workload ran an image in one way. While it holds, its agent saw it last."""

    class Part(models.TextChoices):
        """What the container is to its pod."""

        MAIN = "main", "Container"
        INIT = "init", "Init container"
        EPHEMERAL = "ephemeral", "Ephemeral container"

    class Sandbox(models.TextChoices):
        """What stands between the container and the host's kernel."""

        NONE = "none", "Shares the host's kernel"
        GVISOR = "gvisor", "gVisor"
        KATA = "kata", "Kata Containers"
        FIRECRACKER = "firecracker", "Firecracker"
        HYPERV = "hyperv", "Hyper-V"
        UNKNOWN = "unknown", "Unknown"

    workload = models.ForeignKey(Workload, models.CASCADE, related_name="running", db_index=False)
    agent = models.ForeignKey(Agent, models.CASCADE, related_name="running")
    # Null until anything is known of the image but a name that leads nowhere.
    image = models.ForeignKey(Image, models.SET_NULL, null=True, related_name="workloads")
    # What the agent said of the image's identity: the image follows where that goes.
    sighting = models.ForeignKey(Sighting, models.SET_NULL, null=True, related_name="+")
    # Of all that makes it this stretch and no other, SHA-256 cut to 16 bytes.
    key = models.BinaryField(max_length=16)

    # The image as it was asked for, and the identifier as the runtime wrote it.
    written = models.CharField(max_length=500, blank=True)
    resolved = models.CharField(max_length=500, blank=True)
    # The tag that was asked for, to see where it points now.
    repository = models.ForeignKey(Repository, models.SET_NULL, null=True, related_name="+", db_index=False)
    tag = models.CharField(max_length=128, blank=True)
    part = models.CharField(max_length=10, choices=Part, default=Part.MAIN)
    instances = models.IntegerField(default=1)
    user = models.CharField(max_length=100, blank=True)
    privileged = models.BooleanField(null=True)
    # The handler as the runtime names it (runc, crun, kata-qemu, runsc), the RuntimeClass, and what that comes to.
    runtime = models.CharField(max_length=100, blank=True)
    runtime_class = models.CharField(max_length=253, blank=True)
    sandbox = models.CharField(max_length=12, choices=Sandbox, default=Sandbox.UNKNOWN)
    rootless = models.BooleanField(null=True)

    # When the container was started, as its runtime says; when an agent saw it first, and last once it had stopped.
    started_at = models.DateTimeField(null=True)
    first_seen = models.DateTimeField()
    last_seen = models.DateTimeField(null=True)
    stopped_at = models.DateTimeField(null=True)

    objects = RunningQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "running"
        constraints = [
            models.UniqueConstraint(
                fields=["workload", "key"], condition=models.Q(stopped_at__isnull=True), name="one_running"
            )
        ]
        indexes = [
            models.Index(fields=["workload", "-id"], name="running_history"),
            models.Index(fields=["-first_seen", "-id"], name="running_newest"),
            models.Index(
                fields=["image"], name="running_now", condition=models.Q(stopped_at__isnull=True, image__isnull=False)
            ),
            models.Index(fields=["sighting"], name="running_sighting", condition=models.Q(sighting__isnull=False)),
            models.Index(fields=["-first_seen", "-id"], name="running_live", condition=models.Q(stopped_at=None)),
        ]

    @property
    def state(self) -> str:
        """`running`, `unknown` where its agent is silent, or `stopped`."""
        if self.stopped_at:
            return "stopped"
        return "running" if self.agent.state == Agent.State.HEARD else "unknown"

    @property
    def seen_until(self) -> datetime:
        """When an agent saw it last."""
        return self.last_seen or self.agent.taken_at

    @property
    def is_root(self) -> bool | None:
        """Whether it runs as root, as far as the runtime says; what the image says is the image's."""
        user = self.user.partition(":")[0]
        return None if not user else user in ("0", "root")
