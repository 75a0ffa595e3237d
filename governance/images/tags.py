"""The history of a tag: which image it was seen pointing to, and when. A function of all sightings, in any order.

Sightings of one image without another's between them are one stretch, one row. Those inside a stretch are kept, too:
what is reported late may fall between any two of them. A registry that shows no such tag any more ends a stretch
without another (`vanish`, `findings.observe`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from itertools import groupby
from typing import Any

from django.db import connection

from governance.images.locks import lock_names
from governance.images.models import Repository, Tag
from governance.images.names import rename
from governance.images.reach import QUEUE, queue_bases_of
from governance.images.reference import Reference

# Of a longer stretch the oldest inside it are forgotten: a report that late is no longer put exactly right.
KEPT = 200
# In place of an image: the tag was seen to point to none.
NOTHING = 0
type Moment = tuple[datetime, int]


@dataclass(frozen=True, slots=True)
class Name:
    """A tag, for one platform where it names an index of several."""

    repository: int
    name: str
    platform: str


@dataclass(frozen=True, slots=True)
class Sighting:
    """The tag was seen pointing to an image at a time."""

    tag: Name
    image: int
    at: datetime


@dataclass(frozen=True, slots=True)
class Stretch:
    """One row of a tag's history; `between` are sightings inside it."""

    id: int
    image: int
    since: datetime
    last_seen: datetime
    until: datetime | None
    between: list[datetime] | None

    def ended_by(self, at: datetime) -> bool:
        """It did not hold any more then."""
        return self.until is not None and self.until <= at

    @property
    def sightings(self) -> list[datetime]:
        """All of them, the first first."""
        return sorted({self.since, self.last_seen, *(self.between or ())})


COLUMNS = "id, image_id, since, last_seen, until, between"
# The stretch that holds at a moment (or held last before it), and the one after it.
AROUND = f"""
(SELECT {COLUMNS} FROM images_tag
  WHERE repository_id = %(repository)s AND name = %(name)s AND platform = %(platform)s AND since <= %(at)s
  ORDER BY since DESC, id DESC LIMIT 1)
UNION ALL
(SELECT {COLUMNS} FROM images_tag
  WHERE repository_id = %(repository)s AND name = %(name)s AND platform = %(platform)s AND since > %(at)s
  ORDER BY since, id LIMIT 1)
"""  # noqa: S608 (names of columns)
# One more sighting of stretches that hold at its time.
SEEN_AGAIN = """
    last_seen = greatest(last_seen, %(at)s::timestamptz), between = CASE
    WHEN least(last_seen, %(at)s::timestamptz) <= since OR last_seen = %(at)s {unless} THEN between
    WHEN cardinality(between) >= {kept} THEN between[2:] || least(last_seen, %(at)s::timestamptz)
    ELSE coalesce(between, '{{}}') || least(last_seen, %(at)s::timestamptz) END
"""
EXTEND = f"""
UPDATE images_tag SET {SEEN_AGAIN.format(kept=KEPT, unless="")}
WHERE id = ANY(%(tags)s::bigint[]) AND last_seen <> %(at)s
"""  # noqa: S608 (a number of ours)
# The same where sightings come by the hour: one a day is kept of them.
SEEN_HOURLY = SEEN_AGAIN.format(
    kept=KEPT,
    unless="OR least(last_seen, %(at)s) < coalesce(between[cardinality(between)], since) + interval '1 day'",
)


EXTEND_HOURLY = f"UPDATE images_tag SET {SEEN_HOURLY} WHERE id = ANY(%(tags)s::bigint[]) AND last_seen < %(at)s"  # noqa: S608


def tags_of(image: int) -> list[Reference]:
    """All tags that ever pointed to the image."""
    rows = Tag.objects.filter(image=image).values_list("repository__registry__host", "repository__name", "name")
    return [Reference(*row) for row in rows.distinct()]


def extend(tags: Sequence[int], at: datetime) -> None:
    """These stretches (by row) were seen to hold once more."""
    if tags:
        with connection.cursor() as cursor:
            cursor.execute(EXTEND, {"tags": list(tags), "at": at})


def extend_hourly(tags: Sequence[int], at: datetime) -> None:
    """The same of stretches that are looked at by the hour."""
    if tags:
        with connection.cursor() as cursor:
            cursor.execute(EXTEND_HOURLY, {"tags": list(tags), "at": at})


BEGIN = f"""
WITH fact AS (
    SELECT * FROM unnest(%(repositories)s::bigint[], %(names)s::text[], %(platforms)s::text[], %(images)s::bigint[],
                         %(times)s::timestamptz[]) AS fact(repository, name, platform, image, at)
), counted AS (
    {QUEUE.format(images="SELECT base_id FROM images_image WHERE id IN (SELECT image FROM fact)")}
)
INSERT INTO images_tag (repository_id, name, platform, image_id, since, last_seen)
SELECT repository, name, platform, image, at, at FROM fact
"""  # noqa: S608 (texts of ours)


def begin_tags(seen: Sequence[Sighting]) -> None:
    """First sightings of tags that were never seen before on these platforms, each once; images are named after."""
    columns: dict[str, Any] = {
        "repositories": [one.tag.repository for one in seen],
        "names": [one.tag.name for one in seen],
        "platforms": [one.tag.platform for one in seen],
        "images": [one.image for one in seen],
        "times": [one.at for one in seen],
    }
    with connection.cursor() as cursor:
        cursor.execute(BEGIN, columns)


def observe_tag(seen: Sighting) -> None:
    """Write into the history that the tag pointed to the image then, in whatever order observations arrive.

    An image to which it does not point any more is named anew; the one that was seen, by the caller (`names.rename`).
    """
    with connection.cursor() as cursor:
        cursor.execute(AROUND, asdict(seen.tag) | {"at": seen.at})
        rows = [Stretch(*row) for row in cursor.fetchall()]
    around = next((row for row in rows if row.since <= seen.at), None)
    after = next((row for row in rows if row.since > seen.at), None)
    # Where the tag had moved on or vanished before, what held last says nothing of this moment.
    holds = around if around and not around.ended_by(seen.at) else None
    follows = after and not (holds and (holds.last_seen > seen.at or holds.until != after.since))
    if holds and holds.image == seen.image:
        extend([holds.id], seen.at)
        return
    if after and follows and after.image == seen.image:
        Tag.objects.filter(pk=after.id).update(since=seen.at, between=after.sightings[:-1] or None)
        if holds:
            Tag.objects.filter(pk=holds.id).update(until=seen.at)
    elif holds:
        _cut(seen, holds)
    else:
        _insert(seen.tag, seen.image, [seen.at], after.since if after else None, is_counted=True)
        return
    queue_bases_of([seen.image, *([holds.image] if holds else [])])
    if holds and holds.until is None and holds.last_seen <= seen.at:
        rename(holds.image)


def _cut(seen: Sighting, holds: Stretch) -> None:
    """A stretch of its own; the one that it falls into is cut in two."""
    until = holds.until
    earlier = [at for at in holds.sightings if at <= seen.at]
    if later := [at for at in holds.sightings if at > seen.at]:
        _insert(seen.tag, holds.image, later, holds.until)
        until = later[0]
    Tag.objects.filter(pk=holds.id).update(until=seen.at, last_seen=earlier[-1], between=earlier[1:-1] or None)
    _insert(seen.tag, seen.image, [seen.at], until)


# What the image is built on is counted anew (`reach.queue_bases_of`) unless the caller sees to that.
INSERT = f"""
WITH counted AS (
    {QUEUE.format(images="SELECT base_id FROM images_image WHERE id = %(image)s AND %(counted)s")}
)
INSERT INTO images_tag (repository_id, name, platform, image_id, since, last_seen, until, between)
VALUES (%(repository)s, %(name)s, %(platform)s, %(image)s, %(since)s, %(last_seen)s, %(until)s,
        %(between)s::timestamptz[])
"""  # noqa: S608 (texts of ours)


def _insert(
    tag: Name, image: int, sightings: Sequence[datetime], until: datetime | None, is_counted: bool = False
) -> None:
    row: dict[str, Any] = asdict(tag) | {
        "image": image,
        "since": sightings[0],
        "last_seen": sightings[-1],
        "until": until,
        "between": list(sightings[1:-1])[-KEPT:] or None,
        "counted": is_counted,
    }
    with connection.cursor() as cursor:
        cursor.execute(INSERT, row)


def move_sightings(moves: Iterable[tuple[Sighting, Sighting]]) -> None:
    """Each of these sightings was another one: of another image, or for another platform. Images are named anew."""
    moves = list(moves)
    _lock({seen.tag for pair in moves for seen in pair})
    taken: dict[Name, set[Moment]] = defaultdict(set)
    given: dict[Name, set[Moment]] = defaultdict(set)
    for before, after in moves:
        taken[before.tag].add((before.at, before.image))
        given[after.tag].add((after.at, after.image))
    images: set[int] = set()
    for tag in sorted(taken.keys() | given.keys(), key=lambda tag: (tag.repository, tag.name, tag.platform)):
        rows = Tag.objects.filter(repository=tag.repository, name=tag.name, platform=tag.platform).order_by(
            "since", "pk"
        )
        known = _moments([_stretch(row) for row in rows])
        rows.delete()
        history = sorted(known - taken[tag] | given[tag])
        _write(tag, history)
        images |= {image for _, image in (*known, *history)} - {NOTHING}
    for image in sorted(images):
        rename(image)
    queue_bases_of(images)


def _moments(rows: Sequence[Stretch]) -> set[Moment]:
    """What the rows of a tag say: when it was seen to point to what, and when to nothing."""
    found = {(at, row.image) for row in rows for at in row.sightings}
    nexts = [*(row.since for row in rows[1:]), None] if rows else []
    ends = [(row.until, NOTHING) for row, after in zip(rows, nexts, strict=True) if row.until and row.until != after]
    return found | set(ends)


def _write(tag: Name, history: Sequence[Moment]) -> None:
    """The whole history of a tag anew."""
    runs = [(image, [at for at, _ in rows]) for image, rows in groupby(history, key=lambda one: one[1])]
    for number, (image, times) in enumerate(runs):
        if image != NOTHING:
            _insert(tag, image, times, runs[number + 1][1][0] if number + 1 < len(runs) else None)


def _stretch(row: Tag) -> Stretch:
    return Stretch(row.pk, row.image_id, row.since, row.last_seen, row.until, row.between)


def _lock(tags: Collection[Name]) -> None:
    """As whoever observes one of them does."""
    found = Repository.objects.filter(pk__in={tag.repository for tag in tags}).select_related("registry")
    names = {row.pk: str(row) for row in found}
    lock_names(f"{names[tag.repository]}:{tag.name}" for tag in tags)


def hand_over(gone: int, into: int, platform: str) -> None:
    """All sightings of one record were of another, or of the same whose platform is known now."""
    moves = []
    rows = Tag.objects.filter(image=gone)
    _lock({Name(row.repository_id, row.name, "") for row in rows})
    for row in rows.all():
        before, after = Name(row.repository_id, row.name, row.platform), Name(row.repository_id, row.name, platform)
        moves += [(Sighting(before, gone, at), Sighting(after, into, at)) for at in _stretch(row).sightings]
    move_sightings(moves)
