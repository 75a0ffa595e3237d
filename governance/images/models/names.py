"""What images are called and where they lie, over time, and what else happened to them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from governance.images.models.image import Image
from governance.images.models.registry import Repository
from governance.web.fields import DigestField


class Manifest(models.Model):
    """A digest that a registry or runtime uses for an image.

    An index names one image per platform, hence several rows. `kind` stays `unknown` where the source could not tell
    (a repo digest is written alike for both); a later, surer source overwrites it.
    """

    class Kind(models.TextChoices):
        """What the digest is the digest of (OCI image-spec)."""

        MANIFEST = "manifest", "Platform manifest"
        INDEX = "index", "Image index"
        UNKNOWN = "unknown", "Manifest or index"

    digest = DigestField(max_length=65)
    image = models.ForeignKey(Image, models.CASCADE, related_name="manifests")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.UNKNOWN)
    source = models.CharField(max_length=60)
    first_seen = models.DateTimeField()
    # Said together with the config digest; without it the digest may turn out to be that of an index of several images.
    is_sure = models.BooleanField(default=True, db_default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["digest", "image"], name="one_manifest")]


class Placement(models.Model):
    """An image lies in a repository."""

    image = models.ForeignKey(Image, models.CASCADE, related_name="placements", db_index=False)
    repository = models.ForeignKey(Repository, models.CASCADE, related_name="placements")
    first_seen = models.DateTimeField()
    # When a crawl of the registry saw it there last, and since when it is not there any more.
    last_seen = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)
    # Said together with the config digest, as at `Manifest`.
    is_sure = models.BooleanField(default=True, db_default=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["image", "repository"], name="one_placement")]


class Tag(models.Model):
    """A stretch of time in which a tag pointed to an image; `until` is null while it still does."""

    repository = models.ForeignKey(Repository, models.CASCADE, related_name="tags", db_index=False)
    name = models.CharField(max_length=128)
    # That of the image: one tag of a multi-platform index names one image per platform.
    platform = models.CharField(max_length=92, blank=True)
    image = models.ForeignKey(Image, models.CASCADE, related_name="tags")
    since = models.DateTimeField()
    last_seen = models.DateTimeField()
    # When else it was seen between the two: what arrives late may fall between any of them (`governance.images.tags`).
    between = ArrayField(models.DateTimeField(), null=True)
    until = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            models.Index(fields=["repository", "name", "since"], name="tag_history"),
            # For searching by a tag's beginning: a plain index cannot, where the database's collation is not C.
            models.Index(fields=["name"], opclasses=["varchar_pattern_ops"], name="tag_name"),
        ]


class Event(models.Model):
    """What happened to an image beside scans and tags, for its timeline."""

    class Kind(models.TextChoices):
        """What happened."""

        MERGED = "merged", "Two records proved to be one image"
        CORRECTED = "corrected", "Identity corrected"
        OWNED = "owned", "Owner changed"
        REPOINTED = "repointed", "Tag points to another image"
        VANISHED = "vanished", "Tag is no longer there"
        GONE = "gone", "No longer in the registry"
        BASED = "based", "Base stated by a person"
        UPSTREAM = "upstream", "Upstream of this base changed"
        BASE_GONE = "base_gone", "This base vanished upstream"
        BASE_MOVED = "base_moved", "The tag of this base was re-pointed upstream"
        BASE_ENDED = "base_ended", "This base is past its end of life"
        BASE_OLD = "base_old", "This base is deprecated upstream"
        COPIED = "copied", "Our own copy of this base"
        JUDGED = "judged", "Verdict changed"

    image = models.ForeignKey(Image, models.CASCADE, related_name="events")
    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=12, choices=Kind)
    text = models.CharField(max_length=500)
