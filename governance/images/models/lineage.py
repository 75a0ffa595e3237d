"""What an image was built on, and how much is built on it."""

from __future__ import annotations

from django.db import models

from governance.images.models.image import Image
from governance.images.models.registry import Repository
from governance.web.fields import DigestField


class BaseEdge(models.Model):
    """One statement that an image was built on another: who says so, what exactly, and whether its content agrees.

    What layers prove is no row: it follows from the trie at any time. The best of both is `Image.base` (`lineage.py`).
    """

    class Rung(models.IntegerChoices):
        """The ladder of evidence, the best highest. A person's correction outranks all."""

        LAYERS = 10, "Layer prefix"
        LABEL = 20, "Image label"
        DECLARED = 30, "Declared by CI"
        ANNOTATION = 40, "OCI annotation"
        PROVENANCE = 50, "Build provenance"
        SIGNED = 60, "Signed provenance"
        CORRECTION = 70, "Stated by a person"

    class Agreement(models.TextChoices):
        """What the layers say of the statement."""

        CONFIRMED = "confirmed", "Confirmed by layers"
        OPEN = "open", "Not to be confirmed"
        CONTRADICTED = "contradicted", "Contradicted by layers"

    image = models.ForeignKey(Image, models.CASCADE, related_name="base_edges", db_index=False)
    rung = models.SmallIntegerField(choices=Rung)
    # As stated: `registry/repository[:tag]`, and the digest of whatever kind; both empty: built on nothing.
    name = models.CharField(max_length=400, blank=True)
    digest = DigestField(max_length=65, null=True)
    # Where it was read, or who stated it.
    source = models.CharField(max_length=200)
    stated_at = models.DateTimeField()
    reason = models.CharField(max_length=500, blank=True)
    revoked_at = models.DateTimeField(null=True)
    # The known image that it names, as far as it could be found.
    base = models.ForeignKey(Image, models.SET_NULL, null=True, related_name="+")
    agreement = models.CharField(max_length=12, choices=Agreement, default=Agreement.OPEN)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["image", "rung", "name", "digest"], name="one_base_edge", nulls_distinct=False
            )
        ]
        indexes = [
            models.Index(fields=["name"], name="base_edge_name", condition=~models.Q(name="")),
            models.Index(fields=["digest"], name="base_edge_digest", condition=models.Q(digest__isnull=False)),
        ]


class BaseReach(models.Model):
    """How many images of one repository are built on an image, at any depth."""

    base = models.ForeignKey(Image, models.CASCADE, related_name="reach", db_index=False)
    repository = models.ForeignKey(Repository, models.CASCADE, null=True, related_name="+")
    images = models.IntegerField()
    current = models.IntegerField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["base", "repository"], name="one_reach", nulls_distinct=False)]
