"""What is known of bases, gathered in a few statements for as many as are asked about; `judgement.py` judges it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, datetime
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from governance.approvals.copied import Copies, copies_of, known_copies
from governance.approvals.judgement import Approval, Asked, Content, Judgement, Seen, Verdict, judge_reference
from governance.approvals.models import ApprovedBase
from governance.images.reference import Reference, parse_reference
from governance.web.fields import unpack_digest

# Beyond this, the oldest digests are judged as unknown: nobody builds on them, and documents must stay small.
MOST_ROWS = 20_000
COUNTED = ("critical", "high", "medium", "low")

# A digest of a repository with the tag that it had: until when, null while any stretch is open.
HISTORY = """
SELECT registry.host || '/' || repository.name, tag.name, named.digest, tag.image_id,
       CASE WHEN bool_or(tag.until IS NULL) THEN NULL ELSE max(tag.until) END AS until,
       image.built_at, coalesce(image.built_at, image.first_seen),
       array_agg(tag.platform ORDER BY tag.since), array_agg(tag.since ORDER BY tag.since)
FROM images_registry registry JOIN images_repository repository ON repository.registry_id = registry.id
JOIN images_tag tag ON tag.repository_id = repository.id
JOIN images_image image ON image.id = tag.image_id
CROSS JOIN LATERAL (SELECT digest FROM images_manifest WHERE image_id = image.id
                    UNION SELECT image.config_digest WHERE image.config_digest IS NOT NULL) named
WHERE (registry.host, repository.name) IN (SELECT * FROM unnest(%s::text[], %s::text[]))
GROUP BY 1, 2, 3, 4, image.id ORDER BY until DESC NULLS FIRST, 1, 2, 3 LIMIT %s
"""


@dataclass(frozen=True, slots=True)
class Known:
    """One digest that a tag of a repository has or had."""

    name: str
    tag: str
    digest: str
    image: int
    until: date | None
    # When the image was built, and by when it is ordered where that is not told.
    built: datetime | None = None
    made: datetime | None = None
    # (platform, since when) of each stretch in which the tag named the image.
    stretches: tuple[tuple[str, datetime], ...] = ()


def listed() -> list[Approval]:
    """Every entry that counts or is being decided, as the list judges by it."""
    states = (*ApprovedBase.LISTED, *ApprovedBase.OPEN)
    return [entry.as_approval() for entry in ApprovedBase.objects.filter(state__in=states).order_by("pk")]


def unlisted() -> Verdict:
    """What a base is that no entry names."""
    return Verdict(settings.APPROVAL_UNLISTED)


def history_of(names: Collection[str]) -> list[Known]:
    """All digests of these repositories with their tags, the newest first, at most 20,000."""
    if not names:
        return []
    parts = [name.partition("/") for name in names]
    with connection.cursor() as cursor:
        cursor.execute(HISTORY, [[host for host, _, _ in parts], [path for _, _, path in parts], MOST_ROWS])
        rows = cursor.fetchall()
    return [
        Known(name, tag, unpack_digest(digest), image, until.date() if until else None, built, made, stretches)
        for name, tag, digest, image, until, built, made, *held in rows
        for stretches in (tuple(zip(*held, strict=True)),)
    ]


@dataclass(frozen=True, slots=True)
class Line:
    """A reference to judge, with its platform where that is known; `kept` and `copy` as of `Asked`."""

    reference: Reference
    platform: str = ""
    kept: bool | None = None
    copy: str = ""


def judge_all(lines: Sequence[Line], on: date | None = None) -> list[Judgement]:
    """Judge references on a day, today if none is given, with all that is known of them."""
    approvals, day, copies = listed(), on or timezone.now().date(), known_copies()
    lines = [copies.meant(line) for line in lines]
    names = {one.name for one in approvals} & {line.reference.name for line in lines}
    history = history_of(names)
    asked = [(copies.settled(one), images) for one, images in (asked_of(line, history) for line in lines)]
    contents = contents_of({image for _, images in asked for image in images}, approvals, names)
    return [judge_images(one, images, contents, approvals, day, unlisted()) for one, images in asked]


def judge_images(
    asked: Asked,
    images: Iterable[int],
    contents: Mapping[int, Content],
    approvals: Sequence[Approval],
    on: date,
    unlisted: Verdict,
) -> Judgement:
    """Judge what names one image for each platform: the worst of them counts. Pure."""
    each = [contents.get(image) for image in images] or [None]
    said = [judge_reference(replace(asked, content=content), approvals, on, unlisted) for content in each]
    return max(said, key=lambda one: one.order)


def asked_of(line: Line, history: Iterable[Known]) -> tuple[Asked, tuple[int, ...]]:
    """What is known of a reference, and the images that it names: one for each platform."""
    ref = line.reference
    own = [one for one in history if one.name == ref.name]
    if ref.digest:
        images = {one.image for one in own if one.digest == ref.digest}
        same = [one for one in own if one.image in images]
        tags = tuple(dict.fromkeys(Seen(one.tag, one.until) for one in same))
        digests = frozenset({ref.digest}) | {one.digest for one in same if len(images) == 1}
        asked = Asked(ref.name, ref.tag, digests, line.platform, tags, kept=line.kept, copy=line.copy)
    else:
        now = [one for one in own if one.tag == (ref.tag or "latest") and one.until is None]
        images = {one.image for one in now}
        points_to = frozenset(one.digest for one in now)
        asked = Asked(ref.name, ref.tag, platform=line.platform, points_to=points_to, kept=line.kept, copy=line.copy)
    return asked, tuple(sorted(images))


CONTENT = """
       image.built_at, image.finding_set_id IS NOT NULL, image.critical, image.high, image.medium, image.low,
       CASE WHEN config.image_id IS NULL THEN NULL ELSE image.traits && '{root,root-implicit}'::varchar[] END,
       CASE WHEN %(fixes)s THEN (
           SELECT min(scan.scanned_at) FROM findings_scan scan
           JOIN findings_findingset found ON found.id = scan.finding_set_id
           WHERE scan.image_id = image.id AND found.findings && ARRAY(
               SELECT finding.id FROM findings_finding finding JOIN findings_findingset shown
                   ON shown.id = image.finding_set_id AND finding.id = ANY(shown.findings)
               WHERE finding.fixed_version <> '')) END"""
CONTENTS = f"""
SELECT image.id, {CONTENT}
FROM images_image image LEFT JOIN images_imageconfig config ON config.image_id = image.id
WHERE image.id = ANY(%(images)s)
"""  # noqa: S608 (names of columns)


def contents_of(
    images: Collection[int], approvals: Iterable[Approval], names: Collection[str] | None = None
) -> dict[int, Content]:
    """What terms ask of images. When a fix exists is known from the first scan that named one.

    Signatures are not known of any image yet; whoever asks for them reads so. Where it is taken from is no matter of
    the content: `Asked.kept`.
    """
    terms = [one.terms for one in approvals if names is None or one.name in names]
    if not images or all(one == type(one)() for one in terms):
        return {}
    fixes = any(one.grace is not None for one in terms)
    with connection.cursor() as cursor:
        cursor.execute(CONTENTS, {"images": sorted(images), "fixes": fixes})
        rows = cursor.fetchall()
    return {image: _content(*row) for image, *row in rows}


def _content(built: datetime | None, assessed: bool, *rest: Any) -> Content:
    *counts, root, fix = rest
    return Content(
        built=built.date() if built else None,
        counts=dict(zip(COUNTED, counts, strict=True)) if assessed else None,
        fix_since=fix.date() if fix else None,
        root=root,
    )


@dataclass(frozen=True, slots=True)
class Base:
    """What images are built on: the known image (0 where none is), and the direct base where that is a name only."""

    image: int
    name: str = ""


def judge_bases(bases: Collection[Base], on: date | None = None) -> dict[Base, Judgement]:
    """Judge what images are built on, for all of them at once."""
    approvals, day = listed(), on or timezone.now().date()
    return {base: judge_asked(asked, approvals, day) for base, asked in asked_of_bases(bases, approvals).items()}


def asked_of_bases(
    bases: Collection[Base], approvals: Sequence[Approval], copies: Copies | None = None
) -> dict[Base, list[Asked]]:
    """The questions that bases come to: by name one, by content one for each repository that the list names and that
    holds it."""
    held, copies = held_in({base.image for base in bases if not base.name}, approvals, copies)
    return _asked_of_bases(bases, held, copies, {one.name for one in approvals})


def _asked_of_bases(
    bases: Collection[Base],
    held: Mapping[int, Sequence[Held]],
    copies: Copies,
    listed_names: Collection[str],
    history: Sequence[Known] | None = None,
) -> dict[Base, list[Asked]]:
    named = {base: parse_reference(base.name) for base in bases if base.name}
    lines = {base: copies.meant(Line(reference)) for base, reference in named.items() if reference}
    if history is None:
        history = history_of({line.reference.name for line in lines.values()} & set(listed_names))
    found = {}
    for base in bases:
        if base.name:
            found[base] = [asked_of(lines[base], history)[0]] if base in lines else []
        else:
            found[base] = [copies.by_content(one) for one in _asked_of_content(held.get(base.image, []), copies)]
    return found


def judge_asked(asked: Sequence[Asked], approvals: Sequence[Approval], on: date) -> Judgement:
    """One content asked about in several repositories: the mildest counts, except where its digest is named."""
    said = [judge_reference(one, approvals, on, unlisted()) for one in asked]
    return _of_content(said, approvals) if said else Judgement(unlisted(), (NOWHERE,))


NOWHERE = "Its base lies in no repository that the approved list names."


@dataclass(frozen=True, slots=True)
class Held:
    """Content in a repository that the list names, or where a copy of one is kept: its digests and tags there."""

    name: str
    digests: frozenset[str]
    tags: tuple[Seen, ...]
    content: Content | None


def _asked_of_content(places: Iterable[Held], copies: Copies) -> list[Asked]:
    """One question per repository that holds the content; what lies where a copy is kept counts as lying there."""
    found: dict[str, Asked] = {}
    for one in places:
        name = copies.sources.get(one.name, one.name)
        # Where a copy is kept, its tags say nothing of those of the source.
        tags = one.tags if name == one.name else ()
        before = found.get(name)
        digests = one.digests | before.digests if before else one.digests
        found[name] = Asked(name, digests=digests, tags=tags or (before.tags if before else ()), content=one.content)
    return list(found.values())


def _of_content(said: Sequence[Judgement], approvals: Iterable[Approval]) -> Judgement:
    by_digest = {one.id for one in approvals if not one.pattern.expression}
    exact = [one for one in said if one.entry in by_digest]
    return max(exact, key=lambda one: one.order) if exact else min(said, key=lambda one: one.order)


HELD = f"""
WITH copy AS (
    SELECT registry.host || '/' || copy.place AS place, copy.name, copy.tag, copy.digest, copy.digests, copy.id
    FROM approvals_keptcopy copy JOIN images_registry registry ON registry.id = copy.registry_id
    WHERE copy.state = 'kept'
), copies AS (
    SELECT CASE WHEN %(copies)s THEN (
        SELECT json_agg(json_build_array(place, name, tag, digest, digests) ORDER BY id) FROM copy) END AS rows
)
SELECT copies.rows, held.* FROM copies LEFT JOIN (
    SELECT image.id, registry.host || '/' || repository.name AS name,
           ARRAY(SELECT digest FROM images_manifest WHERE image_id = image.id
                 UNION SELECT image.config_digest WHERE image.config_digest IS NOT NULL) AS digests,
           (SELECT json_agg(json_build_array(tag.name, tag.until) ORDER BY tag.until DESC NULLS FIRST, tag.name) FROM (
               SELECT name, CASE WHEN bool_or(until IS NULL) THEN NULL
                            ELSE (max(until) AT TIME ZONE 'UTC')::date END AS until
               FROM images_tag WHERE image_id = image.id AND repository_id = repository.id GROUP BY name) tag) AS tags,
           {CONTENT}
    FROM images_image image JOIN images_placement placement ON placement.image_id = image.id
    JOIN images_repository repository ON repository.id = placement.repository_id
    JOIN images_registry registry ON registry.id = repository.registry_id
    LEFT JOIN images_imageconfig config ON config.image_id = image.id
    WHERE image.id = ANY(%(images)s) AND (registry.host || '/' || repository.name = ANY(%(names)s)
       OR registry.host || '/' || repository.name IN (SELECT place FROM copy WHERE copy.name = ANY(%(names)s)))
) held ON true
"""  # noqa: S608 (names of columns)


def held_in(
    images: Collection[int], approvals: Iterable[Approval], copies: Copies | None = None
) -> tuple[dict[int, list[Held]], Copies]:
    """({image: where it lies of what the list names}, with what terms ask; all copies if not given): one statement."""
    approvals = list(approvals)
    terms = [one.terms for one in approvals]
    asks = any(one != type(one)() for one in terms)
    values: dict[str, Any] = {
        "images": sorted(images),
        "names": sorted({one.name for one in approvals}),
        "copies": copies is None,
        "fixes": asks and any(one.grace is not None for one in terms),
    }
    with connection.cursor() as cursor:
        cursor.execute(HELD, values)
        rows = cursor.fetchall()
    if copies is None:
        copies = copies_of(rows[0][0] or [])
    found: dict[int, list[Held]] = defaultdict(list)
    for _, image, name, digests, tags, *content in rows:
        if image is not None:
            seen = tuple(Seen(tag, date.fromisoformat(until) if until else None) for tag, until in tags or [])
            known = frozenset(unpack_digest(one) for one in digests)
            found[image].append(Held(name, known, seen, _content(*content) if asks else None))
    return found, copies


@dataclass(frozen=True)
class Ground:
    """What a page of entries judges by, gathered once however many questions it asks.

    The list with these entries whatever their state, the history of their repositories, the copies that are kept; and
    where images lie that were looked at so far.
    """

    approvals: list[Approval]
    entries: list[Approval]
    history: list[Known]
    copies: Copies
    held: dict[int, list[Held]] = field(default_factory=dict)
    # Images that are asked about later: the first look takes them along.
    later: set[int] = field(default_factory=set)

    def look_at(self, images: Collection[int]) -> dict[int, list[Held]]:
        """Where these images lie, and what terms ask of them: one statement for those not looked at before."""
        if new := self.later.union(images) - self.held.keys():
            found, _ = held_in(new, [*self.approvals, *self.entries], self.copies)
            self.held.update({image: found.get(image, []) for image in new})
        return self.held

    def ask(self, bases: Collection[Base]) -> dict[Base, list[Asked]]:
        """As `asked_of_bases`; those that are told by name alone lie in the entries' repositories."""
        held = self.look_at({base.image for base in bases if not base.name})
        return _asked_of_bases(bases, held, self.copies, (), self.history)

    def judge(self, known: Iterable[Known], on: date) -> list[Judgement]:
        """What the list says of digests that the entries' repositories had, each by itself."""
        known, found = list(known), []
        self.look_at({one.image for one in known})
        for one in known:
            host, _, path = one.name.partition("/")
            line = self.copies.meant(Line(Reference(host, path, digest=one.digest)))
            asked, images = asked_of(line, self.history)
            contents = {image: held.content for image in images for held in self.held.get(image, ()) if held.content}
            found.append(judge_images(self.copies.settled(asked), images, contents, self.approvals, on, unlisted()))
        return found


def ground_of(entries: Collection[ApprovedBase], copies: Copies | None = None) -> Ground:
    """In three statements."""
    copies = known_copies() if copies is None else copies
    history = history_of({entry.name for entry in entries})
    return Ground(listed(), [entry.as_approval() for entry in entries], history, copies)
