"""What is watched: each approved base, each that is asked for, and each that images of ours are built on. By sets."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from governance.approvals.facts import history_of, listed
from governance.approvals.judgement import Approval, Stage
from governance.approvals.models import ApprovedBase, UpstreamAlarm, Watch
from governance.approvals.patterns import Kind
from governance.images.reference import parse_reference
from governance.web.fields import unpack_digest

# Tags of one entry, newest first; bases in use, those first that most is built on.
MOST_TAGS, MOST_USED = 50, 2_000
MOST_ASKED, ASKED = 200, (Stage.OPEN,)
# Of the tags that a registry lists and nobody here knows, so many are chosen for each pattern.
NEWEST = 5
# A tag that moved is an alarm for so long, if nobody closes it.
MOVED = timedelta(days=30)

type Subject = tuple[str, str, str]


@dataclass(slots=True)
class Wanted:
    """Why it is watched, and whose images are built on it."""

    is_approved: bool = False
    is_used: bool = False
    is_asked: bool = False
    owners: set[int] = field(default_factory=set)


def plan() -> int:
    """Bring the watches in line with the list and the inventory; returns how many there are."""
    wanted: dict[Subject, Wanted] = {}
    standing, asked = counting(), counting(*ASKED)
    for subject in approved_subjects(standing):
        wanted.setdefault(subject, Wanted()).is_approved = True
    for subject in approved_subjects(asked):
        wanted.setdefault(subject, Wanted()).is_asked = True
    for subject, owners in used_subjects():
        one = wanted.setdefault(subject, Wanted())
        one.is_used = True
        one.owners |= owners
    _write(wanted, standing, asked)
    UpstreamAlarm.objects.filter(
        kind=UpstreamAlarm.Kind.REPOINTED, ended_at=None, raised_at__lt=timezone.now() - MOVED
    ).update(ended_at=timezone.now(), reason="It moved a month ago.")
    return len(wanted)


def counting(*stages: Stage) -> list[Approval]:
    """Entries of these stages, by default that may be built on today; what the demo invented is looked at nowhere.

    Of requests the newest, so that nobody has more looked at by asking for everything.
    """
    today, invented = timezone.now().date(), set(ApprovedBase.objects.filter(is_demo=True).values_list("pk", flat=True))
    wanted = stages or (Stage.APPROVED, Stage.DEPRECATED)
    found = [one for one in listed() if one.id not in invented and one.stage_on(today) in wanted]
    return found[-MOST_ASKED:] if wanted == ASKED else found


def approved_subjects(standing: Sequence[Approval]) -> list[Subject]:
    """Digests and tags that entries name; of a pattern the repository, and the tags that are known of it."""
    found: list[Subject] = []
    history = history_of({one.name for one in standing if one.pattern.kind != Kind.DIGEST})
    for one in standing:
        if one.pattern.kind == Kind.DIGEST:
            found.append((one.name, "", one.pattern.text))
        elif is_exact(one):
            found.append((one.name, one.pattern.text, ""))
        else:
            known = [row.tag for row in history if row.name == one.name and row.until is None]
            tags = list(dict.fromkeys(tag for tag in known if one.pattern.fits(tag)))[:MOST_TAGS]
            found += [(one.name, "", ""), *((one.name, tag, "") for tag in tags)]
    return found


def is_exact(one: Approval) -> bool:
    """It names one tag."""
    return one.pattern.rank[0] == 2


# Bases by the tags that name them now; those that none names by digest, that of the index where it has one.
USED = """
WITH base AS (
    SELECT id, descendants FROM images_image
    WHERE descendants > 0 AND merged_into_id IS NULL AND NOT is_demo ORDER BY descendants DESC, id LIMIT %(most)s
), place AS (
    SELECT base.id, base.descendants, repository.id AS repository, registry.host || '/' || repository.name AS name
    FROM base JOIN images_placement placement ON placement.image_id = base.id AND placement.gone_at IS NULL
    JOIN images_repository repository ON repository.id = placement.repository_id
    JOIN images_registry registry ON registry.id = repository.registry_id
), tagged AS (
    SELECT place.id, place.name, tag.name AS tag FROM place
    JOIN images_tag tag ON tag.image_id = place.id AND tag.repository_id = place.repository AND tag.until IS NULL
), named AS (
    SELECT id, name, tag, NULL::bytea AS digest FROM tagged
  UNION ALL
    (SELECT DISTINCT ON (place.id, place.name) place.id, place.name, '', manifest.digest
     FROM place JOIN images_manifest manifest ON manifest.image_id = place.id AND manifest.is_sure
     WHERE NOT EXISTS (SELECT FROM tagged WHERE tagged.id = place.id AND tagged.name = place.name)
     ORDER BY place.id, place.name, manifest.kind, manifest.id)
), team AS (
    SELECT child.base_id AS id, array_agg(DISTINCT owner) AS owners
    FROM images_image child CROSS JOIN LATERAL unnest(child.owners) owner
    WHERE child.base_id IN (SELECT id FROM base) AND child.merged_into_id IS NULL GROUP BY child.base_id
)
SELECT named.name, named.tag, named.digest, team.owners FROM named LEFT JOIN team ON team.id = named.id
LIMIT %(most)s
"""
NAMED = """
SELECT base_name, array_agg(DISTINCT owner) FILTER (WHERE owner IS NOT NULL)
FROM images_image LEFT JOIN LATERAL unnest(owners) owner ON true
WHERE base_name <> '' AND merged_into_id IS NULL AND NOT is_demo
GROUP BY base_name ORDER BY count(*) DESC LIMIT %(most)s
"""


def used_subjects() -> list[tuple[Subject, set[int]]]:
    """What images are built on, by content and by name, with the teams that own these images."""
    found: list[tuple[Subject, set[int]]] = []
    with connection.cursor() as cursor:
        cursor.execute(USED, {"most": MOST_USED})
        for name, tag, digest, owners in cursor.fetchall():
            found.append(((name, tag, unpack_digest(digest) if digest else ""), set(owners or ())))
        cursor.execute(NAMED, {"most": MOST_USED})
        rows = cursor.fetchall()
    for name, owners in rows:
        if reference := parse_reference(name):
            tag = "" if reference.digest else reference.tag or "latest"
            found.append(((reference.name, tag, reference.digest), set(owners or ())))
    return found


@transaction.atomic
def _write(wanted: dict[Subject, Wanted], standing: Sequence[Approval], asked: Sequence[Approval]) -> None:
    """New ones are looked at next. What nobody wants any more goes, unless an alarm on it is open."""
    rows = {(one.name, one.tag, one.digest): one for one in Watch.objects.all()}
    alarmed = set(UpstreamAlarm.objects.filter(ended_at=None).values_list("watch", flat=True))
    changed, gone = [], []
    for subject, row in rows.items():
        one = wanted.get(subject, Wanted())
        # Tags that were chosen from the registry's list are known to nobody until they were looked at.
        is_approved = one.is_approved or (bool(row.tag) and _fits(row, standing))
        is_asked = one.is_asked or (bool(row.tag) and _fits(row, asked))
        # What is gone upstream may be gone from the inventory, too: it is still theirs whom the alarm is for.
        owners = one.owners.union(row.owners if row.pk in alarmed else ())
        now = (is_approved, one.is_used, is_asked, sorted(owners))
        if not any(now[:3]):
            gone += [row.pk] if row.pk not in alarmed else []
        elif now != (row.is_approved, row.is_used, row.is_asked, row.owners):
            row.is_approved, row.is_used, row.is_asked, row.owners = now
            changed.append(row)
    Watch.objects.bulk_update(changed, ["is_approved", "is_used", "is_asked", "owners"], batch_size=500)
    Watch.objects.filter(pk__in=gone).delete()
    new = [
        Watch(name=subject[0], tag=subject[1], digest=subject[2], **_as_fields(one))
        for subject, one in wanted.items()
        if subject not in rows
    ]
    Watch.objects.bulk_create(new, ignore_conflicts=True)


def _as_fields(one: Wanted) -> dict[str, Any]:
    flags = {"is_approved": one.is_approved, "is_used": one.is_used, "is_asked": one.is_asked}
    return {**flags, "owners": sorted(one.owners)}


def _fits(row: Watch, standing: Iterable[Approval]) -> bool:
    return any(one.name == row.name and one.pattern.fits(row.tag) for one in standing)


def add_tags(watch: Watch, names: Sequence[str]) -> int:
    """Watch the newest tags of a listed repository that its entries mean; returns how many are new."""
    chosen: dict[str, Wanted] = {}
    for entry in (*counting(), *counting(*ASKED)):
        if entry.name != watch.name or entry.pattern.kind == Kind.DIGEST:
            continue
        fitting = [name for name in names if entry.pattern.fits(name)]
        for tag in sorted(fitting, key=by_version, reverse=True)[:NEWEST]:
            one = chosen.setdefault(tag, Wanted())
            one.is_asked |= entry.standing == Stage.OPEN
            one.is_approved |= entry.standing != Stage.OPEN
    known = set(Watch.objects.filter(name=watch.name, tag__in=chosen).values_list("tag", flat=True))
    new = [Watch(name=watch.name, tag=tag, **_as_fields(one)) for tag, one in chosen.items() if tag not in known]
    Watch.objects.bulk_create(new, ignore_conflicts=True)
    return len(new)


def by_version(tag: str) -> tuple[list[int], int]:
    """Higher versions are greater; of equals the shorter name."""
    return [int(word[:9]) for word in re.findall(r"\d+", tag)[:4]], -len(tag)
