"""What came, as it came (delivery and body), what goes out (outbox), what ran when (schedule slot), where we look."""

from __future__ import annotations

from django.db import models
from django.db.models.functions import Now

from governance.accounts.models import Team, Token, User
from governance.accounts.scope import Viewer, teams_of
from governance.images.models import Registry, Repository
from governance.web.fields import DigestField
from scanning import models_copies, models_scans  # noqa: F401 (Django looks for models here)
from scanning.models_hooks import WebhookSource


class DeliveryQuerySet(models.QuerySet["Delivery"]):
    """Deliveries by who may see them."""

    def visible_to(self, viewer: Viewer) -> DeliveryQuerySet:
        """What the viewer's teams may read, and whatever a token sent itself."""
        teams = teams_of(viewer)
        if teams is None:
            return self
        mine = models.Q(team__in=teams)
        if isinstance(viewer, Token):
            mine |= models.Q(token=viewer)
        elif isinstance(viewer, User):
            mine |= models.Q(sender=viewer)
        return self.filter(mine)


class Delivery(models.Model):
    """One thing that arrived, committed before its sender got an answer."""

    class State(models.TextChoices):
        """`received` and `processing` are open, the others final (until a replay)."""

        RECEIVED = "received", "Received"
        PROCESSING = "processing", "Processing"
        DONE = "done", "Processed"
        QUARANTINED = "quarantined", "Quarantined"

    # Who sent it: a token, a person or (both null) the command line.
    token = models.ForeignKey(Token, models.SET_NULL, null=True, related_name="deliveries")
    sender = models.ForeignKey(User, models.SET_NULL, null=True, related_name="deliveries")
    team = models.ForeignKey(Team, models.SET_NULL, null=True, related_name="deliveries")
    # The source of an event; `source` below begins with "webhook:" also after that source was removed.
    webhook = models.ForeignKey(WebhookSource, models.SET_NULL, null=True, related_name="deliveries", db_index=False)
    # "token:5" and the like: what the key below is unique within.
    source = models.CharField(max_length=40)
    key = models.CharField(max_length=255)
    # What the sender said beside the body.
    image = models.CharField(max_length=500, blank=True)
    # What a benchmark looked at, where it does not say so itself. The default lets a process of before still insert.
    subject = models.CharField(max_length=200, blank=True, db_default="")
    stage = models.CharField(max_length=8)
    format_asked = models.CharField(max_length=40, blank=True)
    is_demo = models.BooleanField(default=False)
    # Of the token that sent it: the only repository that the report may be about.
    repository = models.CharField(max_length=255, blank=True, db_default="", default="")

    body_sha256 = models.BinaryField(max_length=32)
    wire_bytes = models.IntegerField()
    raw_bytes = models.IntegerField()
    received_at = models.DateTimeField(db_default=Now())

    state = models.CharField(max_length=12, choices=State, default=State.RECEIVED)
    attempts = models.SmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    lease_owner = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    error_class = models.CharField(max_length=60, blank=True)
    error = models.CharField(max_length=2000, blank=True)
    finished_at = models.DateTimeField(null=True)

    # What it turned out to be: the report resource's figures.
    format = models.CharField(max_length=40, blank=True)
    scanner = models.CharField(max_length=40, blank=True)
    scanner_version = models.CharField(max_length=60, blank=True)
    kind = models.CharField(max_length=15, blank=True)
    scanned_at = models.DateTimeField(null=True)
    result = models.JSONField(null=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [models.UniqueConstraint(fields=["source", "key"], name="one_delivery")]
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="delivery_open",
                condition=models.Q(state__in=["received", "processing"]),
            ),
            models.Index(fields=["state", "-id"], name="delivery_state"),
            models.Index(fields=["webhook", "-id"], name="delivery_event", condition=models.Q(webhook__isnull=False)),
        ]

    @property
    def is_open(self) -> bool:
        """Not finished yet."""
        return self.state in (self.State.RECEIVED, self.State.PROCESSING)


class DeliveryBody(models.Model):
    """The bytes as they came (after content decoding), zstd-compressed."""

    delivery = models.OneToOneField(Delivery, models.CASCADE, primary_key=True, related_name="body")
    data = models.BinaryField()


class Outbox(models.Model):
    """An effect on the outside world, written in the transaction that causes it."""

    class State(models.TextChoices):
        """`sending` is committed before the effect, so that a crash is seen as one."""

        WAITING = "waiting", "Waiting"
        SENDING = "sending", "Sending"
        SENT = "sent", "Sent"
        UNCONFIRMED = "unconfirmed", "Not confirmed"
        GIVEN_UP = "given_up", "Given up"
        HELD = "held", "Held"

    kind = models.CharField(max_length=40)
    dedupe_key = models.CharField(max_length=255, unique=True)
    payload = models.JSONField()
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    attempts = models.SmallIntegerField(default=0)
    next_attempt_at = models.DateTimeField(db_default=Now())
    lease_owner = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    # Steps that may have had their effect, and nobody knows.
    unknown = models.SmallIntegerField(default=0, db_default=0)
    error = models.CharField(max_length=2000, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    class Meta:
        verbose_name_plural = "outbox"
        indexes = [
            models.Index(
                fields=["next_attempt_at"],
                name="outbox_open",
                condition=models.Q(state__in=["waiting", "sending"]),
            )
        ]


class Listening(models.Model):
    """How far the deliveries were listened to for who sends them; one row.

    `since` is when listening began without a gap: who was silent before that may have been heard by nobody.
    """

    upto = models.BigIntegerField(default=0)
    looked_at = models.DateTimeField()
    since = models.DateTimeField()


class ScheduleSlot(models.Model):
    """A periodic job's turn, taken once: beat may run twice, or not at all for a while."""

    job = models.CharField(max_length=60)
    slot_start = models.DateTimeField()
    taken_at = models.DateTimeField(db_default=Now())

    class Meta:
        constraints = [models.UniqueConstraint(fields=["job", "slot_start"], name="one_slot")]


class FeedState(models.Model):
    """A feed: the copy that is in use, and how the last look for a newer one went."""

    name = models.CharField(max_length=20, unique=True)
    # Of the copy in use: where it came from, its hash, its own date and version, its rows, and when it was stored.
    source = models.CharField(max_length=500, blank=True)
    body_sha256 = models.BinaryField(max_length=32, null=True)
    feed_date = models.DateTimeField(null=True)
    version = models.CharField(max_length=60, blank=True)
    rows = models.IntegerField(default=0)
    fetched_at = models.DateTimeField(null=True)
    # What the server said of it (RFC 9110, validators), to ask for a newer one only.
    etag = models.CharField(max_length=300, blank=True)
    last_modified = models.CharField(max_length=100, blank=True)
    # The last look, the last one that ended well, and what went wrong since.
    tried_at = models.DateTimeField(null=True)
    checked_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=500, blank=True)
    # Somebody asked for a look now; a process is at it until.
    is_wanted = models.BooleanField(default=False)
    busy_until = models.DateTimeField(null=True)


class FeedBody(models.Model):
    """The last good copy as it came, zstd-compressed."""

    state = models.OneToOneField(FeedState, models.CASCADE, primary_key=True, related_name="body")
    data = models.BinaryField()


class ConnectionQuerySet(models.QuerySet["Connection"]):
    """Connections by who may see them."""

    def visible_to(self, viewer: Viewer) -> ConnectionQuerySet:
        """They list everybody's repositories: only for those who see everything."""
        return self if teams_of(viewer) is None else self.none()


class Connection(models.Model):
    """How an image registry is read: where it is, how one signs in, what of it, how often; and how that goes."""

    registry = models.OneToOneField(Registry, models.PROTECT, related_name="connection")
    # A name of `scanning.registries.ADAPTERS`.
    kind = models.CharField(max_length=20)
    base_url = models.CharField(max_length=300)
    # The product's own API, and who hands out tokens, where these are other hosts.
    api_url = models.CharField(max_length=300, blank=True)
    token_server = models.CharField(max_length=260, blank=True)
    namespace = models.CharField(max_length=200, blank=True)
    username = models.CharField(max_length=200, blank=True)
    # Sealed (`governance.web.vault`), bound to this row and `base_url`; never shown again.
    secret = models.BinaryField(null=True)
    secret_changed_at = models.DateTimeField(null=True)
    # Certificates (PEM) of authorities that sign this registry's.
    ca = models.TextField(blank=True)
    # Plain http: passwords and images can be read and changed on the way.
    is_insecure = models.BooleanField(default=False)
    # Globs, one a line; `!` before one leaves out. Nothing: all.
    repositories = models.TextField(blank=True)
    tags = models.TextField(blank=True)
    # Whose the repositories are that are found here first.
    team = models.ForeignKey(Team, models.SET_NULL, null=True, blank=True, related_name="+")
    every_minutes = models.PositiveIntegerField(default=60)
    is_enabled = models.BooleanField(default=True)
    # What retention lists may be deleted there, once a person says so; the account needs the right to.
    may_delete = models.BooleanField(default=False, db_default=False)

    next_at = models.DateTimeField(db_default=Now())
    lease_owner = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    # Too many requests: nobody asks the host before.
    paused_until = models.DateTimeField(null=True)
    tried_at = models.DateTimeField(null=True)
    # The last list of its repositories, and whether that was the whole one.
    listed_at = models.DateTimeField(null=True)
    is_whole = models.BooleanField(default=False)
    error = models.CharField(max_length=500, blank=True)
    created_at = models.DateTimeField(db_default=Now())

    objects = ConnectionQuerySet.as_manager()

    def __str__(self) -> str:
        return self.registry.host


class RepositoryCrawl(models.Model):
    """A repository of a connection: how far its crawl is, and how the last one ended."""

    connection = models.ForeignKey(Connection, models.CASCADE, related_name="crawls")
    name = models.CharField(max_length=255)
    # Once an image was found in it.
    repository = models.ForeignKey(Repository, models.SET_NULL, null=True, related_name="crawls")

    next_at = models.DateTimeField(db_default=Now())
    lease_owner = models.UUIDField(null=True)
    lease_until = models.DateTimeField(null=True)
    # The pass that is under way: since when, and the last tag that is done (they are taken in the order of names).
    started_at = models.DateTimeField(null=True)
    watermark = models.CharField(max_length=128, blank=True, db_default="", default="")
    tags_done = models.IntegerField(db_default=0, default=0)
    tags_total = models.IntegerField(db_default=0, default=0)
    # Tags that could not be read in the pass that ended last.
    unread = models.IntegerField(db_default=0, default=0)

    success_at = models.DateTimeField(null=True)
    failures = models.SmallIntegerField(db_default=0, default=0)
    error = models.CharField(max_length=500, blank=True, db_default="", default="")
    # Since when the registry no longer lists it; since when it is not there either.
    unlisted_at = models.DateTimeField(null=True)
    gone_at = models.DateTimeField(null=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["connection", "name"], name="one_crawl")]
        indexes = [models.Index(fields=["next_at"], name="crawl_due")]

    def __str__(self) -> str:
        return f"{self.connection.registry.host}/{self.name}"


class TagMark(models.Model):
    """What a tag pointed to when a crawl looked last: as long as its digest stays, nothing is fetched."""

    class Kind(models.TextChoices):
        """What the tag names."""

        IMAGE = "image", "Image"
        INDEX = "index", "Index of images"
        ARTIFACT = "artifact", "No image"
        ATTACHED = "attached", "Attached to an image"
        SCHEMA_1 = "schema1", "Image in Docker's first format"
        UNREAD = "unread", "Could not be read"

    crawl = models.ForeignKey(RepositoryCrawl, models.CASCADE, related_name="marks", db_index=False)
    name = models.CharField(max_length=128)
    digest = DigestField(max_length=65, null=True)
    kind = models.CharField(max_length=10, choices=Kind)
    seen_at = models.DateTimeField()
    # When it was asked last what is attached.
    attached_at = models.DateTimeField(null=True)
    error = models.CharField(max_length=300, blank=True, db_default="", default="")

    class Meta:
        constraints = [models.UniqueConstraint(fields=["crawl", "name"], name="one_tag_mark")]
