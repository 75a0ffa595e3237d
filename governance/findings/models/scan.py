"""Scans, what they checked, and who sends them."""

from __future__ import annotations

from django.db import models

from governance.accounts.models import Token
from governance.accounts.scope import Viewer, teams_of
from governance.images.models import Image


class SourceQuerySet(models.QuerySet["Source"]):
    """Sources by who may see them."""

    def visible_to(self, viewer: Viewer) -> SourceQuerySet:
        """What the viewer's teams send themselves, and whatever reported an image of theirs."""
        teams = teams_of(viewer)
        if teams is None:
            return self
        theirs = Scan.objects.filter(image__owners__overlap=list(teams), is_current=True, source__isnull=False)
        return self.filter(models.Q(token__team__in=teams) | models.Q(pk__in=theirs.values("source")))


class Source(models.Model):
    """Who sends: one sender with one scanner at one stage; when it was heard, and how long it is usually silent.

    Written by `governance.findings.sources` in the background, never by a report: many reports of one source would
    wait for each other.
    """

    id = models.AutoField(primary_key=True)
    # `token:5`, `command line`, `demo`; what else may send in future has a word of its own.
    sender = models.CharField(max_length=40)
    scanner = models.CharField(max_length=40)
    stage = models.CharField(max_length=8)
    # What people call the sender.
    name = models.CharField(max_length=100)
    token = models.ForeignKey(Token, models.SET_NULL, null=True, related_name="+")
    is_demo = models.BooleanField(default=False)
    reports = models.BigIntegerField(default=0)
    first_heard = models.DateTimeField(null=True)
    last_heard = models.DateTimeField(null=True)
    # Longest pause in seconds since `period`, and in the period before it; how many pauses there were at all.
    period = models.DateTimeField(null=True)
    pause = models.BigIntegerField(default=0)
    pause_before = models.BigIntegerField(default=0)
    pauses = models.BigIntegerField(default=0)
    # Hours of silence that raise an event, where somebody has said so; 0 for never.
    limit_hours = models.IntegerField(null=True)

    objects = SourceQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["sender", "scanner", "stage"], name="one_source")]

    def __str__(self) -> str:
        return f"{self.name} · {self.scanner} · {self.stage}"

    @property
    def usual(self) -> int:
        """The longest pause in seconds that is usual for it."""
        return max(self.pause, self.pause_before)


class Silence(models.Model):
    """A source was not heard for longer than its limit: raised once, over when it is heard again."""

    source = models.ForeignKey(Source, models.CASCADE, related_name="silences")
    # When it was last heard, when that was noticed, when it was heard again (or is not expected any more).
    since = models.DateTimeField()
    raised_at = models.DateTimeField()
    ended_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["source"], condition=models.Q(ended_at__isnull=True), name="one_open_silence"
            )
        ]


# The witness that matches package lists with advisories (`osv.rematch`); no report speaks in its name.
OSV = "osv"
# What runtimes say of an image's identity is kept as a scan that looked at nothing (`governance.runtime.sightings`):
# it takes part in finding out which image is meant, and in nothing else. No report speaks in its name either.
AGENT = "portwarden-agent"


class ScanQuerySet(models.QuerySet["Scan"]):
    """Scans by what they are."""

    def looks(self) -> ScanQuerySet:
        """Those of scanners: without what agents saw running."""
        return self.exclude(scanner=AGENT)


class Scan(models.Model):
    """One scanner's result for one image at one stage and time. It speaks only for its own key."""

    class Stage(models.TextChoices):
        """The three places where a scan is made."""

        CI = "ci", "CI"
        REGISTRY = "registry", "Registry"
        RUNTIME = "runtime", "Runtime"

    class Outcome(models.TextChoices):
        """How it ended."""

        ASSESSED = "assessed", "Assessed"
        UNASSESSED = "unassessed", "Not assessed"
        UNSUPPORTED = "unsupported", "System not supported"
        FAILED = "failed", "Failed"

    image = models.ForeignKey(Image, models.CASCADE, related_name="scans", db_index=False)
    scanner = models.CharField(max_length=40)
    scanner_version = models.CharField(max_length=60, blank=True)
    stage = models.CharField(max_length=8, choices=Stage)
    outcome = models.CharField(max_length=12, choices=Outcome)
    error = models.CharField(max_length=500, blank=True)
    scanned_at = models.DateTimeField()
    received_at = models.DateTimeField()
    # The delivery it came in; a number and no foreign key, because governance does not know scanning.
    delivery = models.BigIntegerField(db_index=True)
    finding_set = models.ForeignKey("findings.FindingSet", models.PROTECT, related_name="scans")
    package_set = models.ForeignKey(
        "findings.PackageSet", models.PROTECT, null=True, related_name="scans", db_index=False
    )
    # What it says of the licences of these packages; null where it says nothing.
    licence_set = models.ForeignKey(
        "findings.LicenceSet", models.PROTECT, null=True, related_name="scans", db_index=False
    )
    # Whether the package set is the image's whole package list, not only what was vulnerable.
    inventory = models.BooleanField(default=False)
    checks_failed = models.IntegerField(default=0)
    # What the report said of the image's system, and whether it is past its end of life.
    distro = models.CharField(max_length=60, blank=True, db_default="")
    distro_version = models.CharField(max_length=60, blank=True, db_default="")
    end_of_life = models.BooleanField(null=True)
    # Which fact of the report led to the image: config, manifest, digest, tag, reference.
    identified_by = models.CharField(max_length=10)
    # `registry/repository:tag` where only that led to the image: looked at again when the tag's history grows.
    named = models.CharField(max_length=400, blank=True)
    # What a report without a config digest said of the image's identity: looked at again when its digests turn out to
    # name several images (`governance.findings.regroup`).
    loose = models.JSONField(null=True)
    # Who sent it; null for scans of before sources were known.
    source = models.ForeignKey(Source, models.SET_NULL, null=True, related_name="scans", db_index=False)
    is_current = models.BooleanField(default=False)

    objects = ScanQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["image", "-scanned_at"], name="scan_history"),
            models.Index(fields=["named"], name="scan_named", condition=~models.Q(named="")),
            models.Index(fields=["source", "scanned_at"], name="scan_source", condition=models.Q(is_current=True)),
        ]
        constraints = [
            models.UniqueConstraint(
                fields=["image", "scanner", "stage"], condition=models.Q(is_current=True), name="one_current_scan"
            )
        ]


class Remerge(models.Model):
    """An image whose scanners' findings have to be merged again, because alias groups grew or the order changed."""

    image = models.OneToOneField(Image, models.CASCADE, related_name="+")


class CheckResult(models.Model):
    """A failed or warned configuration check, secret or licence of a scan; no vulnerability."""

    scan = models.ForeignKey(Scan, models.CASCADE, related_name="checks")
    kind = models.CharField(max_length=20)
    check_id = models.CharField(max_length=200)
    result = models.CharField(max_length=5)
    title = models.CharField(max_length=512, blank=True)
    severity = models.SmallIntegerField(default=0)
    target = models.CharField(max_length=500, blank=True)
