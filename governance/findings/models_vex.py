"""VEX statements, what was taken back of them, and which images have yet to follow them."""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.contrib.postgres.indexes import GinIndex
from django.db import models
from django.db.models.expressions import RawSQL
from django.db.models.functions import Now

from governance.accounts.scope import Viewer, teams_of
from governance.findings.report import Reach

# Statements that may be seen by whoever sees these teams' things: their own, vendors' words on packages, and those on
# images or repositories of theirs.
VISIBLE = """
team = ANY(%(teams)s) OR team IS NULL AND (
    reach IN ('package', 'platform')
    OR EXISTS (SELECT FROM unnest(digests) AS digest(value) JOIN images_image image
               ON image.config_digest = digest.value WHERE image.owners && %(teams)s)
    OR EXISTS (SELECT FROM unnest(digests) AS digest(value) JOIN images_manifest manifest
               ON manifest.digest = digest.value JOIN images_image image ON image.id = manifest.image_id
               WHERE image.owners && %(teams)s)
    OR EXISTS (SELECT FROM unnest(image_names) AS named(name)
               JOIN images_registry registry ON registry.host = split_part(named.name, '/', 1)
               JOIN images_repository repository ON repository.registry_id = registry.id AND
                   repository.name = split_part(substr(named.name, strpos(named.name, '/') + 1), ':', 1)
               WHERE repository.owner_id = ANY(%(teams)s)))
"""


class VexStatementQuerySet(models.QuerySet["VexStatement"]):
    """Statements by who may see them."""

    def visible_to(self, viewer: Viewer) -> VexStatementQuerySet:
        """Everything for administrators and auditors, else what may concern the viewer's teams."""
        teams = teams_of(viewer)
        if teams is None:
            return self
        sql = VISIBLE.replace("%(teams)s", "%s::bigint[]")
        return self.filter(RawSQL(f"({sql})", [sorted(teams)] * 4, output_field=models.BooleanField()))  # noqa: S611

    def with_revocation(self) -> VexStatementQuerySet:
        """Say of each when its subject was revoked, by whom and why (`revoked_at`, `revoked_by`, `revoked_because`)."""
        found = VexRevocation.objects.filter(subject=models.OuterRef("subject"))
        said = {"revoked_at": "at", "revoked_by": "by", "revoked_because": "reason"}
        return self.annotate(**{name: models.Subquery(found.values(column)) for name, column in said.items()})


class VexStatement(models.Model):
    """What an issuer says: this vulnerability, in this product (and component of it), has this status.

    Of one issuer's statements on one subject (vulnerability, product, component) the newest is current, whatever came
    first; the others are its history. `record_statements` (`vex.py`) keeps that so.
    """

    class Status(models.TextChoices):
        """OpenVEX's words; the other dialects are translated to them."""

        NOT_AFFECTED = "not_affected", "Not affected"
        FIXED = "fixed", "Fixed"
        UNDER_INVESTIGATION = "under_investigation", "Under investigation"
        AFFECTED = "affected", "Affected"

    class Where(models.TextChoices):
        """Where it holds (`report.Reach`)."""

        IMAGE = Reach.IMAGE, "In the images it names"
        PLATFORM = Reach.PLATFORM, "On an operating system"
        PACKAGE = Reach.PACKAGE, "Wherever the package lies"
        NOWHERE = Reach.NOWHERE, "In nothing known here"

    # Hashes: of everything that was said, and of what tells one subject of an issuer from another.
    key = models.BinaryField(max_length=16, unique=True)
    subject = models.BinaryField(max_length=16, db_index=True)
    issuer = models.CharField(max_length=200)
    # The team whose token sent it: it holds in that team's images alone. A number: it outlives the team.
    team = models.BigIntegerField(null=True)
    vulnerability = models.CharField(max_length=100)
    # The vulnerability and its aliases.
    names = ArrayField(models.CharField(max_length=100))
    status = models.CharField(max_length=20, choices=Status)
    justification = models.CharField(max_length=100, blank=True)
    detail = models.TextField(blank=True)
    # All names of the product as written, and the component's.
    products = ArrayField(models.CharField(max_length=500))
    component = models.CharField(max_length=500, blank=True)
    # What of that can be looked up: packed digests, `host/repository[:tag]`, `distribution version`, a package.
    reach = models.CharField(max_length=8, choices=Where)
    digests = ArrayField(models.BinaryField(max_length=65))
    image_names = ArrayField(models.CharField(max_length=400))
    platforms = ArrayField(models.CharField(max_length=60))
    package_type = models.CharField(max_length=30, blank=True)
    package_namespace = models.CharField(max_length=200, blank=True)
    package_name = models.CharField(max_length=300, blank=True)
    package_version = models.CharField(max_length=300, blank=True)
    stated_at = models.DateTimeField()
    received_at = models.DateTimeField()
    delivery = models.BigIntegerField(db_index=True)
    format = models.CharField(max_length=40)
    is_current = models.BooleanField(default=False)

    objects = VexStatementQuerySet.as_manager()

    class Meta:
        indexes = [
            # Every scan that found something looks here: a list of what is yet to be indexed would be read each time.
            *(
                GinIndex(fields=[field], name=f"vex_{field}", condition=models.Q(is_current=True), fastupdate=False)
                for field in ("names", "digests", "image_names")
            ),
            models.Index(fields=["issuer", "-id"], name="vex_issuer"),
        ]

    def __str__(self) -> str:
        return f"{self.issuer}: {self.vulnerability} {self.status}"


class VexRevocation(models.Model):
    """A subject of an issuer whose statements do not count, until somebody restores it, also if it is sent again."""

    subject = models.BinaryField(max_length=16, unique=True)
    by = models.CharField(max_length=200)
    at = models.DateTimeField(db_default=Now())
    reason = models.CharField(max_length=500)


class VexWork(models.Model):
    """A statement that came, changed or went: the images it concerns have to be counted anew.

    Looked at twice: at once, and again when every transaction has ended that may have read before the statement was
    there: those up to the number `until`, which the first look had itself.
    """

    statement = models.OneToOneField(VexStatement, models.CASCADE, related_name="+")
    until = models.BigIntegerField(null=True)
