"""Registries and the repositories in them."""

from __future__ import annotations

from django.db import models

from governance.accounts.models import Team
from governance.accounts.scope import Viewer, teams_of


class Registry(models.Model):
    """A host that serves images, as references name it (`docker.io`, `registry.example:5000`)."""

    host = models.CharField(max_length=255, unique=True)

    def __str__(self) -> str:
        return self.host


class OwnerRule(models.Model):
    """Whose repositories are that fit: the first rule in the order of `place` decides (`governance.runtime.owners`)."""

    class Kind(models.TextChoices):
        """What has to fit."""

        PATTERN = "pattern", "Name of the repository"
        LABEL = "label", "Label of an image"
        NAMESPACE = "namespace", "Namespace it runs in"

    # Of an image's labels only these are kept (`ImageConfig`).
    KNOWN_LABELS = "org.opencontainers.image."

    place = models.IntegerField(default=0)
    kind = models.CharField(max_length=10, choices=Kind)
    label = models.CharField(max_length=200, blank=True)
    # As `governance.images.matching` reads it.
    pattern = models.CharField(max_length=300)
    team = models.ForeignKey(Team, models.CASCADE, related_name="owner_rules")

    class Meta:
        ordering = ["place", "pk"]

    def __str__(self) -> str:
        return f"{self.label or self.kind} {self.pattern} → {self.team.name}"


class RepositoryQuerySet(models.QuerySet["Repository"]):
    """Repositories by who may see them."""

    def visible_to(self, viewer: Viewer) -> RepositoryQuerySet:
        """Everything for administrators and auditors, else what the viewer's teams own."""
        teams = teams_of(viewer)
        return self if teams is None else self.filter(owner__in=teams)


class Repository(models.Model):
    """A repository in a registry; owner, policy and exceptions hang here, so that they outlive each build."""

    class GivenBy(models.TextChoices):
        """How it got its owner. What a person gave, or a team's own token brought, no rule takes."""

        TOKEN = "", "Whoever brought it"
        PERSON = "person", "By hand"
        RULE = "rule", "By rule"

    registry = models.ForeignKey(Registry, models.PROTECT)
    name = models.CharField(max_length=255)
    owner = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True, related_name="repositories")
    given_by = models.CharField(max_length=6, choices=GivenBy, blank=True, db_default="", default="")
    owner_rule = models.ForeignKey(OwnerRule, models.SET_NULL, null=True, blank=True, related_name="repositories")
    is_demo = models.BooleanField(default=False)

    objects = RepositoryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "repositories"
        constraints = [models.UniqueConstraint(fields=["registry", "name"], name="one_repository")]

    def __str__(self) -> str:
        return f"{self.registry.host}/{self.name}"
