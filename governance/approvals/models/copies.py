"""Our own copies of bases: where they are kept, which there are, and how they are."""

from __future__ import annotations

from collections.abc import Collection

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models.functions import Now

from governance.accounts.models import User
from governance.accounts.scope import Viewer, teams_of
from governance.images.models import Registry


class CopyPlace(models.Model):
    """The registry in which copies are kept; the administrator names one. `path` goes before each copy's repository."""

    registry = models.OneToOneField(Registry, models.PROTECT, related_name="copy_place")
    path = models.CharField(max_length=120)
    # New copies are made here; at most one place has it, others keep what they have.
    is_current = models.BooleanField(default=True)
    # Every version of an approved base is copied without anybody asking.
    is_automatic = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["is_current"], name="one_copy_place", condition=models.Q(is_current=True))
        ]

    def __str__(self) -> str:
        return f"{self.registry.host}/{self.path}" if self.path else self.registry.host


class KeptCopyQuerySet(models.QuerySet["KeptCopy"]):
    """Copies by who may see them, and by what they hold."""

    def visible_to(self, viewer: Viewer) -> KeptCopyQuerySet:
        """Where to take a base from is for everybody."""
        teams = teams_of(viewer)
        if teams is None or teams or (isinstance(viewer, User) and viewer.is_active):
            return self
        return self.none()

    def holding(self, digests: Collection[str], host: str | None = None) -> KeptCopyQuerySet:
        """Copies that consist of one of these manifests, be they finished or under way (in that registry alone).

        None of these may be deleted there: not the index, not an image of it, not what is attached to them.
        """
        found = self.filter(models.Q(digests__overlap=list(digests)) | models.Q(digest__in=list(digests)))
        return found if host is None else found.filter(registry__host=host)


class KeptCopy(models.Model):
    """A base by digest in a registry of our own: index, images of all platforms, and what is attached to them."""

    class State(models.TextChoices):
        """Only what was read back whole is `kept`; a copy that is under way, or was never finished, is not."""

        WAITING = "waiting", "Waiting"
        COPYING = "copying", "Being copied"
        FAILED = "failed", "Not copied"
        KEPT = "kept", "Kept"
        MISSING = "missing", "Missing"
        DIFFERS = "differs", "Differs"

    class Job(models.TextChoices):
        """What is done when its time comes."""

        COPY = "copy", "Copy"
        VERIFY = "verify", "Verify"
        RESTORE = "restore", "Restore"

    # Where it comes from: host/repository, the tag that named it when it was asked for, its top digest.
    name = models.CharField(max_length=255)
    tag = models.CharField(max_length=128, blank=True)
    digest = models.CharField(max_length=140)
    # Where it is kept.
    registry = models.ForeignKey(Registry, models.PROTECT, related_name="kept_copies")
    place = models.CharField(max_length=255)

    state = models.CharField(max_length=8, choices=State, default=State.WAITING)
    # Of the last thing that was tried: empty once it worked.
    error = models.CharField(max_length=500, blank=True)
    platforms = ArrayField(models.CharField(max_length=92), default=list)
    # All manifests it consists of, the top one, its images' and those of what is attached; and all blobs.
    digests = ArrayField(models.CharField(max_length=140), default=list)
    blobs = ArrayField(models.CharField(max_length=140), default=list)
    attached = models.IntegerField(default=0)

    job = models.CharField(max_length=7, choices=Job, default=Job.COPY)
    # How far the job is: bytes of blobs, both zero where nothing is known yet.
    done = models.BigIntegerField(default=0)
    total = models.BigIntegerField(default=0)
    # Of that, what did not have to be sent, because it was there or the registry mounted it.
    mounted = models.BigIntegerField(default=0)
    failures = models.SmallIntegerField(default=0)
    next_at = models.DateTimeField(db_default=Now())
    lease_owner = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)

    created_at = models.DateTimeField(db_default=Now())
    copied_at = models.DateTimeField(null=True)
    # When every manifest was read back last, and when every byte was.
    verified_at = models.DateTimeField(null=True)
    read_at = models.DateTimeField(null=True)
    restored_at = models.DateTimeField(null=True)

    objects = KeptCopyQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "kept copies"
        constraints = [models.UniqueConstraint(fields=["name", "digest", "registry"], name="one_copy")]
        indexes = [models.Index(fields=["next_at"], name="copy_due")]

    def __str__(self) -> str:
        return f"{self.name}@{self.digest}"

    @property
    def is_kept(self) -> bool:
        """It may be built on and restored from: read back whole, and found whole whenever it was looked at since."""
        return self.state == self.State.KEPT

    @property
    def internal(self) -> str:
        """The name to use instead of the upstream one; the digest says what, whatever becomes of the tag."""
        tag = f":{self.tag}" if self.tag else ""
        return f"{self.registry.host}/{self.place}{tag}@{self.digest}"
