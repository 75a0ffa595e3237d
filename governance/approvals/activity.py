"""How lively a base is where it comes from, as far as it was watched or reported here."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby, pairwise

from django.utils import timezone

from governance.approvals.facts import Known
from governance.approvals.keeping import WATCH_LOOKS
from governance.approvals.models import ApprovedBase, Watch
from governance.approvals.patterns import Kind

SHORT, LONG = timedelta(days=90), timedelta(days=365)
# What is worst of several tags is what is said of the entry.
WORST = (
    *(Watch.State.VANISHED, Watch.State.ENDED, Watch.State.DEPRECATED, Watch.State.UNKNOWN),
    *(Watch.State.FINE, Watch.State.WAITING),
)


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


def activity_of(entry: ApprovedBase, watches: Sequence[Watch], history: Iterable[Known]) -> Activity:
    """Of what an entry means, by its watches and by the history of its repository's tags."""
    at = timezone.now()
    stretches = stretches_of(entry, history)
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


def stretches_of(entry: ApprovedBase, history: Iterable[Known]) -> list[Stretch]:
    """The history of the tags that an entry means, or of those that named its digest."""
    own = [one for one in history if one.name == entry.name]
    pattern = entry.as_approval().pattern
    if pattern.kind == Kind.DIGEST:
        images = {one.image for one in own if one.digest == pattern.text}
        own = [one for one in own if one.image in images]
    else:
        own = [one for one in own if pattern.fits(one.tag)]
    # An image has several digests: its tags are told with each of them.
    known = {(one.tag, one.image): one for one in own}.values()
    return [
        Stretch(one.tag, platform, one.image, since, one.built) for one in known for platform, since in one.stretches
    ]


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
