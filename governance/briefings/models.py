"""The weekly digest: who reads it and when, what each one said, and its lines."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from django.db import models
from django.db.models.functions import Now

from governance.accounts.models import Membership, Team, Token, User
from governance.accounts.scope import Viewer, teams_of


class SubscriptionQuerySet(models.QuerySet["Subscription"]):
    """Subscriptions by who may see them."""

    def visible_to(self, viewer: Viewer) -> SubscriptionQuerySet:
        """One's own, and those of one's teams' addresses; who sees everything sees all, tokens no person's."""
        teams = teams_of(viewer)
        rows = self.filter(person=None) if isinstance(viewer, Token) else self
        if teams is None:
            return rows
        own = models.Q(person=viewer) if isinstance(viewer, User) and viewer.is_active else models.Q()
        return rows.filter(models.Q(team__in=teams) | own)


class Subscription(models.Model):
    """A reader of the weekly digest: a person (about all of their teams), or the address of a team or of security."""

    class Quiet(models.TextChoices):
        """What is sent when nothing changed."""

        SILENCE = "silence", "Nothing"
        HEARTBEAT = "heartbeat", "One line"

    WEEKDAYS = list(enumerate(("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")))

    # Either a person, or an address; the address of a team or, without one, of those who look after everything.
    person = models.OneToOneField(User, models.CASCADE, null=True, related_name="subscription")
    team = models.ForeignKey(Team, models.CASCADE, null=True, blank=True, related_name="subscriptions")
    address = models.EmailField(blank=True)

    weekday = models.SmallIntegerField(choices=WEEKDAYS, default=0)
    hour = models.SmallIntegerField(default=8)
    # Of the tz database (`Europe/Berlin`); weekday and hour are meant there.
    timezone = models.CharField(max_length=64, default="UTC")
    when_quiet = models.CharField(max_length=10, choices=Quiet, default=Quiet.SILENCE)
    alerts = models.BooleanField(default=True)

    # {what stood when it was looked last: the day it was seen last}; null before the first look, which raises nothing.
    alarmed = models.JSONField(null=True)

    is_active = models.BooleanField(default=True)
    unsubscribed_at = models.DateTimeField(null=True)
    # Slots before this are nobody's: it was made, changed or taken up again since.
    starts_at = models.DateTimeField()
    next_at = models.DateTimeField()
    created_at = models.DateTimeField(db_default=Now())

    objects = SubscriptionQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(person__isnull=False, team=None, address="")
                | (models.Q(person=None) & ~models.Q(address="")),
                name="one_kind_of_reader",
            ),
            models.UniqueConstraint(
                fields=["address", "team"],
                name="one_subscription",
                condition=~models.Q(address=""),
                nulls_distinct=False,
            ),
        ]
        indexes = [models.Index(fields=["next_at"], name="subscription_due", condition=models.Q(is_active=True))]

    def __str__(self) -> str:
        return str(self.person) if self.person else self.address

    @property
    def zone(self) -> ZoneInfo:
        """Where the reader's clock stands."""
        return ZoneInfo(self.timezone)

    @property
    def about(self) -> str:
        """Whose things it is about, in words."""
        if self.team:
            return f"team {self.team.name}"
        if self.person and not self.person.sees_everything:
            return "your teams"
        return "everything"

    @property
    def recipient(self) -> str:
        """Where it goes; empty where the person has no address or may no longer sign in."""
        if self.person:
            return self.person.email if self.person.is_active else ""
        return self.address

    def may_change(self, viewer: User) -> bool:
        """The person themselves, an administrator, or for a team's address the team's own administrators."""
        if viewer.is_admin or self.person_id == viewer.pk:
            return viewer.is_active
        held = viewer.held_roles.get(self.team_id or 0)
        return held is not None and held[1] == Membership.Role.ADMIN


class BriefingQuerySet(models.QuerySet["Briefing"]):
    """Digests by who may read them."""

    def visible_to(self, viewer: Viewer) -> BriefingQuerySet:
        """As the subscriptions they were made for."""
        return self.filter(subscription__in=Subscription.objects.visible_to(viewer))


class Briefing(models.Model):
    """One digest of one reader and week, kept as it was sent; also the silent ones, for what the next compares with."""

    class State(models.TextChoices):
        """Unconfirmed: handed over, as often as is sensible, but the server's answer never came."""

        QUIET = "quiet", "Nothing to say"
        KEPT = "kept", "Only kept"
        WAITING = "waiting", "Waiting"
        SENT = "sent", "Sent"
        UNCONFIRMED = "unconfirmed", "Not confirmed"
        FAILED = "failed", "Not delivered"

    # What the reader knows by now; anything else is told once more in the next.
    TOLD = (State.QUIET, State.KEPT, State.SENT, State.WAITING)

    subscription = models.ForeignKey(Subscription, models.CASCADE, related_name="briefings", db_index=False)
    # Monday of the week in which the reader's slot lies, and the slot itself.
    week = models.DateField()
    slot = models.DateTimeField()
    composed_at = models.DateTimeField()
    # What it compares with; null for the first.
    since = models.DateTimeField(null=True)
    state = models.CharField(max_length=12, choices=State)
    error = models.CharField(max_length=500, blank=True)
    sent_at = models.DateTimeField(null=True)

    message_id = models.CharField(max_length=200, unique=True)
    recipient = models.CharField(max_length=254, blank=True)
    subject = models.CharField(max_length=200)
    html = models.TextField(blank=True)
    text = models.TextField(blank=True)
    # [[words, number, share of the images in per cent, number before or null, address]]
    numbers = models.JSONField(default=list)
    # {section: [what stood there]}: the next digest tells what is not in it.
    seen = models.JSONField(default=dict)
    changes = models.IntegerField(default=0)

    objects = BriefingQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["subscription", "week"], name="one_briefing")]
        indexes = [models.Index(fields=["-slot", "-id"], name="briefing_newest")]

    def __str__(self) -> str:
        return self.subject


class Line(models.Model):
    """One change: a sentence with a link, and how many rows the link showed. Folded ones stand only in the archive."""

    briefing = models.ForeignKey(Briefing, models.CASCADE, related_name="lines", db_index=False)
    place = models.IntegerField()
    section = models.CharField(max_length=20)
    words = models.CharField(max_length=500)
    address = models.CharField(max_length=1000)
    amount = models.IntegerField(null=True)
    is_folded = models.BooleanField(default=False)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["briefing", "place"], name="one_line")]


class ChannelQuerySet(models.QuerySet["Channel"]):
    """Chats by who may see them."""

    def visible_to(self, viewer: Viewer) -> ChannelQuerySet:
        """Those of one's teams; who sees everything sees all."""
        teams = teams_of(viewer)
        return self if teams is None else self.filter(team__in=teams)


class Channel(models.Model):
    """A chat that is told at once what cannot wait: a team's or, without one, of those who look after everything."""

    team = models.ForeignKey(Team, models.CASCADE, null=True, blank=True, related_name="channels")
    name = models.CharField(max_length=60)
    # Slack, Mattermost …, and its host where people run it themselves. All else of its address is secret.
    service = models.CharField(max_length=30)
    host = models.CharField(max_length=255, blank=True)
    # Sealed (`governance.web.vault`), bound to this row and its team; never shown again.
    address = models.BinaryField()
    # As of a subscription.
    alarmed = models.JSONField(null=True)
    created_at = models.DateTimeField(db_default=Now())
    # The last message, and what was wrong with it.
    tried_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)

    objects = ChannelQuerySet.as_manager()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["team", "name"], name="one_channel", nulls_distinct=False)]

    def __str__(self) -> str:
        return self.name

    @property
    def about(self) -> str:
        """Whose things it is about, in words."""
        return f"team {self.team.name}" if self.team else "everything"

    @property
    def recipient(self) -> str:
        """Where it goes, without what is secret."""
        return f"{self.name} ({self.service}{f' at {self.host}' if self.host else ''})"

    @property
    def bound(self) -> str:
        """What its address is sealed for."""
        return f"chat {self.pk} of team {self.team_id}"


class Alert(models.Model):
    """What could not wait for the digest: everything new of one look, in one mail to one reader or in one chat."""

    subscription = models.ForeignKey(
        Subscription, models.CASCADE, null=True, related_name="alerts_sent", db_index=False
    )
    channel = models.ForeignKey(Channel, models.CASCADE, null=True, related_name="alerts_sent")
    made_at = models.DateTimeField()
    state = models.CharField(max_length=12, choices=Briefing.State)
    error = models.CharField(max_length=500, blank=True)
    sent_at = models.DateTimeField(null=True)
    message_id = models.CharField(max_length=200, unique=True)
    recipient = models.CharField(max_length=254, blank=True)
    subject = models.CharField(max_length=200)
    # [[sentence, address]]
    lines = models.JSONField(default=list)

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=models.Q(subscription__isnull=False, channel=None)
                | models.Q(subscription=None, channel__isnull=False),
                name="one_kind_of_alert",
            )
        ]
        indexes = [models.Index(fields=["subscription", "-made_at"], name="alerts_of_reader")]

    def __str__(self) -> str:
        return self.subject
