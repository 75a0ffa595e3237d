"""Dry runs of retention: what the rules ask for, what the guard holds back, how much that is. By sets."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from itertools import batched, islice
from typing import Any

from django.db import connection, transaction
from django.utils import timezone

from governance.approvals.guard import Hold, holds_of, siblings_of
from governance.approvals.models import RetentionItem, RetentionRule, RetentionRun
from governance.images.matching import chosen, read_lines
from governance.images.models import Placement, Repository

State = RetentionItem.State
# A run lists so many images at most, the ones that are asked for longest first: the rest comes with the next run.
MOST_ITEMS = 20_000
SLICE = 1_000

type Place = tuple[int, int]

# Where an image lies in a repository: its tags there, and how many newer images the repository has.
CANDIDATES = """
WITH placed AS (
    SELECT placement.image_id, placement.repository_id,
           row_number() OVER (PARTITION BY placement.repository_id
               ORDER BY coalesce(image.built_at, image.first_seen) DESC, image.id DESC) AS place
    FROM images_placement placement JOIN images_image image ON image.id = placement.image_id
    WHERE placement.repository_id = ANY(%(repositories)s) AND placement.gone_at IS NULL
      AND image.merged_into_id IS NULL AND image.placeholder IS NULL
)
SELECT image.id, placed.repository_id, since.at, image.size
FROM placed JOIN images_image image ON image.id = placed.image_id
CROSS JOIN LATERAL (
    SELECT bool_or(tag.until IS NULL) AS holds, max(tag.until) AS left_at FROM images_tag tag
    WHERE tag.image_id = image.id AND tag.repository_id = placed.repository_id) tags
CROSS JOIN LATERAL (SELECT CASE %(which)s
    WHEN 'superseded' THEN CASE WHEN NOT tags.holds THEN tags.left_at END
    WHEN 'untagged' THEN CASE WHEN tags.holds IS NULL THEN image.first_seen END
    ELSE coalesce(image.built_at, image.first_seen) END AS at) since
WHERE placed.place > %(keep)s AND since.at <= statement_timestamp() - make_interval(days => %(days)s)
  AND (%(stage)s = 'any' OR image.runtime_at IS NULL AND (%(stage)s = 'not_run' OR image.registry_at IS NULL)
       AND NOT EXISTS (SELECT FROM runtime_running ran WHERE ran.image_id = image.id))
  AND (%(only)s::bigint[] IS NULL OR image.id = ANY(%(only)s::bigint[]))
ORDER BY since.at, image.id LIMIT %(most)s
"""


@dataclass(frozen=True, slots=True)
class Asked:
    """A rule asks to delete an image from a repository."""

    rule: RetentionRule
    image: int
    repository: int
    since: Any
    size: int | None


def asked_by(
    rule: RetentionRule,
    repositories: Sequence[tuple[int, str]],
    only: Collection[int] | None = None,
    most: int = MOST_ITEMS,
) -> list[Asked]:
    """What a rule asks for (of these images) in these repositories, whatever holds it."""
    given: dict[str, Any] = {
        "repositories": repositories_of(rule, repositories),
        "which": rule.which,
        "stage": rule.stage,
        "days": rule.days,
        "keep": rule.keep_newest,
        "only": sorted(only) if only is not None else None,
        "most": most,
    }
    with connection.cursor() as cursor:
        cursor.execute(CANDIDATES, given)
        return [Asked(rule, *row) for row in cursor.fetchall()]


def repositories_with(images: Collection[int] | None = None) -> list[tuple[int, str]]:
    """(id, host/repository) of all repositories, or of those in which one of these images lies."""
    rows = Repository.objects.all()
    if images is not None:
        rows = rows.filter(pk__in=Placement.objects.filter(image__in=images).values("repository"))
    return [(pk, f"{host}/{name}") for pk, host, name in rows.values_list("pk", "registry__host", "name")]


def repositories_of(rule: RetentionRule, among: Iterable[tuple[int, str]]) -> list[int]:
    """Ids of the repositories that its patterns take and none with `!` leaves out."""
    lines = [line.strip() for line in rule.repositories.splitlines() if line.strip()]
    matchers = read_lines(lines, of_repositories=True)
    return [pk for pk, name in among if chosen(name, matchers, otherwise=False)]


@transaction.atomic
def plan_run(run: RetentionRun) -> RetentionRun:
    """List what would go and what is held; a run that was listed already is left as it is."""
    with connection.cursor() as cursor:
        # Of a large fleet one look at all placements takes longer than a page may.
        cursor.execute("SET LOCAL statement_timeout = '300s'")
    run = RetentionRun.objects.select_for_update().get(pk=run.pk)
    if run.state != RetentionRun.State.PLANNING:
        return run
    found: dict[Place, Asked] = {}
    repositories = repositories_with()
    for rule in RetentionRule.objects.filter(is_enabled=True).order_by("pk"):
        for one in asked_by(rule, repositories, most=MOST_ITEMS + 1):
            found.setdefault((one.image, one.repository), one)
    asked = dict(islice(found.items(), MOST_ITEMS))
    holds = judged(asked, asked)
    items = [_item(run, one, holds.get(place)) for place, one in asked.items()]
    RetentionItem.objects.bulk_create(items, batch_size=SLICE)
    going = {item.image_id: item.size for item in items if item.state == State.LISTED}
    run.images, run.size = len(going), sum(size or 0 for size in going.values())
    run.sizeless = sum(1 for size in going.values() if size is None)
    run.held = dict(Counter(item.hold for item in items if item.state == State.HELD))
    run.is_cut = len(found) > len(asked)
    run.state, run.listed_at = RetentionRun.State.LISTED, timezone.now()
    run.save()
    return run


PLACES = """
SELECT image_id, repository_id FROM images_placement WHERE gone_at IS NULL AND image_id = ANY(%s)
"""


def judged(places: Iterable[Place], asked: Collection[Place]) -> dict[Place, Hold]:
    """The gravest hold of each that must stay.

    A platform of an index stays too while another one of the same repository is not among what is `asked` for.
    """
    found: dict[Place, Hold] = {}
    for part in batched(sorted(places), SLICE):
        images = {image for image, _ in part}
        holds, siblings = holds_of(images), siblings_of(images)
        with connection.cursor() as cursor:
            cursor.execute(PLACES, [sorted({other for others in siblings.values() for other in others})])
            here = set(cursor.fetchall())
        for image, repository in part:
            left = [one for one in siblings[image] if (one, repository) in here and (one, repository) not in asked]
            if image in holds:
                found[image, repository] = holds[image][0]
            elif left:
                text = f"One of its digests names image {min(left)} too, which no rule asks for."
                found[image, repository] = Hold("index", text)
    return found


def _item(run: RetentionRun, one: Asked, hold: Hold | None) -> RetentionItem:
    return RetentionItem(
        run=run,
        image_id=one.image,
        repository_id=one.repository,
        rule=one.rule.name,
        since=one.since,
        size=one.size,
        state=State.HELD if hold else State.LISTED,
        hold=hold.kind if hold else "",
        why=hold.text if hold else "",
    )


def still_going(items: Sequence[RetentionItem]) -> list[RetentionItem]:
    """Ask everything again, right before it is done: what is held by now, or asked for no more, becomes held."""
    images = {item.image_id for item in items}
    images |= {other for others in siblings_of(images).values() for other in others}
    rules = RetentionRule.objects.filter(is_enabled=True)
    repositories = repositories_with(images)
    asked = {(one.image, one.repository) for rule in rules for one in asked_by(rule, repositories, images)}
    places = {(item.image_id, item.repository_id): item for item in items}
    holds = judged(places, asked)
    for place in places.keys() - asked - holds.keys():
        holds[place] = Hold("rule", "No rule asks for it any more.")
    for place, hold in holds.items():
        item = places[place]
        item.state, item.hold, item.why, item.at = State.HELD, hold.kind, hold.text[:500], timezone.now()
    RetentionItem.objects.bulk_update([places[place] for place in holds], ["state", "hold", "why", "at"])
    return [item for place, item in places.items() if place not in holds]
