"""Packages, advisories, findings and sets of them; scans and who sends them are in `scan.py`."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models

from governance.findings import models_vex  # noqa: F401 (Django looks for models here)
from governance.findings.models.licence import Licence, LicenceSet
from governance.findings.models.scan import AGENT, OSV, CheckResult, Remerge, Scan, Silence, Source
from governance.findings.osv import models as osv_models  # noqa: F401 (and here)

__all__ = [
    "AGENT",
    "OSV",
    "Advisory",
    "Alias",
    "CheckResult",
    "DistroLife",
    "Enrichment",
    "ExploitScore",
    "Finding",
    "FindingSet",
    "FindingSplit",
    "KnownExploited",
    "Licence",
    "LicenceSet",
    "Package",
    "PackageSet",
    "Regroup",
    "Remerge",
    "Reweigh",
    "Scan",
    "Silence",
    "Source",
    "Vulnerability",
]


class Vulnerability(models.Model):
    """An alias group of advisories: one vulnerability, whatever the scanners call it."""

    name = models.CharField(max_length=100, unique=True)
    title = models.CharField(max_length=512, blank=True)
    description = models.TextField(blank=True)
    url = models.CharField(max_length=2000, blank=True)
    severity = models.SmallIntegerField(default=0)
    cvss = models.FloatField(default=0)
    published = models.DateTimeField(null=True)
    # Joined by CVE from the feeds (`enrichment.py`); of several CVEs that it stands for, the highest score and the
    # earliest entry, and whose they are. No score is not a score of 0.
    epss = models.FloatField(null=True)
    epss_percentile = models.FloatField(null=True)
    epss_cve = models.CharField(max_length=30, blank=True, db_default="", default="")
    kev_added = models.DateField(null=True)
    kev_due = models.DateField(null=True)
    kev_ransomware = models.BooleanField(null=True)
    kev_cve = models.CharField(max_length=30, blank=True, db_default="", default="")

    class Meta:
        verbose_name_plural = "vulnerabilities"
        indexes = [
            models.Index(fields=["-severity", "-id"], name="vulnerability_worst"),
            models.Index(models.F("epss").desc(nulls_last=True), models.F("id").desc(), name="vulnerability_likely"),
            models.Index(
                fields=["-severity", "-id"], name="vulnerability_exploited", condition=~models.Q(kev_added=None)
            ),
        ]

    def __str__(self) -> str:
        return self.name


class Advisory(models.Model):
    """One identifier as a scanner names it (CVE-, GHSA-, DSA-, ...), in one alias group."""

    name = models.CharField(max_length=100, unique=True)
    vulnerability = models.ForeignKey(Vulnerability, models.PROTECT, related_name="advisories")

    class Meta:
        verbose_name_plural = "advisories"

    def __str__(self) -> str:
        return self.name


class Alias(models.Model):
    """Two identifiers that a report stated of one vulnerability. Groups follow from all of them (`aliases.py`)."""

    low = models.ForeignKey(Advisory, models.CASCADE, related_name="+", db_index=False)
    high = models.ForeignKey(Advisory, models.CASCADE, related_name="+")

    class Meta:
        verbose_name_plural = "aliases"
        constraints = [models.UniqueConstraint(fields=["low", "high"], name="alias_once")]


class Regroup(models.Model):
    """An alias group that changed and whose sets have to be counted again; a number, because it may be gone by then."""

    vulnerability = models.BigIntegerField(unique=True)


class Reweigh(models.Model):
    """A set whose findings' scores changed: it and the images that show it are weighed again, slice by slice."""

    finding_set = models.BigIntegerField()


class ExploitScore(models.Model):
    """EPSS: how likely a CVE is to be exploited within 30 days, for every CVE, whether any image has it or not."""

    cve = models.CharField(max_length=30, primary_key=True)
    score = models.FloatField()
    percentile = models.FloatField()


class KnownExploited(models.Model):
    """An entry of CISA's catalogue. `due` binds agencies of the United States only."""

    cve = models.CharField(max_length=30, primary_key=True)
    added = models.DateField()
    due = models.DateField(null=True)
    ransomware = models.BooleanField()


class DistroLife(models.Model):
    """Until when a release of a distribution gets fixes; `distro` is os-release's ID, `release` how versions begin.

    `is_ended` where a source says so without a date.
    """

    distro = models.CharField(max_length=60)
    release = models.CharField(max_length=60)
    ends = models.DateField(null=True)
    is_ended = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["distro", "release"], name="one_life")]


class Enrichment(models.Model):
    """What was stored of a feed: its own date and version, and whether rows that came in meanwhile were looked at."""

    name = models.CharField(max_length=20, primary_key=True)
    date = models.DateTimeField(null=True)
    version = models.CharField(max_length=60, blank=True)
    stored_at = models.DateTimeField()
    # Sets beyond this were perhaps being written while the feed was; `enrichment.look_again` sees to them.
    sets_before = models.BigIntegerField(default=0)
    is_settled = models.BooleanField(default=False)


class Package(models.Model):
    """A package at a version (purl-spec: type, namespace, name, version), with the source package it was built from.

    Qualifiers do not tell packages apart. Scanners that know the source and those that do not have rows of
    their own; `witnesses.merge` brings them together.
    """

    # A hash of the six parts: an index of constant size for texts of any length.
    key = models.BinaryField(max_length=16, unique=True)
    type = models.CharField(max_length=30, blank=True)
    namespace = models.CharField(max_length=200, blank=True)
    name = models.CharField(max_length=300)
    version = models.CharField(max_length=300, blank=True)
    source_name = models.CharField(max_length=300, blank=True)
    source_version = models.CharField(max_length=300, blank=True)

    class Meta:
        indexes = [models.Index(fields=["name"], name="package_name")]

    def __str__(self) -> str:
        return f"{self.name} {self.version}".strip()


class Finding(models.Model):
    """An immutable statement, stored once for the whole fleet: advisory, package, severity, fix, vendor status.

    The primary key is a 4-byte integer because sets hold millions of them.
    """

    id = models.AutoField(primary_key=True)
    key = models.BinaryField(max_length=16, unique=True)
    advisory = models.ForeignKey(Advisory, models.PROTECT, related_name="findings")
    package = models.ForeignKey(Package, models.PROTECT, related_name="findings")
    severity = models.SmallIntegerField()
    severity_word = models.CharField(max_length=30, blank=True)
    fixed_version = models.CharField(max_length=300, blank=True)
    status = models.CharField(max_length=30, blank=True)
    # When a fix was first known of the vulnerability in this package, at whatever version: a newer build that still
    # lacks it gets no new grace. Written once, with the row; null where no fix is known.
    fix_since = models.DateTimeField(null=True)


class FindingSet(models.Model):
    """What a scan saw: sorted finding ids, unique by the hash of their keys, counters beside it.

    `suppressed` are ids the scanner itself set aside; they are in no counter. The counters count distinct
    (vulnerability, package) lines at their worst severity.
    """

    hash = models.BinaryField(max_length=16, unique=True)
    findings = ArrayField(models.IntegerField())
    suppressed = ArrayField(models.IntegerField(), default=list)
    critical = models.IntegerField(default=0)
    high = models.IntegerField(default=0)
    medium = models.IntegerField(default=0)
    low = models.IntegerField(default=0)
    unknown = models.IntegerField(default=0)
    fixable = models.IntegerField(default=0)
    # Lines that are known exploited, and the highest score of all (`weigh.py`).
    exploited = models.IntegerField(default=0, db_default=0)
    epss = models.FloatField(null=True)
    # Of a set merged from several scanners: {"severity" | "fix" | "status" | "alone": [finding ids]}.
    disputes = models.JSONField(null=True)
    # Of `suppressed`, what VEX statements set aside; a scan's own set has none.
    by_vex = ArrayField(models.IntegerField(), default=list, db_default=[])

    class Meta:
        indexes = [
            GinIndex(fields=["findings"], name="findingset_findings"),
            GinIndex(fields=["suppressed"], name="findingset_suppressed", condition=~models.Q(suppressed=[])),
        ]


class FindingSplit(models.Model):
    """A finding set without what its base has, too: the sorted ids of its own findings, counters beside them.

    Compared with the base's set, or, where the base was never assessed, by the layer that brought the package.
    """

    class How(models.TextChoices):
        """What was compared."""

        SETS = "sets", "With the base's findings of the same scanners"
        MIXED = "mixed", "With the base's findings, which not all of the scanners looked at"
        LAYERS = "layers", "By the layer of each package"

    finding_set = models.ForeignKey(FindingSet, models.CASCADE, related_name="+", db_index=False)
    base_set = models.ForeignKey(FindingSet, models.CASCADE, null=True, related_name="+")
    package_set = models.ForeignKey("PackageSet", models.CASCADE, null=True, related_name="+", db_index=False)
    depth = models.SmallIntegerField(default=0)
    how = models.CharField(max_length=6, choices=How)
    own = ArrayField(models.IntegerField())
    critical = models.IntegerField(default=0)
    high = models.IntegerField(default=0)
    medium = models.IntegerField(default=0)
    low = models.IntegerField(default=0)
    unknown = models.IntegerField(default=0)
    fixable = models.IntegerField(default=0)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["finding_set", "base_set", "package_set", "depth", "how"],
                name="one_split",
                nulls_distinct=False,
            )
        ]

    @property
    def findings_total(self) -> int:
        """All own findings that count."""
        return self.critical + self.high + self.medium + self.low + self.unknown


class PackageSet(models.Model):
    """The packages of an image: sorted package ids for search, and where each lies.

    `places` is zstd over a JSON list of [package id, layer number (1 = bottom, 0 = unknown), path].
    """

    hash = models.BinaryField(max_length=16, unique=True)
    packages = ArrayField(models.IntegerField())
    places = models.BinaryField()

    class Meta:
        indexes = [GinIndex(fields=["packages"], name="packageset_packages")]
