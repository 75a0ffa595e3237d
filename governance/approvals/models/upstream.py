"""What is watched where it comes from, and what was found amiss there."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from governance.accounts.models import User
from governance.accounts.scope import Viewer, teams_of


class WatchQuerySet(models.QuerySet["Watch"]):
    """Watches by who may see them."""

    def visible_to(self, viewer: Viewer) -> WatchQuerySet:
        """Approved bases are everybody's; others are seen by the teams whose images are built on them."""
        teams = teams_of(viewer)
        if teams is None:
            return self
        if not teams and not (isinstance(viewer, User) and viewer.is_active):
            return self.none()
        return self.filter(models.Q(is_approved=True) | models.Q(owners__overlap=sorted(teams)))


class Watch(models.Model):
    """A tag, or a digest, of a base that is approved, in use or asked for, and how it was found upstream last."""

    class State(models.TextChoices):
        """`unknown` is what could not be looked at: it is never taken for `fine`."""

        WAITING = "waiting", "Not looked at yet"
        FINE = "fine", "There"
        DEPRECATED = "deprecated", "Deprecated upstream"
        ENDED = "ended", "Past its end of life"
        VANISHED = "vanished", "Vanished"
        UNKNOWN = "unknown", "Unknown"

    # host/repository, and either the tag or the digest; neither means the repository, whose tags are listed.
    name = models.CharField(max_length=255)
    tag = models.CharField(max_length=128, blank=True)
    digest = models.CharField(max_length=140, blank=True)
    is_approved = models.BooleanField(default=False)
    is_used = models.BooleanField(default=False)
    # A request means it: it is looked at for whoever decides, and raises no alarm.
    is_asked = models.BooleanField(default=False, db_default=False)
    # Teams whose images are built on it.
    owners = ArrayField(models.BigIntegerField(), default=list)

    state = models.CharField(max_length=10, choices=State, default=State.WAITING)
    # What the last look could not do, or what upstream says of it.
    why = models.CharField(max_length=400, blank=True)
    # The digest that was there last, and when.
    seen_digest = models.CharField(max_length=140, blank=True)
    seen_at = models.DateTimeField(null=True)
    looked_at = models.DateTimeField(null=True)
    failures = models.SmallIntegerField(default=0)
    next_at = models.DateTimeField(db_default=Now())
    lease_owner = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = WatchQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "watches"
        constraints = [models.UniqueConstraint(fields=["name", "tag", "digest"], name="one_watch")]
        indexes = [models.Index(fields=["next_at"], name="watch_due")]

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}" if self.digest else f"{self.name}:{self.tag}" if self.tag else self.name

    @property
    def is_relied_on(self) -> bool:
        """Somebody builds on it, or may."""
        return self.is_approved or self.is_used


class UpstreamAlarm(models.Model):
    """Something amiss upstream: open until it is over, or until somebody says that it was seen to."""

    class Kind(models.TextChoices):
        """What is amiss."""

        VANISHED = "vanished", "Vanished"
        REPOINTED = "repointed", "Re-pointed"
        DEPRECATED = "deprecated", "Deprecated upstream"
        ENDED = "ended", "End of life"
        UNREACHABLE = "unreachable", "Cannot be looked at"

    watch = models.ForeignKey(Watch, models.CASCADE, related_name="alarms")
    kind = models.CharField(max_length=12, choices=Kind)
    text = models.CharField(max_length=500)
    before = models.CharField(max_length=140, blank=True)
    now = models.CharField(max_length=140, blank=True)
    # Who is affected, as of the last look: images that are built on it at any depth, of these running, and their teams.
    images = models.IntegerField(default=0)
    running = models.IntegerField(default=0)
    teams = ArrayField(models.BigIntegerField(), default=list)
    raised_at = models.DateTimeField(db_default=Now())
    # Over by itself, or closed by somebody who said why.
    ended_at = models.DateTimeField(null=True)
    closed_by = models.CharField(max_length=200, blank=True)
    reason = models.CharField(max_length=500, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["watch", "kind"], name="one_open_alarm", condition=models.Q(ended_at__isnull=True)
            )
        ]
        indexes = [models.Index(fields=["-raised_at", "-id"], name="alarm_newest")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.watch}"
