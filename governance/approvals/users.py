"""Which images use an entry, and what would break without it. By sets: images are counted by base, bases are judged."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import Q, QuerySet
from django.utils import timezone

from governance.accounts.scope import Viewer, teams_of
from governance.approvals.facts import Base, Ground, ground_of, judge_asked
from governance.approvals.judgement import Approval, Stage, Terms, Verdict
from governance.approvals.models import ApprovedBase
from governance.images.models import Image

# What is counted for a page; more bases of one repository than this are not looked at.
MOST_BASES = 5_000


@dataclass(frozen=True, slots=True)
class Users:
    """Images built on what an entry means, by base; `broken` of them are refused if it is banned and are not now.

    `below` are all that stand on it at any depth, whosesoever they are.
    """

    bases: tuple[tuple[Base, int], ...] = ()
    broken: int = 0
    below: int = 0

    @property
    def images(self) -> int:
        """All of them."""
        return sum(number for _, number in self.bases)


# A base's own images: all, and those of these teams. By content, then by the names of direct bases that lie in these
# repositories. Merged records have no base.
COUNTS = """
WITH names AS MATERIALIZED (
    SELECT base_name FROM images_image WHERE base_name <> '' GROUP BY 1
), named AS MATERIALIZED (
    SELECT base_name FROM names
    WHERE regexp_replace(split_part(base_name, '@', 1), ':[^/]*$', '') = ANY(%(names)s::text[])
)
(SELECT image.base_id, '', count(*), count(*) FILTER (WHERE %(all)s OR image.owners && %(teams)s::bigint[]),
        (SELECT base.descendants FROM images_image base WHERE base.id = image.base_id)
 FROM images_image image
 WHERE image.base_id IN (
    SELECT placement.image_id FROM images_placement placement
    JOIN images_repository repository ON repository.id = placement.repository_id
    JOIN images_registry registry ON registry.id = repository.registry_id
    WHERE (registry.host, repository.name) IN (SELECT * FROM unnest(%(hosts)s::text[], %(paths)s::text[])))
   AND image.base_name = '' AND (%(whole)s OR image.owners && %(teams)s::bigint[])
 GROUP BY 1 ORDER BY 3 DESC, 1 LIMIT %(most)s)
UNION ALL
(SELECT 0, image.base_name, count(*), count(*) FILTER (WHERE %(all)s OR image.owners && %(teams)s::bigint[]),
        sum(1 + image.descendants)
 FROM images_image image
 WHERE image.base_name <> '' AND image.base_name IN (SELECT base_name FROM named)
   AND (%(whole)s OR image.owners && %(teams)s::bigint[])
 GROUP BY 2 ORDER BY 3 DESC, 2 LIMIT %(most)s)
"""


def bases_of(repositories: Collection[str], viewer: Viewer | None) -> dict[Base, int]:
    """How many images are built on each base of these repositories; None counts all, a viewer what they may see."""
    return {base: seen for base, (_, seen, _) in counted(repositories, viewer, whole=False).items()}


def counted(repositories: Collection[str], viewer: Viewer | None, *, whole: bool) -> dict[Base, tuple[int, int, int]]:
    """{base: (all images on it, those that the viewer may see, all at any depth)}, in one statement.

    Unless `whole`, the first are those that the viewer may see, too.
    """
    teams = teams_of(viewer) if viewer is not None else None
    parts = [name.partition("/") for name in repositories]
    given: dict[str, Any] = {
        "all": teams is None,
        "whole": whole or teams is None,
        "teams": sorted(teams or ()),
        "names": sorted(repositories),
        "hosts": [host for host, _, _ in parts],
        "paths": [path for _, _, path in parts],
        "most": MOST_BASES,
    }
    with connection.cursor() as cursor:
        cursor.execute(COUNTS, given)
        return {Base(image, name): (number, seen, int(below or 0)) for image, name, number, seen, below in cursor}


def repository_of(name: str) -> str:
    """`host/repository` of a reference in full."""
    path = name.partition("@")[0]
    return path.rpartition(":")[0] if ":" in path.rpartition("/")[2] else path


def users_of(
    entries: Sequence[ApprovedBase], viewer: Viewer | None, on: date | None = None, ground: Ground | None = None
) -> dict[int, Users]:
    """Of each entry what uses it. One that counts has what the list judges by it, a request what it would mean."""
    return {entry: seen for entry, (_, seen) in users_and_all(entries, viewer, on, ground, whole=False).items()}


def users_and_all(
    entries: Sequence[ApprovedBase],
    viewer: Viewer | None,
    on: date | None = None,
    ground: Ground | None = None,
    *,
    whole: bool,
) -> dict[int, tuple[Users, Users]]:
    """Of each entry (what uses it, what of that the viewer may see); unless `whole`, both are that."""
    day = on or timezone.now().date()
    ground = ground or ground_of(entries)
    counts = counted(ground.copies.widened({entry.name for entry in entries}), viewer, whole=whole)
    asked = ground.ask(counts)
    said = {base: judge_asked(one, ground.approvals, day) for base, one in asked.items()}
    found = {}
    for one in (entry.as_approval() for entry in entries):
        broken: list[Base] = []
        if one.stage_on(day) == Stage.OPEN:
            alone = [replace(one, standing=Stage.APPROVED, terms=Terms(), outdated_days=None)]
            own = [base for base in counts if judge_asked(asked[base], alone, day).entry == one.id]
        else:
            own = [base for base in counts if said[base].entry == one.id]
            banned = [*(other for other in ground.approvals if other.id != one.id), _ban(one)]
            broken = [base for base in own if said[base].verdict != Verdict.DENY]
            broken = [base for base in broken if judge_asked(asked[base], banned, day).verdict == Verdict.DENY]
        found[one.id] = (_users(own, broken, counts, 0), _users(own, broken, counts, 1))
    return found


def _users(
    own: Iterable[Base], broken: Iterable[Base], counts: Mapping[Base, tuple[int, int, int]], place: int
) -> Users:
    bases = sorted(((base, counts[base][place]) for base in own if counts[base][place]), key=lambda pair: -pair[1])
    below = sum(max(counts[base][2], counts[base][place]) for base in own)
    return Users(tuple(bases), sum(counts[base][place] for base in broken), below)


def _ban(one: Approval) -> Approval:
    return replace(one, standing=Stage.BANNED)


def images_on(users: Users, viewer: Viewer) -> QuerySet[Image]:
    """The images themselves, as far as the viewer may see them."""
    by_image = [base.image for base, _ in users.bases if not base.name]
    by_name = [base.name for base, _ in users.bases if base.name]
    built = Q(base__in=by_image, base_name="") | Q(base_name__in=by_name)
    return Image.objects.present().visible_to(viewer).filter(built)


USING = """
SELECT used.owners, used.images, used.running,
       (SELECT json_object_agg(team.id, team.name) FROM accounts_team team WHERE team.id = ANY(used.owners))
FROM (
    SELECT image.owners, count(*) AS images, count(*) FILTER (WHERE image.running > 0) AS running
    FROM images_image image
    WHERE image.merged_into_id IS NULL AND (%(all)s OR image.owners && %(teams)s::bigint[])
      AND (image.base_id = ANY(%(bases)s) AND image.base_name = ''
           OR image.base_name <> '' AND image.base_name = ANY(%(names)s))
    GROUP BY 1
) used
"""


def teams_using(users: Users, viewer: Viewer) -> tuple[list[tuple[str, int]], int]:
    """(whose images those are, the most first; how many of them run), as far as the viewer may see them."""
    seen = teams_of(viewer)
    given: dict[str, Any] = {
        "all": seen is None,
        "teams": sorted(seen or ()),
        "bases": [base.image for base, _ in users.bases if not base.name],
        "names": [base.name for base, _ in users.bases if base.name],
    }
    numbers: Counter[str] = Counter()
    running = 0
    with connection.cursor() as cursor:
        cursor.execute(USING, given)
        for _, images, run, names in cursor.fetchall():
            running += run
            numbers.update({name: images for team, name in (names or {}).items() if seen is None or int(team) in seen})
    return numbers.most_common(), running
