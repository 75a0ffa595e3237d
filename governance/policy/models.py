"""Policies, the verdicts that follow from them, and what gates answered."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from governance.accounts.models import User
from governance.accounts.scope import Viewer, teams_of
from governance.images.models import Image
from governance.policy import models_exemption  # noqa: F401 (Django looks for models here)
from governance.policy.document import PolicyDocument, read_policy
from governance.policy.kernel import Outcome, Version

OUTCOMES = [(Outcome.PASS, "Pass"), (Outcome.WARN, "Warn"), (Outcome.FAIL, "Fail"), (Outcome.UNKNOWN, "Unknown")]


class PolicyQuerySet(models.QuerySet["Policy"]):
    """Policies by who may see them."""

    def visible_to(self, viewer: Viewer) -> PolicyQuerySet:
        """What holds for everybody is everybody's to read; what holds for teams, theirs."""
        teams = teams_of(viewer)
        if teams is None:
            return self
        if not teams and not (isinstance(viewer, User) and viewer.is_active):
            return self.none()
        return self.filter(models.Q(teams=[]) | models.Q(teams__overlap=list(teams)))


class Policy(models.Model):
    """What must hold, as a document (`document.py`), and how often it was changed."""

    name = models.CharField(max_length=60, unique=True)
    document = models.JSONField()
    is_active = models.BooleanField(default=True)
    # Ids of the teams that its scope names; empty where it holds for all.
    teams = ArrayField(models.BigIntegerField(), default=list, db_default=[])
    version = models.IntegerField(default=1)
    changed_at = models.DateTimeField(db_default=Now())
    changed_by = models.CharField(max_length=200, blank=True)

    objects = PolicyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "policies"
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name

    def read(self) -> PolicyDocument:
        """The document."""
        return read_policy(self.document)

    def as_version(self) -> Version:
        """As the kernel asks for it."""
        return Version(self.read(), self.version)


class Round(models.Model):
    """All images are judged anew, because a policy changed or a day began; `reached` is how far that has come, by id.

    A verdict names the round that it holds for; a later round makes all earlier ones void.
    """

    why = models.CharField(max_length=200)
    started_at = models.DateTimeField(db_default=Now())
    # The day that is judged for.
    day = models.DateField()
    total = models.IntegerField(default=0)
    done = models.IntegerField(default=0)
    reached = models.BigIntegerField(default=0)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [models.Index(fields=["id"], name="open_round", condition=models.Q(finished_at=None))]


class Ground(models.Model):
    """A reason, stored once for all images of which it is said, by the hash of it.

    `row` has its outcome by place (`verdicts.as_rows`).
    """

    hash = models.BinaryField(max_length=16, unique=True)
    row = models.JSONField()


class Verdict(models.Model):
    """The current verdicts on an image, one for each place, in one row: their reasons are mostly the same."""

    image = models.OneToOneField(Image, models.CASCADE, primary_key=True, related_name="judged")
    ci = models.CharField(max_length=7, choices=OUTCOMES)
    registry = models.CharField(max_length=7, choices=OUTCOMES)
    runtime = models.CharField(max_length=7, choices=OUTCOMES)
    # Ids of grounds, in the order of the rules; and by place the policy that decided.
    reasons = ArrayField(models.BigIntegerField(), default=list)
    policies = models.JSONField(default=dict)
    # How many findings are exempted.
    exempted = models.IntegerField(default=0)
    # Of what was known.
    facts = models.BinaryField(max_length=16)
    round = models.BigIntegerField()
    evaluated_at = models.DateTimeField(db_default=Now())


class GateDecisionQuerySet(models.QuerySet["GateDecision"]):
    """Decisions by who may see them."""

    def visible_to(self, viewer: Viewer) -> GateDecisionQuerySet:
        """Those on images that the viewer may see."""
        teams = teams_of(viewer)
        return self if teams is None else self.filter(image__owners__overlap=list(teams))


class GateDecision(models.Model):
    """What a gate answered, and why. The same answer to the same asker is kept once a day."""

    key = models.BinaryField(max_length=16, unique=True)
    at = models.DateTimeField(db_default=Now())
    image = models.ForeignKey(Image, models.CASCADE, null=True, related_name="decisions", db_index=False)
    reference = models.CharField(max_length=400)
    stage = models.CharField(max_length=8)
    verdict = models.CharField(max_length=7, choices=OUTCOMES)
    policy = models.CharField(max_length=60, blank=True)
    reasons = models.JSONField(default=list)
    # Where it was asked: `gate`, `report`, `admission`; and by whom, as the audit trail names them.
    gate = models.CharField(max_length=10)
    asked_by = models.CharField(max_length=200)

    objects = GateDecisionQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["image", "-at"], name="decisions_of_image"),
            models.Index(fields=["-at", "-id"], name="decisions_newest"),
        ]
