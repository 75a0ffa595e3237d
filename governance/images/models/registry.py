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


class RepositoryQuerySet(models.QuerySet["Repository"]):
    """Repositories by who may see them."""

    def visible_to(self, viewer: Viewer) -> RepositoryQuerySet:
        """Everything for administrators and auditors, else what the viewer's teams own."""
        teams = teams_of(viewer)
        return self if teams is None else self.filter(owner__in=teams)


class Repository(models.Model):
    """A repository in a registry; owner, policy and exceptions hang here, so that they outlive each build."""

    registry = models.ForeignKey(Registry, models.PROTECT)
    name = models.CharField(max_length=255)
    owner = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True, related_name="repositories")
    is_demo = models.BooleanField(default=False)

    objects = RepositoryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "repositories"
        constraints = [models.UniqueConstraint(fields=["registry", "name"], name="one_repository")]

    def __str__(self) -> str:
        return f"{self.registry.host}/{self.name}"
