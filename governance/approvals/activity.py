"""How lively a base is where it comes from, as far as it was watched or reported here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from django.db import connection
from django.utils import timezone

from governance.approvals.keeping import WATCH_LOOKS
from governance.approvals.models import ApprovedBase, Watch
from governance.approvals.patterns import Kind
from governance.web.fields import pack_digest

SHORT, LONG = timedelta(days=90), timedelta(days=365)
# Beyond this the oldest stretches of a repository's tags are left out.
MOST_STRETCHES = 20_000
# What is worst of several tags is what is said of the entry.
WORST = (
    *(Watch.State.VANISHED, Watch.State.ENDED, Watch.State.DEPRECATED, Watch.State.UNKNOWN),
    *(Watch.State.FINE, Watch.State.WAITING),
)

STRETCHES = """
SELECT tag.name, tag.platform, tag.image_id, tag.since, image.built_at
FROM images_registry registry JOIN images_repository repository ON repository.registry_id = registry.id
JOIN images_tag tag ON tag.repository_id = repository.id JOIN images_image image ON image.id = tag.image_id
WHERE registry.host = %(host)s AND repository.name = %(path)s
  AND (%(digest)s::bytea IS NULL OR image.config_digest = %(digest)s
       OR image.id IN (SELECT image_id FROM images_manifest WHERE digest = %(digest)s))
ORDER BY tag.since DESC, tag.id DESC LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Stretch:
    """A tag, for one platform, named an image from a moment on."""

    tag: str
    platform: str
    image: int
    since: datetime
    built: datetime | None


@dataclass(frozen=True, slots=True)
class Often:
    """How often something happened within 90 and 365 days, and when last."""

    last: datetime | None = None
    short: int = 0
    long: int = 0


@dataclass(frozen=True, slots=True)
class Activity:
    """`moves`: a tag came to name other content, `moved_tag` last; `builds`: images by when they were built.

    Both count one platform, the liveliest. Nothing is known of before `known_since`; None where nothing is at all.
    `state` is the worst of the tags that are watched, None where none is.
    """

    moves: Often = Often()
    moved_tag: str = ""
    builds: Often = Often()
    known_since: datetime | None = None
    watched: int = 0
    state: Watch.State | None = None
    looked_at: datetime | None = None
    why: str = ""

    @property
    def look(self) -> str:
        """The class of the state's word."""
        return WATCH_LOOKS.get(self.state or "", "open")


def activity_of(entry: ApprovedBase, watches: Sequence[Watch]) -> Activity:
    """Of what an entry means, by its watches and by the history of its tags, in one statement."""
    at = timezone.now()
    stretches = stretches_of(entry)
    moved, moves = moves_in(stretches, at)
    worst = min(watches, key=lambda one: WORST.index(Watch.State(one.state)), default=None)
    return Activity(
        moves=moves,
        moved_tag=moved,
        builds=builds_in(stretches, at),
        known_since=min((one.since for one in stretches), default=None),
        watched=len(watches),
        state=Watch.State(worst.state) if worst else None,
        looked_at=max((one.looked_at for one in watches if one.looked_at), default=None),
        why=worst.why if worst else "",
    )


def stretches_of(entry: ApprovedBase) -> list[Stretch]:
    """The history of the tags that an entry means, or of those that named its digest."""
    host, _, path = entry.name.partition("/")
    pattern = entry.as_approval().pattern
    digest = pack_digest(pattern.text) if pattern.kind == Kind.DIGEST else None
    with connection.cursor() as cursor:
        cursor.execute(STRETCHES, {"host": host, "path": path, "digest": digest, "most": MOST_STRETCHES})
        rows = [Stretch(*row) for row in cursor.fetchall()]
    return rows if digest else [one for one in rows if pattern.fits(one.tag)]


def moves_in(stretches: Iterable[Stretch], at: datetime) -> tuple[str, Often]:
    """(the tag that moved last, how often tags moved). The first that was seen of a tag is no move."""
    found: list[tuple[datetime, str, str]] = []
    ordered = sorted(stretches, key=lambda one: (one.tag, one.platform, one.since))
    for (tag, platform), held in groupby(ordered, key=lambda one: (one.tag, one.platform)):
        line = list(held)
        found += [(now.since, tag, platform) for before, now in pairwise(line) if now.image != before.image]
    last = max(found, default=None)
    return (last[1] if last else ""), _often(((when, platform) for when, _, platform in found), at)


def builds_in(stretches: Iterable[Stretch], at: datetime) -> Often:
    """By what the images' configurations say; builds that set no time, or one for all, are not known."""
    images = {one.image: (one.built, one.platform) for one in stretches}
    return _often(((built, platform) for built, platform in images.values() if built and built <= at), at)


def _often(happened: Iterable[tuple[datetime, str]], at: datetime) -> Often:
    """An index of several platforms changes for all of them at once: the liveliest one counts."""
    by_platform: dict[str, list[datetime]] = {}
    for when, platform in happened:
        by_platform.setdefault(platform, []).append(when)
    counts = [
        (sum(1 for when in times if when > at - LONG), sum(1 for when in times if when > at - SHORT), max(times))
        for times in by_platform.values()
    ]
    if not counts:
        return Often()
    return Often(
        max(last for _, _, last in counts), max(few for _, few, _ in counts), max(many for many, _, _ in counts)
    )
