"""What may be deleted from registries: rules that ask for it, pins that forbid it, and runs that list and do it."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from governance.accounts.models import User
from governance.accounts.scope import Viewer, teams_of
from governance.images.models import Image, Repository
from governance.web.fields import DigestField


class RetentionPin(models.Model):
    """Somebody says that a digest stays, of whatever kind it is: a configuration's, a manifest's or an index's."""

    digest = DigestField(max_length=65, unique=True)
    reason = models.CharField(max_length=500)
    # The last day on which it holds; null for ever.
    until = models.DateField(null=True)
    actor = models.CharField(max_length=200)
    person = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    at = models.DateTimeField(db_default=Now())


class RetentionRule(models.Model):
    """Which images need not be kept: of which repositories, in what state, since how many days."""

    class Which(models.TextChoices):
        """What the days are counted from."""

        SUPERSEDED = "superseded", "No tag names it any more"
        UNTAGGED = "untagged", "No tag ever named it"
        ANY = "any", "Whatever its tags, by its age"

    class Stage(models.TextChoices):
        """How far it ever came."""

        ANY = "any", "However far it came"
        CI = "ci", "Seen in CI alone"
        NOT_RUN = "not_run", "Never seen running"

    name = models.CharField(max_length=100, unique=True)
    # Globs of host/repository, one a line; `!` before one leaves out. Nothing: none.
    repositories = models.TextField()
    which = models.CharField(max_length=10, choices=Which, default=Which.SUPERSEDED)
    stage = models.CharField(max_length=7, choices=Stage, default=Stage.ANY)
    days = models.PositiveIntegerField(default=90)
    # So many of the newest images of each repository stay in any case.
    keep_newest = models.PositiveIntegerField(default=5)
    is_enabled = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False, db_default=False)

    def __str__(self) -> str:
        return self.name


class RetentionRun(models.Model):
    """A dry run: what would go and what holds the rest back; and, where somebody says so, its deletion."""

    class State(models.TextChoices):
        """Nothing is deleted before a person has seen the list."""

        PLANNING = "planning", "Looking"
        LISTED = "listed", "Dry run"
        DELETING = "deleting", "Deleting"
        DONE = "done", "Deleted"
        STOPPED = "stopped", "Stopped"

    state = models.CharField(max_length=8, choices=State, default=State.PLANNING)
    actor = models.CharField(max_length=200)
    at = models.DateTimeField(db_default=Now())
    listed_at = models.DateTimeField(null=True)
    started_by = models.CharField(max_length=200, blank=True)
    finished_at = models.DateTimeField(null=True)
    # How many images go and how large they are together, how many of those have no known size, what is held and why.
    images = models.IntegerField(default=0)
    size = models.BigIntegerField(default=0)
    sizeless = models.IntegerField(default=0)
    held = models.JSONField(default=dict)
    # More was found than a run takes.
    is_cut = models.BooleanField(default=False)
    error = models.CharField(max_length=500, blank=True)
    lease_owner = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    next_at = models.DateTimeField(db_default=Now())


class RetentionItemQuerySet(models.QuerySet["RetentionItem"]):
    """Items by who may see them."""

    def visible_to(self, viewer: Viewer) -> RetentionItemQuerySet:
        """Runs go over everybody's repositories: for those who see everything."""
        return self if teams_of(viewer) is None else self.none()


class RetentionItem(models.Model):
    """An image in a repository that a rule asks to delete, and what became of it."""

    class State(models.TextChoices):
        """`held` is the guard's word; `failed` the registry's."""

        LISTED = "listed", "Would go"
        HELD = "held", "Held"
        DELETED = "deleted", "Deleted"
        FAILED = "failed", "Not deleted"

    run = models.ForeignKey(RetentionRun, models.CASCADE, related_name="items", db_index=False)
    image = models.ForeignKey(Image, models.CASCADE, related_name="+")
    repository = models.ForeignKey(Repository, models.CASCADE, related_name="+", db_index=False)
    rule = models.CharField(max_length=100)
    # Since when the rule's days are counted.
    since = models.DateTimeField(null=True)
    size = models.BigIntegerField(null=True)
    state = models.CharField(max_length=8, choices=State, default=State.LISTED)
    # What holds it (a `Hold.kind`), and the sentence; or what the registry answered.
    hold = models.CharField(max_length=12, blank=True)
    why = models.CharField(max_length=500, blank=True)
    digests = ArrayField(DigestField(max_length=65), default=list)
    at = models.DateTimeField(null=True)

    objects = RetentionItemQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["run", "image", "repository"], name="one_retention_item")]
        indexes = [models.Index(fields=["run", "state", "id"], name="retention_state")]
