"""The retention guard: what must not be deleted, and why. By sets, and of what is written down now alone.

An image is held while it runs, while anything that still lies somewhere is built on it at any depth, while the approved
list allows it, while it is the kept copy of an approved base, or while a person pins it. What shares an index with
something held is held with it: a digest that names several platforms goes only with all of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.db import connection
from django.utils import timezone

from governance.approvals.facts import Base, judge_bases
from governance.approvals.judgement import Verdict
from governance.approvals.models import KeptCopy
from governance.web.fields import unpack_digest

# Each kind in words, the gravest first.
KINDS = {
    "running": "it runs",
    "base": "images are built on it",
    "copy": "it is the kept copy of an approved base",
    "approved": "the approved list allows it",
    "pinned": "it is pinned",
    "index": "its index names something that is held",
    "unknown": "nobody knows its content",
}
# What stopped is held for so long: a job may run again, a deployment may go back.
LATELY = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Hold:
    """One reason why an image must stay, and the sentence that says so."""

    kind: str
    text: str


SIBLINGS = """
SELECT DISTINCT mine.image_id, other.image_id
FROM images_manifest mine JOIN images_manifest other ON other.digest = mine.digest AND other.image_id <> mine.image_id
WHERE mine.image_id = ANY(%s)
"""


def siblings_of(images: Collection[int]) -> dict[int, set[int]]:
    """{image: the others that one of its digests names too}."""
    found: dict[int, set[int]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(SIBLINGS, [sorted(images)])
        for image, other in cursor.fetchall():
            found[image].add(other)
    return found


FAMILY = """
SELECT mine.image_id, mine.digest, other.image_id,
       ARRAY(SELECT digest FROM images_manifest WHERE image_id = other.image_id)
FROM images_manifest mine
LEFT JOIN images_manifest other ON other.digest = mine.digest AND other.image_id <> mine.image_id
WHERE mine.image_id = ANY(%s)
"""


def family_of(images: Collection[int]) -> tuple[dict[int, set[int]], dict[str, set[int]]]:
    """(siblings of each image, {digest: these images and siblings that have it}), in one statement."""
    siblings: dict[int, set[int]] = defaultdict(set)
    named: dict[str, set[int]] = defaultdict(set)
    with connection.cursor() as cursor:
        cursor.execute(FAMILY, [sorted(images)])
        for image, digest, other, theirs in cursor.fetchall():
            named[unpack_digest(digest)].add(image)
            if other is not None:
                siblings[image].add(other)
                for one in theirs:
                    named[unpack_digest(one)].add(other)
    return siblings, named


def holds_of(images: Iterable[int], on: date | None = None) -> dict[int, list[Hold]]:
    """What holds each of these images, the gravest first; an image that nothing holds is not named."""
    asked = set(images)
    siblings, named = family_of(asked)
    own = own_holds(asked.union(*siblings.values()), named, on or timezone.now().date())
    found = {image: holds for image, holds in own.items() if image in asked}
    for image in asked - found.keys():
        if held := sorted(other for other in siblings[image] if other in own):
            text = f"One of its digests names image {held[0]} too: {own[held[0]][0].text}"
            found[image] = [Hold("index", text[:500])]
    return found


def own_holds(images: Collection[int], named: Mapping[str, set[int]], on: date) -> dict[int, list[Hold]]:
    """Of each image by itself; `named` are the manifests of all of them."""
    found: dict[int, list[Hold]] = defaultdict(list)
    given: dict[str, Any] = {"images": sorted(images), "on": on, "lately": LATELY}
    given["scanned"] = timedelta(days=settings.STALE_DAYS_AT["runtime"])
    with connection.cursor() as cursor:
        cursor.execute(OWN, given)
        for name, image, *words in cursor.fetchall():
            kind, text = SENTENCES[name]
            found[image].append(Hold(kind, text.format(*words)[:500]))
    for image, hold in _copies(named):
        found[image].append(hold)
    for base, said in judge_bases([Base(image) for image in images], on).items():
        if said.entry is not None and said.verdict in (Verdict.ALLOW, Verdict.WARN):
            found[base.image].append(Hold("approved", said.reasons[0][:500]))
    order = list(KINDS)
    return {image: sorted(holds, key=lambda one: order.index(one.kind)) for image, holds in found.items()}


def _copies(named: Mapping[str, set[int]]) -> Iterator[tuple[int, Hold]]:
    for copy in KeptCopy.objects.holding(named) if named else ():
        for image in {image for digest in {*copy.digests, copy.digest} for image in named.get(digest, ())}:
            yield image, Hold("copy", f"It is the kept copy of {copy.name}:{copy.tag or copy.digest}."[:500])


# Is still of use to somebody: it runs, or it lies somewhere. An image of which no place is known may lie anywhere.
ALIVE = """{0}.merged_into_id IS NULL AND (
    NOT EXISTS (SELECT FROM images_placement place WHERE place.image_id = {0}.id)
    OR EXISTS (SELECT FROM images_placement place WHERE place.image_id = {0}.id AND place.gone_at IS NULL)
    OR {0}.runtime_at > statement_timestamp() - %(scanned)s
    OR EXISTS (SELECT FROM runtime_running ran WHERE ran.image_id = {0}.id
                  AND (ran.stopped_at IS NULL OR ran.stopped_at > statement_timestamp() - %(lately)s)))"""
# Built on what is asked about, directly or on what was built on it and is gone since: down a branch as far as nothing
# alive is met, so that a base with 100,000 children costs one look.
BASED = f"""
WITH RECURSIVE edge AS NOT MATERIALIZED (
    SELECT id AS child, base_id AS base FROM images_image WHERE base_id IS NOT NULL
    UNION ALL
    SELECT image_id, base_id FROM images_baseedge
    WHERE base_id IS NOT NULL AND revoked_at IS NULL AND agreement <> 'contradicted'
), below AS (
    SELECT id AS root, id AS image FROM unnest(%(images)s::bigint[]) AS id
    UNION
    SELECT below.root, child.id FROM below JOIN edge ON edge.base = below.image
    JOIN images_image child ON child.id = edge.child AND child.id <> below.root
    WHERE NOT ({ALIVE.format("child")})
)
SELECT below.root, min(alive.name) FROM below CROSS JOIN LATERAL (
    SELECT coalesce(nullif(child.reference, ''), 'image ' || child.id) AS name FROM edge
    JOIN images_image child ON child.id = edge.child AND child.id <> below.root
    WHERE edge.base = below.image AND {ALIVE.format("child")} LIMIT 1
) alive GROUP BY 1
"""  # noqa: S608 (made of our own words)
PINNED = """
SELECT named.image_id, pin.actor, pin.reason FROM approvals_retentionpin pin JOIN LATERAL (
    SELECT image_id FROM images_manifest WHERE digest = pin.digest
    UNION SELECT id FROM images_image WHERE config_digest = pin.digest
) named ON named.image_id = ANY(%(images)s)
WHERE pin.until IS NULL OR pin.until >= %(on)s
"""
# No digest names it, or its record is only the way to another.
UNKNOWN = """
SELECT id FROM images_image WHERE id = ANY(%(images)s) AND (placeholder IS NOT NULL OR merged_into_id IS NOT NULL)
"""
# What runs and what silent agents told last; what stopped a few days ago; what was scanned where it runs.
RUNS = """
SELECT image_id, count(*) FILTER (WHERE stopped_at IS NULL) FROM runtime_running
WHERE image_id = ANY(%(images)s) AND (stopped_at IS NULL OR stopped_at > statement_timestamp() - %(lately)s)
GROUP BY 1
"""
SCANNED = """
SELECT id, to_char(runtime_at AT TIME ZONE 'UTC', 'YYYY-MM-DD') FROM images_image
WHERE id = ANY(%(images)s) AND runtime_at > statement_timestamp() - %(scanned)s
"""
# (name, image, two words of the sentence), in one statement.
OWN = f"""
WITH runs AS ({RUNS})
SELECT 'runs' AS name, image_id, count::text AS first, CASE WHEN count > 1 THEN 's' ELSE '' END AS second
FROM runs WHERE count > 0
UNION ALL SELECT 'ran', image_id, '', '' FROM runs WHERE count = 0
UNION ALL SELECT 'scanned', image, day, '' FROM ({SCANNED}) AS held(image, day)
UNION ALL SELECT 'base', image, child, '' FROM ({BASED}) AS held(image, child)
UNION ALL SELECT 'pinned', image, actor, reason FROM ({PINNED}) AS held(image, actor, reason)
UNION ALL SELECT 'unknown', image, '', '' FROM ({UNKNOWN}) AS held(image)
"""  # noqa: S608 (made of our own words)
SENTENCES = {
    "runs": ("running", "It runs in {} place{}."),
    "ran": ("running", f"It ran less than {LATELY.days} days ago: a job may run again."),
    "scanned": ("running", "It was scanned where it runs on {}."),
    "base": ("base", "{} is built on it, and is still there."),
    "pinned": ("pinned", "{} pinned it: {}"),
    "unknown": ("unknown", "No digest names it: nobody knows which content that is."),
}
