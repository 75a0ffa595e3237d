"""Which images use an entry, and what would break without it. By sets: images are counted by base, bases are judged."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any

from django.db import connection
from django.db.models import BigIntegerField, Count, F, Func, Q, QuerySet
from django.utils import timezone

from governance.accounts.models import Team
from governance.accounts.scope import Viewer, teams_of
from governance.approvals.copied import known_copies
from governance.approvals.facts import Base, asked_of_bases, judge_asked, listed
from governance.approvals.judgement import Approval, Stage, Terms, Verdict
from governance.approvals.models import ApprovedBase
from governance.images.models import Image

# What is counted for a page; more bases of one repository than this are not looked at.
MOST_BASES = 5_000


@dataclass(frozen=True, slots=True)
class Users:
    """Images built on what an entry means, by base; `broken` of them are refused if it is banned and are not now."""

    bases: tuple[tuple[Base, int], ...] = ()
    broken: int = 0

    @property
    def images(self) -> int:
        """All of them."""
        return sum(number for _, number in self.bases)


# A base's own images, of whatever owner, or of these teams. Merged records have no base.
BY_IMAGE = """
SELECT image.base_id, count(*) FROM images_image image
WHERE image.base_id IN (
    SELECT placement.image_id FROM images_placement placement
    JOIN images_repository repository ON repository.id = placement.repository_id
    JOIN images_registry registry ON registry.id = repository.registry_id
    WHERE (registry.host, repository.name) IN (SELECT * FROM unnest(%(hosts)s::text[], %(paths)s::text[])))
  AND image.base_name = '' AND (%(all)s OR image.owners && %(teams)s::bigint[])
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(most)s
"""
NAMES = "SELECT base_name FROM images_image WHERE base_name <> '' GROUP BY 1"
BY_NAME = """
SELECT image.base_name, count(*) FROM images_image image
WHERE image.base_name = ANY(%(names)s) AND (%(all)s OR image.owners && %(teams)s::bigint[])
GROUP BY 1 ORDER BY 2 DESC, 1 LIMIT %(most)s
"""


def bases_of(repositories: Collection[str], viewer: Viewer | None) -> dict[Base, int]:
    """How many images are built on each base of these repositories; None counts all, a viewer what they may see."""
    teams = teams_of(viewer) if viewer is not None else None
    given: dict[str, Any] = {"all": teams is None, "teams": sorted(teams or ()), "most": MOST_BASES}
    parts = [name.partition("/") for name in repositories]
    where = {"hosts": [host for host, _, _ in parts], "paths": [path for _, _, path in parts]}
    with connection.cursor() as cursor:
        cursor.execute(BY_IMAGE, {**given, **where})
        found = {Base(image): number for image, number in cursor.fetchall()}
        cursor.execute(NAMES)
        names = [name for (name,) in cursor.fetchall() if repository_of(name) in repositories]
        if names:
            cursor.execute(BY_NAME, {**given, "names": names})
            found |= {Base(0, name): number for name, number in cursor.fetchall()}
    return found


def repository_of(name: str) -> str:
    """`host/repository` of a reference in full."""
    path = name.partition("@")[0]
    return path.rpartition(":")[0] if ":" in path.rpartition("/")[2] else path


def users_of(entries: Sequence[ApprovedBase], viewer: Viewer | None, on: date | None = None) -> dict[int, Users]:
    """Of each entry what uses it. One that counts has what the list judges by it, a request what it would mean."""
    day = on or timezone.now().date()
    copies = known_copies()
    counts = bases_of(copies.widened({entry.name for entry in entries}), viewer)
    approvals = listed()
    wanted = [entry.as_approval() for entry in entries]
    asked = asked_of_bases(counts, [*approvals, *wanted], copies)
    said = {base: judge_asked(one, approvals, day) for base, one in asked.items()}
    found = {}
    for one in wanted:
        if one.stage_on(day) == Stage.OPEN:
            alone = [replace(one, standing=Stage.APPROVED, terms=Terms(), outdated_days=None)]
            own = [base for base in counts if judge_asked(asked[base], alone, day).entry == one.id]
            found[one.id] = Users(_counted(own, counts))
            continue
        own = [base for base in counts if said[base].entry == one.id]
        banned = [*(other for other in approvals if other.id != one.id), _ban(one)]
        broken = [base for base in own if said[base].verdict != Verdict.DENY]
        broken = [base for base in broken if judge_asked(asked[base], banned, day).verdict == Verdict.DENY]
        found[one.id] = Users(_counted(own, counts), sum(counts[base] for base in broken))
    return found


def _ban(one: Approval) -> Approval:
    return replace(one, standing=Stage.BANNED)


def _counted(bases: Iterable[Base], counts: dict[Base, int]) -> tuple[tuple[Base, int], ...]:
    return tuple(sorted(((base, counts[base]) for base in bases), key=lambda pair: -pair[1]))


def images_on(users: Users, viewer: Viewer) -> QuerySet[Image]:
    """The images themselves, as far as the viewer may see them."""
    by_image = [base.image for base, _ in users.bases if not base.name]
    by_name = [base.name for base, _ in users.bases if base.name]
    built = Q(base__in=by_image, base_name="") | Q(base_name__in=by_name)
    return Image.objects.present().visible_to(viewer).filter(built)


def teams_using(users: Users, viewer: Viewer) -> list[tuple[Team, int]]:
    """Whose images those are, the most first."""
    owned = images_on(users, viewer).annotate(team=Func(F("owners"), function="unnest", output_field=BigIntegerField()))
    counts = dict(owned.values("team").annotate(number=Count("pk")).order_by("-number").values_list("team", "number"))
    seen = teams_of(viewer)
    teams = Team.objects.in_bulk([pk for pk in counts if seen is None or pk in seen])
    return [(teams[pk], number) for pk, number in counts.items() if pk in teams]
