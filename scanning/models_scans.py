"""Images that Portwarden has scanned where they lie."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from governance.accounts.models import User
from governance.images.models import Image


class ScanJob(models.Model):
    """The scan of an image that was asked for last; one row an image, however often."""

    class State(models.TextChoices):
        """`asked`: the registry's own scanner is at it. The last two are final until it is wanted again."""

        WAITING = "waiting", "Waiting"
        RUNNING = "running", "Running"
        ASKED = "asked", "Asked there"
        DONE = "done", "Done"
        FAILED = "failed", "Failed"

    class Why(models.TextChoices):
        """Who wants it."""

        PERSON = "person", "Somebody asked"
        EVENT = "event", "The registry's scanner has finished"
        NEW = "new", "Never scanned in its registry"
        STALE = "stale", "Its last scan there is old"

    image = models.OneToOneField(Image, models.CASCADE, related_name="scan_job")
    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    why = models.CharField(max_length=8, choices=Why)
    asked_by = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    # The lowest first: asked for by somebody, then by how much the image matters.
    priority = models.SmallIntegerField(default=9)
    requested_at = models.DateTimeField(db_default=Now())
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)
    attempts = models.SmallIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    lease_owner = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    # Which way it was scanned, under what name, and what the other side calls it.
    scanner = models.CharField(max_length=20, blank=True, db_default="")
    reference = models.CharField(max_length=500, blank=True, db_default="")
    remote_ref = models.CharField(max_length=255, blank=True, db_default="")
    # The delivery with its report.
    delivery = models.BigIntegerField(null=True)
    error = models.CharField(max_length=1000, blank=True, db_default="")

    class Meta:
        indexes = [
            models.Index(
                fields=["priority", "requested_at"],
                name="scan_open",
                condition=models.Q(state__in=["waiting", "running", "asked"]),
            ),
            models.Index(fields=["started_at"], name="scan_started"),
        ]

    def __str__(self) -> str:
        return self.reference or f"image {self.image_id}"

    @property
    def is_open(self) -> bool:
        """It waits, or somebody is at it."""
        return self.state in (self.State.WAITING, self.State.RUNNING, self.State.ASKED)
