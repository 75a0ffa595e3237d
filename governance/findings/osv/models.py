"""Advisories in the OSV format, what they affect, and what waits to be matched with them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now


class OsvEcosystem(models.Model):
    """An ecosystem of the OSV format whose advisories are loaded. `generation` grows with every load that changed one.

    `releases` are those that any record speaks of: of another release nothing is known.
    """

    name = models.CharField(max_length=40, unique=True)
    loaded_at = models.DateTimeField()
    changed_at = models.DateTimeField()
    generation = models.BigIntegerField(db_index=True)
    records = models.IntegerField(default=0)
    withdrawn = models.IntegerField(default=0)
    releases = ArrayField(models.CharField(max_length=100), default=list)
    # What could not be read of the last file.
    unreadable = models.IntegerField(default=0)
    notes = ArrayField(models.CharField(max_length=300), default=list)

    def __str__(self) -> str:
        return self.name


class OsvRecord(models.Model):
    """One advisory of an ecosystem's feed, as far as findings show of it."""

    ecosystem = models.ForeignKey(OsvEcosystem, models.CASCADE, related_name="+", db_index=False)
    name = models.CharField(max_length=100)
    # Of the record's bytes: only what changed is read again.
    hash = models.BinaryField(max_length=16)
    modified = models.DateTimeField()
    # When it was loaded first; a change of it keeps that.
    first_seen = models.DateTimeField(db_default=Now())
    withdrawn = models.BooleanField(default=False)
    published = models.DateTimeField(null=True)
    aliases = ArrayField(models.CharField(max_length=100), default=list)
    cvss = models.FloatField(default=0)
    summary = models.CharField(max_length=512, blank=True)
    details = models.TextField(blank=True)
    url = models.CharField(max_length=2000, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ecosystem", "name"], name="one_osv_record")]

    def __str__(self) -> str:
        return self.name


class OsvAffected(models.Model):
    """A package in a release that a record speaks of, and which versions are affected (`osv.advice.Statement`)."""

    record = models.ForeignKey(OsvRecord, models.CASCADE, related_name="affected")
    ecosystem = models.ForeignKey(OsvEcosystem, models.CASCADE, related_name="+", db_index=False)
    release = models.CharField(max_length=100, blank=True)
    package = models.CharField(max_length=300)
    severity = models.SmallIntegerField(default=0)
    severity_word = models.CharField(max_length=30, blank=True)
    statement = models.TextField()

    class Meta:
        verbose_name_plural = "osv affected"
        indexes = [models.Index(fields=["package", "ecosystem", "release"], name="osv_package")]


class OsvChange(models.Model):
    """A package whose advisories changed: its images wait to be found (`Rematch`). Without a package: all images."""

    ecosystem = models.CharField(max_length=40)
    package = models.CharField(max_length=300, blank=True)


class Rematch(models.Model):
    """An image whose packages have to be matched with advisories again.

    A number and no key, and an image may stand here twice: whoever puts it here waits for nobody.
    """

    image = models.BigIntegerField(db_index=True)

    class Meta:
        verbose_name_plural = "rematches"


class Matched(models.Model):
    """What the advisories say of a package list in a distribution's release: a set for all images that share both.

    No set where they say nothing. It holds while no load changes anything (`OsvEcosystem.generation`).
    """

    package_set = models.ForeignKey("findings.PackageSet", models.DB_CASCADE, related_name="+", db_index=False)
    # As `osv.ecosystems.release_of` gives it.
    release = models.CharField(max_length=110, blank=True)
    finding_set = models.ForeignKey("findings.FindingSet", models.DB_CASCADE, null=True, related_name="+")
    generation = models.BigIntegerField()

    class Meta:
        verbose_name_plural = "matched"
        constraints = [models.UniqueConstraint(fields=["package_set", "release"], name="one_match")]
