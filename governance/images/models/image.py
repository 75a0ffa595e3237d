"""Images by content, how they are configured, and the layers they are made of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from governance.accounts.scope import Viewer, teams_of
from governance.images.models.registry import Repository
from governance.web.fields import DigestField

if TYPE_CHECKING:
    from collections.abc import Sequence


# Where an image is in its life, by what is known of it (docs/lifecycle.md); each image is in exactly one. Built,
# current and running together are what the numbers of the start page are about (`overview.filters.live`).
STILL, STOPPED = models.Q(running=None), models.Q(running=0)
BUILT = models.Q(superseded=False, pushed=False) & STILL
CURRENT = models.Q(superseded=False) & (STOPPED | models.Q(pushed=True, running=None))
SUPERSEDED = models.Q(superseded=True, gone=False) & STILL
RETIRED = models.Q(superseded=True) & (STOPPED | models.Q(gone=True, running=None))
RUNNING = models.Q(running__gt=0)
LIFE = {"built": BUILT, "current": CURRENT, "running": RUNNING, "superseded": SUPERSEDED, "retired": RETIRED}


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

    class Lifecycle(models.TextChoices):
        """Where it is in its life; each image is in exactly one (docs/lifecycle.md)."""

        BUILT = "built", "Built"
        CURRENT = "current", "Current"
        RUNNING = "running", "Running"
        SUPERSEDED = "superseded", "Superseded"
        RETIRED = "retired", "Retired"

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
    # Every tag that ever pointed to it points to another now, or it lies nowhere any more: nobody is expected to scan
    # it again. A registry told its digest; it has left: no tag of it went to another image, or it lies nowhere.
    superseded = models.BooleanField(db_default=False, default=False)
    pushed = models.BooleanField(db_default=False, default=False)
    gone = models.BooleanField(db_default=False, default=False)
    # How many workloads run it; null where no agent that is heard told of it, 0 where those that did say it stopped
    # (kept by `governance.runtime.counts`).
    running = models.IntegerField(null=True)

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
    # Of those that count, how many a decision sets aside (kept by `governance.policy.work`).
    exempted = models.IntegerField(default=0, db_default=0)
    # critical, high, medium, low packed into one number, so that "worst first" is one indexed sort.
    rank = models.BigIntegerField(default=0)
    # Findings that are known exploited, the highest EPSS of all, and what it comes to (`findings.risk`, 0 to 100; null
    # where no scan looked).
    exploited = models.IntegerField(default=0, db_default=0)
    epss = models.FloatField(null=True)
    risk = models.SmallIntegerField(null=True)
    # The worst of its verdicts at the three places (`governance.policy.work`); empty where it was not judged yet.
    verdict = models.CharField(max_length=7, blank=True, db_default="", default="")
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
            models.Index(fields=["-rank", "-id"], name="image_running", condition=models.Q(running__isnull=False)),
            models.Index(fields=["verdict", "-rank", "-id"], name="image_verdict"),
            # The parts of a life that most images are not in.
            models.Index(fields=["-rank", "-id"], name="image_only_built", condition=BUILT),
            models.Index(fields=["-rank", "-id"], name="image_retired", condition=RETIRED),
            models.Index(fields=["-rank", "-id"], name="image_superseded", condition=SUPERSEDED),
            models.Index(fields=["base_name"], name="image_base_name", condition=~models.Q(base_name="")),
        ]

    def __str__(self) -> str:
        return self.reference or self.config_digest or f"image {self.pk}"

    @property
    def platform(self) -> str:
        """`os/architecture[/variant]`, as far as known."""
        return "/".join(part for part in (self.os, self.architecture, self.variant) if part)

    @property
    def lifecycle(self) -> Image.Lifecycle:
        """Where it is in its life, as `LIFE` has it in the database."""
        if self.running:
            return self.Lifecycle.RUNNING
        if not self.superseded:
            is_built = not self.pushed and self.running is None
            return self.Lifecycle.BUILT if is_built else self.Lifecycle.CURRENT
        return self.Lifecycle.RETIRED if self.gone or self.running == 0 else self.Lifecycle.SUPERSEDED

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
