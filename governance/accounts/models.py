"""People, teams, machine tokens and the audit trail."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AbstractBaseUser, AnonymousUser, BaseUserManager
from django.db import models
from django.db.models.functions import Now
from django.utils import timezone
from django.utils.functional import cached_property


class UserManager(BaseUserManager["User"]):
    """Makes people; a password is optional (OIDC, invitations)."""

    def create_user(self, username: str, password: str | None = None, **fields: Any) -> User:
        """Create a person; without a password nobody can sign in as them."""
        user = self.model(username=username, **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user


class User(AbstractBaseUser):
    """A person who signs in."""

    class Role(models.TextChoices):
        """What a person may do everywhere; all else comes from team memberships."""

        ADMIN = "admin", "Administrator"
        AUDITOR = "auditor", "Auditor"
        MEMBER = "member", "Member"

    username = models.CharField(max_length=150, unique=True)
    email = models.EmailField(blank=True)
    name = models.CharField(max_length=150, blank=True)
    role = models.CharField(max_length=10, choices=Role, default=Role.MEMBER)
    is_active = models.BooleanField(default=True)
    created_at = models.DateTimeField(db_default=Now(), editable=False)

    USERNAME_FIELD = "username"
    objects = UserManager()

    def __str__(self) -> str:
        return self.name or self.username

    @property
    def is_admin(self) -> bool:
        """May change everything."""
        return self.is_active and self.role == self.Role.ADMIN

    @cached_property
    def held_roles(self) -> dict[int, tuple[str, str]]:
        """{team: (its name, this person's role in it)}, by name; looked up once a request."""
        rows = Membership.objects.filter(user=self).order_by("team__name").values_list("team", "team__name", "role")
        return {team: (name, role) for team, name, role in rows}

    @property
    def team_ids(self) -> set[int]:
        """Ids of the teams this person belongs to."""
        return set(self.held_roles)

    @property
    def sees_everything(self) -> bool:
        """Administrators and auditors read all teams' things."""
        return self.is_active and self.role in (self.Role.ADMIN, self.Role.AUDITOR)


class TeamQuerySet(models.QuerySet["Team"]):
    """Teams by who may see them."""

    def visible_to(self, user: User | AnonymousUser) -> TeamQuerySet:
        """Administrators and auditors see all, others their own."""
        if not isinstance(user, User) or not user.is_active:
            return self.none()
        return self if user.sees_everything else self.filter(members=user)


class Team(models.Model):
    """A group of people who own repositories."""

    name = models.CharField(max_length=100, unique=True)
    members = models.ManyToManyField(User, through="Membership", related_name="teams")
    is_demo = models.BooleanField(default=False)

    objects = TeamQuerySet.as_manager()

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Membership(models.Model):
    """A person's role in a team."""

    class Role(models.TextChoices):
        """What a member may do with the team's things; each includes the one before."""

        VIEWER = "viewer", "Viewer"
        TRIAGER = "triager", "Triager"
        EDITOR = "editor", "Editor"
        ADMIN = "admin", "Team administrator"

    user = models.ForeignKey(User, models.CASCADE)
    team = models.ForeignKey(Team, models.CASCADE)
    role = models.CharField(max_length=10, choices=Role, default=Role.VIEWER)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "team"], name="one_membership")]


class TokenQuerySet(models.QuerySet["Token"]):
    """Tokens by who may see them."""

    def visible_to(self, user: User | AnonymousUser) -> TokenQuerySet:
        """Administrators see all; others their own and those of the teams they administer."""
        if not isinstance(user, User) or not user.is_active:
            return self.none()
        if user.is_admin:
            return self
        administered = Membership.objects.filter(user=user, role=Membership.Role.ADMIN).values("team")
        return self.filter(models.Q(maker=user) | models.Q(team__in=administered))

    def usable(self) -> TokenQuerySet:
        """Neither revoked nor expired, and made by somebody who is still active."""
        alive = models.Q(expires_at__isnull=True) | models.Q(expires_at__gt=Now())
        return self.filter(alive, models.Q(maker=None) | models.Q(maker__is_active=True), revoked_at__isnull=True)


class Token(models.Model):
    """A machine's credential: stored as SHA-256 only (256 random bits need no slow hash), scoped, expirable."""

    class Scope(models.TextChoices):
        """What the token may be used for; `admin` includes the others."""

        INGEST = "ingest", "Send reports"
        READ = "read", "Read"
        AGENT = "agent", "Runtime agent"
        ADMIN = "admin", "Administer"

    name = models.CharField(max_length=100)
    scope = models.CharField(max_length=10, choices=Scope)
    team = models.ForeignKey(Team, models.CASCADE, null=True, blank=True, related_name="tokens")
    # Of a token that sends: the only repository that it may speak for, or with `/*` at its end all below one.
    repository = models.CharField(max_length=255, blank=True, db_default="", default="")
    maker = models.ForeignKey(User, models.PROTECT, null=True, related_name="tokens")
    hash = models.BinaryField(max_length=32, unique=True, editable=False)
    prefix = models.CharField(max_length=12, editable=False)
    created_at = models.DateTimeField(db_default=Now(), editable=False)
    expires_at = models.DateTimeField(null=True, blank=True)
    revoked_at = models.DateTimeField(null=True, editable=False)
    last_used_at = models.DateTimeField(null=True, editable=False)

    objects = TokenQuerySet.as_manager()

    class Meta:
        ordering = ["-id"]

    def __str__(self) -> str:
        return self.name

    @property
    def state(self) -> str:
        """`active`, `expired` or `revoked`."""
        if self.revoked_at:
            return "revoked"
        return "expired" if self.expires_at and self.expires_at <= timezone.now() else "active"


class AuditEntry(models.Model):
    """One decision: who did what to what, before and after. Append-only, each row carries the hash of the last."""

    at = models.DateTimeField()
    actor = models.CharField(max_length=200)
    action = models.CharField(max_length=100)
    object = models.CharField(max_length=300)
    team = models.ForeignKey(Team, models.DO_NOTHING, null=True, db_constraint=False)
    before = models.JSONField(null=True)
    after = models.JSONField(null=True)
    reason = models.TextField(blank=True)
    request_id = models.CharField(max_length=64, blank=True)
    address = models.CharField(max_length=64, blank=True)
    previous = models.BinaryField(max_length=32)
    hash = models.BinaryField(max_length=32, unique=True)

    class Meta:
        ordering = ["-id"]
