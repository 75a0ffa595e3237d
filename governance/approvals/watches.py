"""Upstream watch: what is to be looked at, and what follows from a look: state, alarms, timeline.

`scanning.upstream` does the looking. What could not be looked at is unknown, never fine.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.utils import timezone

from governance.accounts.audit import actor_name, audit
from governance.accounts.scope import Viewer, administers, edits
from governance.approvals.models import UpstreamAlarm, Watch
from governance.images.clean import clean_text
from governance.images.descent import descendants_of
from governance.images.models import Event, Image, ImageConfig, Manifest, Tag
from governance.images.vanish import note

Kind, State = UpstreamAlarm.Kind, Watch.State
# Looks in a row that came to nothing before an alarm says so.
PATIENCE = 3
WHOLE_VERSION = re.compile(r"v?\d+\.\d+\.\d+.*")
MOST_IMAGES = 1_000
# What an alarm is on the timeline.
EVENTS = {
    Kind.VANISHED: Event.Kind.BASE_GONE,
    Kind.REPOINTED: Event.Kind.BASE_MOVED,
    Kind.ENDED: Event.Kind.BASE_ENDED,
    Kind.DEPRECATED: Event.Kind.BASE_OLD,
}


@dataclass(frozen=True, slots=True)
class Looked:
    """What a look found. Without `digest`, a tag or digest is `missing` or, where nobody can tell, neither.

    `deprecated` is what upstream says of that, "" nothing, None that it was not asked; `seconds` how long to stay away.
    """

    digest: str = ""
    missing: bool = False
    there: bool = False
    why: str = ""
    deprecated: str | None = None
    seconds: float = 0.0


@transaction.atomic
def record(watch: Watch, looked: Looked, at: datetime) -> None:
    """Write down what a look found, raise and end alarms."""
    every = timedelta(minutes=settings.UPSTREAM_MINUTES)
    watch.looked_at, watch.next_at = at, at + every
    watch.lease_owner = watch.lease_until = None
    if looked.there:
        _is_there(watch, looked, at)
    elif looked.missing:
        watch.state, watch.why, watch.failures = State.VANISHED, clean_text(looked.why, 400), 0
        _end(watch, at, Kind.UNREACHABLE)
        since = f" It was there last on {watch.seen_at:%Y-%m-%d %H:%M} UTC." if watch.seen_at else ""
        _raise(watch, Kind.VANISHED, f"{watch} has vanished: {looked.why}.{since}", at, before=watch.seen_digest)
    else:
        watch.state, watch.why = State.UNKNOWN, clean_text(looked.why, 400)
        watch.failures = min(watch.failures + 1, 1_000)
        watch.next_at = at + max(every, timedelta(seconds=looked.seconds))
        if watch.failures >= PATIENCE:
            text = (
                f"{watch} could not be looked at {watch.failures} times in a row: {looked.why}. Nobody knows how it is."
            )
            _raise(watch, Kind.UNREACHABLE, text, at)
    watch.save()


def _is_there(watch: Watch, looked: Looked, at: datetime) -> None:
    """Where it points to, and what upstream and the calendar say of it."""
    _end(watch, at, Kind.VANISHED, Kind.UNREACHABLE)
    if watch.seen_digest and looked.digest and looked.digest != watch.seen_digest:
        _moved(watch, looked.digest, at)
    watch.seen_digest, watch.seen_at, watch.failures = looked.digest or watch.seen_digest, at, 0
    ended, said = notices(watch.seen_digest)
    deprecated = said or looked.deprecated
    if ended:
        _raise(watch, Kind.ENDED, f"{watch}: {ended}.", at)
    else:
        _end(watch, at, Kind.ENDED)
    if deprecated:
        _raise(watch, Kind.DEPRECATED, f"{watch} is deprecated upstream: {deprecated}", at)
    elif deprecated is not None:
        _end(watch, at, Kind.DEPRECATED)
    if deprecated is None and watch.state == State.DEPRECATED:
        # That is asked once a day; until it is asked again, what was said holds.
        deprecated = watch.why
    is_deprecated = bool(deprecated) or watch.alarms.filter(kind=Kind.DEPRECATED, ended_at=None).exists()
    watch.state = State.ENDED if ended else State.DEPRECATED if is_deprecated else State.FINE
    watch.why = clean_text(ended or deprecated or "", 400)


def _moved(watch: Watch, digest: str, at: datetime) -> None:
    """The tag names other content. Where it is back at what it named before the alarm, the alarm is over."""
    earlier = watch.alarms.filter(kind=Kind.REPOINTED, ended_at=None).first()
    before = earlier.before if earlier else watch.seen_digest
    if digest == before:
        _end(watch, at, Kind.REPOINTED)
        return
    text = f"{watch} points to {digest[:19]}… now, it was {before[:19]}…"
    if WHOLE_VERSION.fullmatch(watch.tag):
        text += " The tag of a whole version is not supposed to move: look at it before you build on it."
    if earlier:
        UpstreamAlarm.objects.filter(pk=earlier.pk).update(now=digest, text=text)
    else:
        _raise(watch, Kind.REPOINTED, text, at, before=before, now=digest)


def notices(digest: str) -> tuple[str, str]:
    """(that the base is past its end of life, that its publisher calls it deprecated), as its images here say."""
    if not digest:
        return "", ""
    rows = list(Image.objects.filter(pk__in=Manifest.objects.filter(digest=digest).values("image"))[:50])
    over = next((one for one in rows if one.end_of_life), None)
    ended = ""
    if over:
        on = f" on {over.end_of_life_on}" if over.end_of_life_on else ""
        ended = f"{over.distro or 'its system'} {over.distro_version} came to its end of life{on}".replace("  ", " ")
    for labels in ImageConfig.objects.filter(image__in=[one.pk for one in rows]).values_list("labels", flat=True):
        text = str(labels.get("description", ""))
        if text.upper().startswith("DEPRECATED"):
            return ended, clean_text(text, 300)
    return ended, ""


def _raise(watch: Watch, kind: UpstreamAlarm.Kind, text: str, at: datetime, **digests: str) -> None:
    """Open an alarm, or count again who is affected by one that is open. Nobody builds on what is asked for."""
    if not watch.is_relied_on:
        return
    images = affected(watch)
    counts: dict[str, Any] = {
        "images": images.count(),
        "running": images.filter(running__gt=0).count(),
        "teams": sorted({team for owners in images.values_list("owners", flat=True).distinct() for team in owners}),
    }
    # A crawl may have found first that it is gone, and then no tag tells any more who uses it.
    watch.owners = sorted({*watch.owners, *counts["teams"]})
    given = {"text": clean_text(text, 500), "raised_at": at, **digests, **counts}
    alarm, is_new = UpstreamAlarm.objects.get_or_create(watch=watch, kind=kind, ended_at=None, defaults=given)
    if not is_new:
        UpstreamAlarm.objects.filter(pk=alarm.pk).update(**counts)
    else:
        note(bases_of(watch)[:MOST_IMAGES], EVENTS.get(kind, Event.Kind.UPSTREAM), text, at)


def _end(watch: Watch, at: datetime, *kinds: UpstreamAlarm.Kind) -> None:
    """It is over; what vanished and is back stands on the timeline."""
    ended = watch.alarms.filter(kind__in=kinds, ended_at=None)
    back = ended.filter(kind=Kind.VANISHED).exists()
    if ended.update(ended_at=at) and back:
        note(bases_of(watch)[:MOST_IMAGES], Event.Kind.UPSTREAM, f"{watch} is there again", at)


def bases_of(watch: Watch) -> list[int]:
    """The images that it means: what the tag names and named, or the digest."""
    host, _, path = watch.name.partition("/")
    if watch.digest or watch.seen_digest:
        digests = [one for one in (watch.digest, watch.seen_digest) if one]
        by_digest = set(Manifest.objects.filter(digest__in=digests).values_list("image", flat=True))
    else:
        by_digest = set()
    tags = Tag.objects.filter(repository__registry__host=host, repository__name=path)
    tags = tags.filter(name=watch.tag) if watch.tag else tags.none() if watch.digest else tags
    named = set(tags.order_by("-since").values_list("image", flat=True)[:MOST_IMAGES])
    found = Image.objects.present().filter(pk__in=by_digest | named)
    return sorted(found.values_list("pk", flat=True))


def affected(watch: Watch) -> QuerySet[Image]:
    """Images built on it at any depth, known by content or by name, as far as they are walked (10,000)."""
    named = Image.objects.present().filter(Q(base_name=str(watch)) | Q(base_name__startswith=f"{watch}@"))
    roots = list(named.values_list("pk", flat=True)[:MOST_IMAGES])
    below, _ = descendants_of([*bases_of(watch), *roots])
    return Image.objects.present().filter(pk__in={*below, *roots})


@transaction.atomic
def close_alarm(viewer: Viewer | None, alarm: UpstreamAlarm, reason: str) -> None:
    """Somebody has seen to it. What is still so at the next look is an alarm again, except that a tag has moved."""
    if not (administers(viewer) or edits(viewer, alarm.watch.owners)):
        raise PermissionDenied(
            "only administrators, and editors of a team whose images are built on it, close an alarm"
        )
    if not reason.strip():
        raise ValidationError({"reason": "Say what was done about it."})
    alarm = UpstreamAlarm.objects.select_for_update().get(pk=alarm.pk)
    if alarm.ended_at is not None:
        return
    alarm.ended_at, alarm.closed_by = timezone.now(), actor_name(viewer)
    alarm.reason = clean_text(reason.strip(), 500)
    alarm.save()
    audit(viewer, "upstream.close", f"alarm {alarm.pk} {alarm}"[:300], reason=reason[:500])


@transaction.atomic
def look_now(viewer: Viewer | None, watch: Watch) -> None:
    """Put it first in line."""
    if not (administers(viewer) or edits(viewer, watch.owners)):
        raise PermissionDenied(
            "only administrators, and editors of a team whose images are built on it, have it looked at"
        )
    Watch.objects.filter(pk=watch.pk).update(next_at=timezone.now())
    audit(viewer, "upstream.look", f"watch {watch.pk} {watch}"[:300])


def may_act(viewer: Viewer | None, watch: Watch) -> bool:
    """Administrators, and editors of the teams whose images are built on it."""
    return administers(viewer) or edits(viewer, watch.owners)


def _may_act(viewer: Viewer | None, watch: Watch) -> None:
    if not may_act(viewer, watch):
        raise PermissionDenied("only administrators, and editors of a team whose images are built on it, see to it")
