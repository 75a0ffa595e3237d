"""Exemptions: a vulnerability that somebody answers for, where, why and until when."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date

from django.db import models
from django.db.models.functions import Now

from governance.accounts.models import Team, User
from governance.accounts.scope import Viewer, teams_of
from governance.images.models import Image, Repository


class ExemptionQuerySet(models.QuerySet["Exemption"]):
    """Exemptions by who may see them, and by how they stand on a day."""

    def visible_to(self, viewer: Viewer) -> ExemptionQuerySet:
        """What concerns everybody's images is everybody's to read; the rest is the owner's and the concerned teams'."""
        teams = teams_of(viewer)
        if teams is None:
            return self
        if not teams and not (isinstance(viewer, User) and viewer.is_active):
            return self.none()
        theirs = models.Q(owner__in=teams) | models.Q(team__in=teams) | models.Q(repository__owner__in=teams)
        theirs |= models.Q(image__owners__overlap=list(teams))
        granted = models.Q(scope__in=("everywhere", "base")) & models.Q(state=Exemption.State.GRANTED)
        return self.filter(theirs | granted).distinct()

    def of_teams(self, teams: Collection[int]) -> ExemptionQuerySet:
        """What these teams answer for, or what holds for their images alone."""
        theirs = models.Q(owner__in=teams) | models.Q(team__in=teams) | models.Q(repository__owner__in=teams)
        return self.filter(theirs | models.Q(image__owners__overlap=list(teams))).distinct()

    def in_force(self, on: date) -> ExemptionQuerySet:
        """Granted and not ended: on the day of its end a finding counts again."""
        return self.filter(state=Exemption.State.GRANTED, expires_on__gt=on)


class Exemption(models.Model):
    """Findings of one vulnerability, known by any of its names, in one package or all, that are set aside by decision.

    It hangs on names and scopes, never on rows of findings: it survives new tags, rebuilds and merged alias groups.
    """

    class Scope(models.TextChoices):
        """Where it holds. `base` is all images of a repository and everything built on any of them, at any depth."""

        IMAGE = "image", "This image"
        REPOSITORY = "repository", "This repository"
        BASE = "base", "This base and everything built on it"
        TEAM = "team", "A team's images"
        EVERYWHERE = "everywhere", "Everywhere"

    class State(models.TextChoices):
        """The last decision; an end comes by the calendar alone."""

        REQUESTED = "requested", "Requested"
        GRANTED = "granted", "Granted"
        DECLINED = "declined", "Declined"
        REVOKED = "revoked", "Revoked"

    class Kind(models.TextChoices):
        """What is said of the finding: it holds and is borne, or it does not hold here."""

        ACCEPTED = "accepted", "Risk accepted"
        NOT_AFFECTED = "not_affected", "Not affected"

    class Justification(models.TextChoices):
        """Why an image is not affected (OpenVEX 0.2.0, `justification`)."""

        ABSENT = "component_not_present", "The component is not there"
        CODE_ABSENT = "vulnerable_code_not_present", "The vulnerable code is not there"
        NOT_RUN = "vulnerable_code_not_in_execute_path", "The vulnerable code never runs"
        OUT_OF_REACH = "vulnerable_code_cannot_be_controlled_by_adversary", "Nobody can make use of the vulnerable code"
        MITIGATED = "inline_mitigations_already_exist", "It is mitigated where it stands"

    vulnerability = models.CharField(max_length=100)
    package = models.CharField(max_length=300, blank=True)
    scope = models.CharField(max_length=10, choices=Scope)
    # What the scope names; an image that was merged into another leads there.
    image = models.ForeignKey(Image, models.CASCADE, null=True, related_name="exemptions")
    repository = models.ForeignKey(Repository, models.CASCADE, null=True, related_name="exemptions")
    team = models.ForeignKey(Team, models.CASCADE, null=True, related_name="exemptions")

    kind = models.CharField(max_length=12, choices=Kind, default=Kind.ACCEPTED)
    justification = models.CharField(max_length=60, choices=Justification, blank=True)
    reason = models.CharField(max_length=1_000)
    # Who answers for it.
    owner = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="+")
    expires_on = models.DateField()

    state = models.CharField(max_length=9, choices=State, default=State.REQUESTED)
    asked_by = models.CharField(max_length=200)
    proposer = models.ForeignKey(User, models.SET_NULL, null=True, related_name="+")
    asked_at = models.DateTimeField(db_default=Now())
    decided_by = models.CharField(max_length=200, blank=True)
    decided_at = models.DateTimeField(null=True)
    # By whom and when it was granted, also where it was revoked since.
    granted_by = models.CharField(max_length=200, blank=True, db_default="", default="")
    granted_at = models.DateTimeField(null=True)
    # What was said with the decision, or with its end.
    answer = models.CharField(max_length=1_000, blank=True)
    is_demo = models.BooleanField(default=False, db_default=False)

    objects = ExemptionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                name="exemption_names_its_scope",
                condition=(
                    models.Q(scope="image", image__isnull=False, repository=None, team=None)
                    | models.Q(scope__in=["repository", "base"], repository__isnull=False, image=None, team=None)
                    | models.Q(scope="team", team__isnull=False, image=None, repository=None)
                    | models.Q(scope="everywhere", image=None, repository=None, team=None)
                ),
            )
        ]
        indexes = [
            models.Index(fields=["vulnerability"], name="exemption_granted", condition=models.Q(state="granted")),
            models.Index(fields=["state", "expires_on", "id"], name="exemption_end"),
        ]

    def __str__(self) -> str:
        return f"{self.vulnerability} in {self.package or 'every package'}"

    @property
    def where(self) -> str:
        """What it holds for, in words."""
        words = {
            "image": f"image {self.image}",
            "repository": f"{self.repository}",
            "base": f"{self.repository} and what is built on it",
            "team": f"images of {self.team}",
        }
        return words.get(self.scope, "every image")

    def stands_on(self, on: date) -> str:
        """Its state on a day: what was granted has `expired` from the day of its end on."""
        return "expired" if self.state == self.State.GRANTED and self.expires_on <= on else self.state
