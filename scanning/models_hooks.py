"""Who may send events of a registry, and where to look because of them."""

from __future__ import annotations

from datetime import datetime

from django.conf import settings
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone

from governance.accounts.models import Token, User
from governance.accounts.scope import Viewer
from governance.images.models import Registry


class WebhookSourceQuerySet(models.QuerySet["WebhookSource"]):
    """Sources by who may see them."""

    def visible_to(self, viewer: Viewer) -> WebhookSourceQuerySet:
        """Those who see everything: a source speaks for a registry, and no team owns one."""
        if isinstance(viewer, Token):
            return self if viewer.scope == Token.Scope.ADMIN and viewer.team_id is None else self.none()
        return self if isinstance(viewer, User) and viewer.sees_everything else self.none()


class WebhookSource(models.Model):
    """A sender of events: which registry it speaks for, and the secret that proves it."""

    kind = models.CharField(max_length=20)
    name = models.SlugField(max_length=60)
    registry = models.ForeignKey(Registry, models.PROTECT, related_name="webhook_sources")
    # What the names of repositories begin with (a project, an organisation); empty: all.
    prefix = models.CharField(max_length=255, blank=True)
    # Sealed (governance/web/vault.py). The one before it is good until then, so that no event is lost on a change.
    secret = models.BinaryField()
    previous = models.BinaryField(null=True)
    previous_until = models.DateTimeField(null=True)
    # The service account that Google's Pub/Sub signs in with.
    account = models.CharField(max_length=200, blank=True)
    is_enabled = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())
    # The last event that proved itself, and the last that did not. Written every few seconds at most.
    heard_at = models.DateTimeField(null=True)
    refused_at = models.DateTimeField(null=True)

    objects = WebhookSourceQuerySet.as_manager()

    class Meta:
        ordering = ["kind", "name"]
        constraints = [models.UniqueConstraint(fields=["kind", "name"], name="one_webhook_source")]

    def __str__(self) -> str:
        return f"{self.kind}/{self.name}"

    @property
    def about(self) -> str:
        """What its secret is sealed for."""
        return f"webhook {self.pk} {self.kind} {self.name}"

    @property
    def key(self) -> str:
        """What its deliveries' keys are unique within."""
        return f"webhook:{self.pk}"

    def address(self, secret: str = "") -> str:
        """Where its events are sent; `secret` only where it has to stand in the address."""
        word = f"{self.name}.{secret}" if secret else self.name
        return f"{settings.BASE_URL}/webhooks/{self.kind}/{word}/"

    def state(self, now: datetime | None = None) -> str:
        """`off`, `never` (nothing came yet), `refused` (the last that came did not prove itself) or `heard`."""
        if not self.is_enabled:
            return "off"
        if self.refused_at and (self.heard_at is None or self.refused_at > self.heard_at):
            return "refused"
        return "heard" if self.heard_at else "never"

    @property
    def has_two_secrets(self) -> bool:
        """The one before is still good."""
        return bool(self.previous_until and self.previous_until > timezone.now())


class Look(models.Model):
    """A place in a registry to look at soon, because an event hinted at it. One row however often it is wanted.

    `tag` and `digest` are both empty where the whole repository is meant. Wanted again while somebody looks, it stays.
    """

    registry = models.ForeignKey(Registry, models.CASCADE, related_name="+", db_index=False)
    repository = models.CharField(max_length=255)
    tag = models.CharField(max_length=128, blank=True)
    digest = models.CharField(max_length=140, blank=True)
    wanted_at = models.DateTimeField(db_default=Now())
    # The first event that wants it, for people; the body may be gone by then.
    delivery = models.BigIntegerField(null=True)
    attempts = models.SmallIntegerField(default=0, db_default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    lease_owner = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True, db_default="")

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["registry", "repository", "tag", "digest"], name="one_look"),
        ]
        indexes = [models.Index(fields=["next_attempt_at"], name="look_due")]

    def __str__(self) -> str:
        return f"{self.repository}{self.tag and f':{self.tag}'}{self.digest and f'@{self.digest}'}"
