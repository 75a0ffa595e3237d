"""Registries, repositories, images by content, their names over time, their layers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.functions import Now

from governance.accounts.models import Team
from governance.accounts.scope import Viewer, teams_of
from governance.images.models_work import LineageWork as LineageWork
from governance.images.models_work import ReachWork as ReachWork
from governance.images.models_work import SplitWork as SplitWork
from governance.web.fields import DigestField

if TYPE_CHECKING:
    from collections.abc import Sequence


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


class LayerNode(models.Model):
    """A layer together with everything below it (OCI image-spec, config, Layer ChainID).

    The nodes form a trie: an image points at its top node, images with a common base share its nodes.
    """

    chain_id = DigestField(max_length=65, unique=True)
    parent = models.ForeignKey("self", models.PROTECT, null=True, related_name="children")
    diff_id = DigestField(max_length=65)
    depth = models.PositiveSmallIntegerField()
    created_by = models.CharField(max_length=500, blank=True)


class ImageQuerySet(models.QuerySet["Image"]):
    """Images by who may see them."""

    def present(self) -> ImageQuerySet:
        """Without the records that were merged into another."""
        return self.filter(merged_into__isnull=True)

    def visible_to(self, viewer: Viewer) -> ImageQuerySet:
        """Everything for administrators and auditors, else what lies in a repository of the viewer's teams."""
        teams = teams_of(viewer)
        return self if teams is None else self.filter(owners__overlap=list(teams))


class Image(models.Model):
    """One platform image: its content, by config digest where any report has told it.

    Counters, state and the last scan per stage are recomputed by `governance.findings.state` whenever a scan changes
    them, in the worker, never in the page.
    """

    class State(models.TextChoices):
        """What the scans say; each is a different thing to do."""

        UNKNOWN = "unknown", "Never scanned"
        CLEAN = "clean", "Clean"
        VULNERABLE = "vulnerable", "Vulnerable"
        FAILED = "failed", "Scan failed"
        STALE = "stale", "Scan stale"
        END_OF_LIFE = "end_of_life", "End of life"
        UNSUPPORTED = "unsupported", "System not supported"
        SUPPRESSED = "suppressed", "All set aside"

    config_digest = DigestField(max_length=65, unique=True, null=True)
    config_source = models.CharField(max_length=60, blank=True)
    # A record that no digest names yet is known by the reference it was reported under.
    placeholder = models.CharField(max_length=400, unique=True, null=True)  # noqa: DJ001 (unique where set)
    merged_into = models.ForeignKey("self", models.PROTECT, null=True, related_name="merged", db_index=False)
    first_seen = models.DateTimeField()

    os = models.CharField(max_length=30, blank=True)
    architecture = models.CharField(max_length=30, blank=True)
    variant = models.CharField(max_length=30, blank=True)
    built_at = models.DateTimeField(null=True)
    size = models.BigIntegerField(null=True)
    top_layer = models.ForeignKey(LayerNode, models.PROTECT, null=True, related_name="images")
    distro = models.CharField(max_length=60, blank=True)
    distro_version = models.CharField(max_length=60, blank=True)
    # Follows the dates of its distribution where they are known (`findings.life`), else what a scanner said.
    end_of_life = models.BooleanField(null=True)
    end_of_life_said = models.BooleanField(null=True)
    end_of_life_on = models.DateField(null=True)

    # What it was built on: the nearest known image below it (see lineage.py), how that is known (BaseEdge.Rung, 0 for
    # nobody knows) and whether layers or a person vouch for it. `base_name` is the direct base where that is a name
    # only; then `base`, if set, is an ancestor further down.
    base = models.ForeignKey("self", models.SET_NULL, null=True, related_name="children", db_index=False)
    base_rung = models.SmallIntegerField(db_default=0, default=0)
    base_is_sure = models.BooleanField(db_default=False, default=False)
    base_name = models.CharField(max_length=400, blank=True, db_default="", default="")
    # How much is built on it, at any depth, and of that what a tag still points to; counted in the worker (reach.py).
    descendants = models.IntegerField(db_default=0, default=0)
    descendants_current = models.IntegerField(db_default=0, default=0)
    # Its findings without the base's; null where no base is known, or nothing to compare with.
    split = models.ForeignKey(
        "findings.FindingSplit", models.SET_NULL, null=True, related_name="images", db_index=False
    )

    # What its config and packages show, for filters (`governance.findings.traits`).
    traits = ArrayField(models.CharField(max_length=20), db_default=[], default=list)
    # Every tag that ever pointed to it points to another now: nobody is expected to scan it again.
    superseded = models.BooleanField(db_default=False, default=False)

    reference = models.CharField(max_length=400, blank=True)
    repository = models.ForeignKey(Repository, models.SET_NULL, null=True, related_name="images")
    owners = ArrayField(models.BigIntegerField(), default=list)
    is_demo = models.BooleanField(default=False)

    state = models.CharField(max_length=12, choices=State, default=State.UNKNOWN)
    finding_set = models.ForeignKey("findings.FindingSet", models.PROTECT, null=True, related_name="images")
    package_set = models.ForeignKey("findings.PackageSet", models.PROTECT, null=True, related_name="images")
    critical = models.IntegerField(default=0)
    high = models.IntegerField(default=0)
    medium = models.IntegerField(default=0)
    low = models.IntegerField(default=0)
    unknown = models.IntegerField(default=0)
    fixable = models.IntegerField(default=0)
    suppressed = models.IntegerField(default=0)
    # critical, high, medium, low packed into one number, so that "worst first" is one indexed sort.
    rank = models.BigIntegerField(default=0)
    # Findings that are known exploited, the highest EPSS of all, and what it comes to (`findings.risk`, 0 to 100; null
    # where no scan looked).
    exploited = models.IntegerField(default=0, db_default=0)
    epss = models.FloatField(null=True)
    risk = models.SmallIntegerField(null=True)
    # Last scan at each stage: time, and whether it failed.
    ci_at = models.DateTimeField(null=True)
    registry_at = models.DateTimeField(null=True)
    runtime_at = models.DateTimeField(null=True)
    failed_stages = ArrayField(models.CharField(max_length=8), default=list)

    objects = ImageQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["-rank", "-id"], name="image_rank"),
            models.Index(fields=["-built_at", "-id"], name="image_built"),
            models.Index(models.F("built_at").desc(nulls_last=True), models.F("id").desc(), name="image_newest"),
            models.Index(fields=["state", "-rank", "-id"], name="image_state"),
            models.Index(fields=["-rank", "-id"], name="image_demo", condition=models.Q(is_demo=True)),
            models.Index(fields=["-rank", "-id"], name="image_ended", condition=models.Q(end_of_life=True)),
            models.Index(models.F("risk").desc(nulls_last=True), models.F("id").desc(), name="image_risk"),
            models.Index(fields=["-rank", "-id"], name="image_exploited", condition=models.Q(exploited__gt=0)),
            GinIndex(fields=["owners"], name="image_owners"),
            # Only rows that point somewhere: most were never merged, and not every one has a base that is known.
            models.Index(fields=["merged_into"], name="image_merged", condition=models.Q(merged_into__isnull=False)),
            models.Index(fields=["split"], name="image_split", condition=models.Q(split__isnull=False)),
            models.Index(
                fields=["base", "-rank", "-id"], name="image_children", condition=models.Q(base__isnull=False)
            ),
            models.Index(fields=["-descendants", "-id"], name="image_bases", condition=models.Q(descendants__gt=0)),
            models.Index(
                fields=["-rank", "-id"],
                name="image_base_unknown",
                condition=models.Q(base=None, base_rung=0, merged_into=None),
            ),
            GinIndex(fields=["traits"], name="image_traits"),
            models.Index(fields=["base_name"], name="image_base_name", condition=~models.Q(base_name="")),
        ]

    def __str__(self) -> str:
        return self.reference or self.config_digest or f"image {self.pk}"

    @property
    def platform(self) -> str:
        """`os/architecture[/variant]`, as far as known."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @property
    def is_identified(self) -> bool:
        """A digest names it; without one only a reference does, and the tag may have moved."""
        return self.placeholder is None

    @property
    def is_assessed(self) -> bool:
        """A scan looked for vulnerabilities; without one the counters are zero because nobody knows."""
        return self.finding_set_id is not None

    @property
    def findings_total(self) -> int:
        """All counted findings."""
        return self.critical + self.high + self.medium + self.low + self.unknown

    @property
    def stages(self) -> Sequence[tuple[str, object, bool]]:
        """(stage, time of its last scan or None, whether that scan failed), in the order CI, registry, runtime."""
        times = (("ci", self.ci_at), ("registry", self.registry_at), ("runtime", self.runtime_at))
        return [(stage, at, stage in self.failed_stages) for stage, at in times]


class ImageConfig(models.Model):
    """How an image is to be run and how it was built, from its configuration (OCI image-spec, `config.md`).

    `steps` holds four bytes for each entry of the history, made of it and all before it, so that one history is the
    beginning of another exactly if its bytes are. Of labels the `org.opencontainers.image.` ones are kept.
    """

    image = models.OneToOneField(Image, models.CASCADE, primary_key=True, related_name="config")
    user = models.CharField(max_length=100, blank=True)
    entrypoint = ArrayField(models.CharField(max_length=300), default=list)
    command = ArrayField(models.CharField(max_length=300), default=list)
    env = ArrayField(models.CharField(max_length=100), default=list)
    ports = ArrayField(models.CharField(max_length=30), default=list)
    healthcheck = models.BooleanField(default=False)
    labels = models.JSONField(default=dict)
    steps = models.BinaryField(default=bytes)


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

    image = models.ForeignKey(Image, models.CASCADE, related_name="events")
    at = models.DateTimeField(db_default=Now())
    kind = models.CharField(max_length=12, choices=Kind)
    text = models.CharField(max_length=500)


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
