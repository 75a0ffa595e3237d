"""The approved list: entries with their terms, and every step of their life."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from django.contrib.postgres.expressions import ArraySubquery
from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import JSONObject, Now

from governance.accounts.models import Team, User
from governance.accounts.scope import Viewer, teams_of
from governance.approvals.judgement import Approval, Stage, Terms, Verdict
from governance.approvals.models.copies import CopyPlace
from governance.approvals.patterns import Kind, read_pattern

SEVERITIES = ("critical", "high", "medium", "low")


class ApprovedBaseQuerySet(models.QuerySet["ApprovedBase"]):
    """Entries by who may see them."""

    def visible_to(self, viewer: Viewer) -> ApprovedBaseQuerySet:
        """What was decided is everybody's; a request is seen by its team, the owner and who sees everything."""
        teams = teams_of(viewer)
        if teams is None:
            return self
        listed = models.Q(state__in=ApprovedBase.LISTED)
        if not teams:
            return self.filter(listed) if isinstance(viewer, User) and viewer.is_active else self.none()
        return self.filter(listed | models.Q(owner__in=teams) | models.Q(asked_by__in=teams))

    def listed(self) -> ApprovedBaseQuerySet:
        """What counts, in whatever direction."""
        return self.filter(state__in=ApprovedBase.LISTED)

    def with_life(self) -> ApprovedBaseQuerySet:
        """With the first 500 steps and comments as `told`, and whether a registry for copies is named."""
        steps = ApprovalStep.objects.filter(entry=models.OuterRef("pk")).order_by("pk")
        said = JSONObject(**{name: name for name in ("at", "before", "to", "actor", "reason", "comment")})
        place = CopyPlace.objects.filter(is_current=True)
        return self.annotate(told=ArraySubquery(steps.values(said=said)[:500]), has_place=models.Exists(place))

    def of_teams(self, teams: Collection[int]) -> ApprovedBaseQuerySet:
        """Owned or asked for by the teams; what is nobody's is everybody's."""
        nobodys = models.Q(owner=None, asked_by=None)
        return self.filter(models.Q(owner__in=teams) | models.Q(asked_by__in=teams) | nobodys)


class ApprovedBase(models.Model):
    """An entry of the approved list: which base, on what terms, and where in its life it is."""

    class State(models.TextChoices):
        """The last step of its life. From approved on, the calendar goes further by itself (`stage`)."""

        REQUESTED = "requested", "Requested"
        IN_REVIEW = "in_review", "In review"
        APPROVED = "approved", "Approved"
        DEPRECATED = "deprecated", "Deprecated"
        SUNSET = "sunset", "Sunset"
        BANNED = "banned", "Banned"
        DECLINED = "declined", "Declined"
        RETIRED = "retired", "Replaced by another entry"

    LISTED = ("approved", "deprecated", "sunset", "banned")
    OPEN = ("requested", "in_review")

    # host/repository, normalised as Docker does; the pattern as written (see `patterns.py`).
    name = models.CharField(max_length=255)
    pattern = models.CharField(max_length=200)
    platforms = ArrayField(models.CharField(max_length=60), default=list)
    family = models.CharField(max_length=60, blank=True)
    purpose = models.CharField(max_length=500, blank=True)
    owner = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True, related_name="approved_bases")
    documentation = models.URLField(max_length=500, blank=True)
    replacement = models.CharField(max_length=400, blank=True)

    # Terms. Days; null asks for nothing.
    max_age = models.PositiveIntegerField(null=True)
    max_critical = models.PositiveIntegerField(null=True)
    max_high = models.PositiveIntegerField(null=True)
    max_medium = models.PositiveIntegerField(null=True)
    max_low = models.PositiveIntegerField(null=True)
    grace = models.PositiveIntegerField(null=True)
    must_be_signed = models.BooleanField(default=False)
    must_not_be_root = models.BooleanField(default=False)
    must_be_kept = models.BooleanField(default=False)
    breach = models.CharField(max_length=4, choices=[("warn", "Warn"), ("deny", "Deny")], default="warn")
    # How long content stays approved that its tag has left; null for ever.
    outdated_days = models.PositiveIntegerField(null=True, default=30)

    state = models.CharField(max_length=10, choices=State, default=State.REQUESTED)
    why = models.CharField(max_length=500, blank=True)
    deprecated_on = models.DateField(null=True)
    sunset_on = models.DateField(null=True)
    review_months = models.PositiveSmallIntegerField(null=True)
    review_on = models.DateField(null=True)
    asked_by = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="base_requests")
    # Who put forward what is to be decided, last of all; where two persons are needed, another one approves.
    proposer = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    created_at = models.DateTimeField(db_default=Now())
    is_demo = models.BooleanField(default=False)

    objects = ApprovedBaseQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["name", "pattern", "platforms"],
                name="one_listed_entry",
                condition=models.Q(state__in=["approved", "deprecated", "sunset", "banned"]),
            ),
            models.UniqueConstraint(
                fields=["name", "pattern", "platforms"],
                name="one_open_request",
                condition=models.Q(state__in=["requested", "in_review"]),
            ),
        ]
        indexes = [models.Index(fields=["family", "name", "id"], name="approved_by_family")]

    def __str__(self) -> str:
        separator = "@" if read_pattern(self.pattern).kind == Kind.DIGEST else ":"
        return f"{self.name}{separator}{self.pattern}"

    def as_approval(self) -> Approval:
        """The entry as the list judges by it."""
        most = [(word, getattr(self, f"max_{word}")) for word in SEVERITIES]
        return Approval(
            id=self.pk,
            name=self.name,
            pattern=read_pattern(self.pattern),
            standing=Stage(self.state) if self.state in self.LISTED else Stage.OPEN,
            platforms=frozenset(self.platforms),
            deprecated_on=self.deprecated_on,
            sunset_on=self.sunset_on,
            replacement=self.replacement,
            why=self.why if self.state != self.State.APPROVED else "",
            outdated_days=self.outdated_days,
            terms=Terms(
                max_age=self.max_age,
                most=tuple((word, number) for word, number in most if number is not None),
                grace=self.grace,
                signed=self.must_be_signed,
                non_root=self.must_not_be_root,
                kept=self.must_be_kept,
                breach=Verdict(self.breach),
            ),
        )

    def stage_on(self, on: date) -> str:
        """Its state on a day: the last step taken, or where the calendar has moved it since."""
        return str(self.as_approval().stage_on(on)) if self.state in self.LISTED else self.state


class ApprovalStep(models.Model):
    """One step of an entry's life, or a comment on it (`to` is then where it was)."""

    entry = models.ForeignKey(ApprovedBase, models.CASCADE, related_name="steps")
    at = models.DateTimeField(db_default=Now())
    before = models.CharField(max_length=10, blank=True)
    to = models.CharField(max_length=10, choices=ApprovedBase.State)
    actor = models.CharField(max_length=200)
    person = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    reason = models.CharField(max_length=500, blank=True)
    comment = models.TextField(blank=True)

    class Meta:
        ordering = ["pk"]
