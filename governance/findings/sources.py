"""Who sends reports: which images are expected of each source, which came in time, and which source fell silent."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.db.models import Exists, OuterRef, Q, QuerySet
from django.utils import timezone

from governance.accounts.audit import audit
from governance.accounts.models import User
from governance.findings.models import Scan, Silence, Source
from governance.findings.search import SHORT
from governance.images.models import Image

LOG = logging.getLogger(__name__)
DEMO = "demo"
# A shorter gap between two reports is no pause but one sending.
GAP = timedelta(minutes=10)
# A habit is known after so many pauses, and fully after eight days: those hold a weekend and a day before it.
PAUSES, WEEK = 3, timedelta(days=8)
# Never raised earlier: in the first week, and at all.
AT_FIRST, AT_LEAST = timedelta(hours=72), timedelta(hours=1)
# The longest pause counts for one or two of these: an old habit is forgotten after a month or two.
PERIOD = timedelta(days=28)
LONGEST_LIMIT = 8_760

INTRODUCE = """
INSERT INTO findings_source (sender, scanner, stage, name, token_id, is_demo, reports, pause, pause_before, pauses)
SELECT %(sender)s::text, %(scanner)s::text, %(stage)s::text, coalesce(token.name, %(sender)s::text),
       token.id, %(is_demo)s, 0, 0, 0, 0
FROM (SELECT) one LEFT JOIN accounts_token token ON token.id = %(token)s
ON CONFLICT (sender, scanner, stage) DO UPDATE SET sender = excluded.sender RETURNING id
"""


@dataclass(frozen=True, slots=True)
class Sender:
    """Who sent a report: `token:5`, `command line`, `demo`."""

    key: str
    token: int | None = None
    is_demo: bool = False


def introduce(sender: Sender, scanner: str, stage: str) -> int:
    """Write down a source that sends for the first time; returns its id."""
    row = {"sender": sender.key, "token": sender.token, "is_demo": sender.is_demo}
    with connection.cursor() as cursor:
        cursor.execute(INTRODUCE, row | {"scanner": scanner, "stage": stage})
        return int(cursor.fetchone()[0])


def expected_scans() -> QuerySet[Scan]:
    """What each source is expected to send again: images that it reported last, lately, and that a tag still names.

    One row per image and source. An image that another source reports now with the same scanner at the same stage is
    expected of that one.
    """
    since = timezone.now() - timedelta(days=settings.EXPECTED_DAYS)
    return Scan.objects.filter(
        is_current=True,
        source__isnull=False,
        scanned_at__gte=since,
        image__merged_into__isnull=True,
        image__superseded=False,
    )


def heard_filter(state: str, stage: str = "") -> Q:
    """Expected scans that came `in_time`, that are `late` for their stage, or whose newest one `failed`.

    Where all are of one `stage`, the time is a range in the index.
    """
    later = Scan.objects.filter(
        *(Q(**{name: OuterRef(name)}) for name in ("image", "scanner", "stage")),
        outcome=Scan.Outcome.FAILED,
        scanned_at__gt=OuterRef("scanned_at"),
    )
    failed = Q(outcome=Scan.Outcome.FAILED) | (~Q(image__failed_stages=[]) & Q(Exists(later)))
    if state == "failed":
        return failed
    now, lookup = timezone.now(), "gte" if state == "in_time" else "lt"
    if stage:
        limit = now - timedelta(days=settings.STALE_DAYS_AT[stage])
        return Q(**{f"scanned_at__{lookup}": limit}) & ~failed
    timely = Q(pk__in=[])
    for one, days in settings.STALE_DAYS_AT.items():
        timely |= Q(**{"stage": one, f"scanned_at__{lookup}": now - timedelta(days=days)})
    return timely & ~failed


def images_of_source(images: QuerySet[Image], source: Source, state: str) -> QuerySet[Image]:
    """Those of the images that are expected of the source, in one of the three states if given.

    A short list is handed over as it is; where it is long, a page is full after a few rows in whatever order.
    """
    scans = expected_scans().filter(source=source)
    if state:
        scans = scans.filter(heard_filter(state, source.stage))
    some = list(scans.order_by().values_list("image", flat=True)[: SHORT + 1])
    return (
        images.filter(pk__in=some) if len(some) <= SHORT else images.filter(Exists(scans.filter(image=OuterRef("pk"))))
    )


@dataclass(frozen=True, slots=True)
class Heard:
    """What came from a source since somebody listened last: reports, first and last, the pauses between them.

    `longest` is in seconds.
    """

    source: int
    reports: int
    first: datetime
    last: datetime
    pauses: int
    longest: int


def hear(source: Source, heard: Heard) -> None:
    """Add it to what is known of the source. A pause that raised an event is learned no longer than its limit."""
    if source.last_heard is None or source.period is None:
        source.first_heard, source.period, pause = heard.first, heard.first, 0
    else:
        pause = int((heard.first - source.last_heard).total_seconds())
    if heard.last - source.period > PERIOD:
        source.period, source.pause_before, source.pause = heard.last, source.pause, 0
    limit = limit_of(source)
    longest = max(pause, heard.longest)
    if limit is not None:
        longest = min(longest, int(limit.total_seconds()))
    source.pause = max(source.pause, longest)
    source.pauses += heard.pauses + (pause >= GAP.total_seconds())
    source.reports += heard.reports
    source.last_heard = max(heard.last, source.last_heard or heard.last)


def limit_of(source: Source) -> timedelta | None:
    """After which silence an event is raised: said for the source, said for all, or by its habit; None for never."""
    if source.is_demo or source.limit_hours == 0:
        return None
    hours = source.limit_hours or settings.SILENT_HOURS
    if hours:
        return timedelta(hours=hours)
    if source.pauses < PAUSES or source.first_heard is None or source.last_heard is None:
        return None
    is_new = source.last_heard - source.first_heard < WEEK
    return max(settings.SILENT_PAUSES * timedelta(seconds=source.usual), AT_FIRST if is_new else AT_LEAST)


def is_retired(source: Source) -> bool:
    """Its token is revoked, expired or gone: nothing more can come."""
    is_token = source.sender.startswith("token:")
    return is_token and (source.token is None or source.token.state != "active")


def judge(sources: Iterable[Source], heard: dict[int, Heard], known_until: datetime, since: datetime) -> int:
    """Raise an event for each source that has fallen silent, end those of sources heard again; returns how many rose.

    Everything that came before `known_until` is known; nobody listened before `since`. Call inside a transaction.
    """
    open_ones = {silence.source_id: silence for silence in Silence.objects.filter(ended_at=None)}
    raised = []
    for source in sources:
        limit = None if is_retired(source) else limit_of(source)
        last = source.last_heard
        silent = limit is not None and last is not None and known_until - max(last, since) > limit
        if (silence := open_ones.get(source.pk)) is not None and (source.pk in heard or not silent):
            silence.ended_at = heard[source.pk].first if source.pk in heard else timezone.now()
            silence.save(update_fields=["ended_at"])
            silence = None
        if silent and silence is None and last is not None:
            raised.append(Silence(source=source, since=last, raised_at=timezone.now()))
            LOG.warning("source %s is silent since %s", source, last.isoformat(timespec="seconds"))
    Silence.objects.bulk_create(raised)
    return len(raised)


@transaction.atomic
def set_limit(viewer: User, source: Source, hours: int | None) -> None:
    """After how many hours of silence an event is raised: None by its habit, 0 never. Ends an event that this undoes.

    Raises PermissionDenied for everybody but administrators.
    """
    if not viewer.is_admin:
        raise PermissionDenied("only administrators say how long a source may be silent")
    if hours is not None and not 0 <= hours <= LONGEST_LIMIT:
        raise ValidationError(f"hours must be a whole number from 0 to {LONGEST_LIMIT:,}, or empty")
    before, source.limit_hours = source.limit_hours, hours
    source.save(update_fields=["limit_hours"])
    audit(viewer, "source.limit", f"source {source}", before={"hours": before}, after={"hours": hours})
    if hours == 0:
        Silence.objects.filter(source=source, ended_at=None).update(ended_at=timezone.now())
