"""An image's place among others: what it stands on and how that is known, what stands on it, as a tree and as rows."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db import connection
from django.db.models import JSONField, OuterRef, QuerySet, Subquery
from django.db.models.expressions import RawSQL

from governance.accounts.scope import Viewer, teams_of
from governance.images.freshness import Freshness, freshness_of
from governance.images.models import BaseEdge, BaseReach, Image
from governance.images.reach import spread_of

KNOWN, NAMED, NOTHING, UNKNOWN = "known", "named", "nothing", "unknown"
DEEPEST = 20
# A tree shows so many images; of one repository so many, the others as a number.
TREE, LEAVES = 1_500, 40
REPOSITORIES = 50


def sees(viewer: Viewer, image: Image) -> bool:
    """Whether the image's page is the viewer's to open; its name is shown in any case where theirs is built on it."""
    teams = teams_of(viewer)
    return teams is None or bool(teams.intersection(image.owners))


TEAMS = """
(SELECT coalesce(jsonb_agg(jsonb_build_object('pk', team.id, 'name', team.name) ORDER BY team.name), '[]')
 FROM accounts_team team WHERE team.id = ANY(images_image.owners))
"""


def with_base(images: QuerySet[Image]) -> QuerySet[Image]:
    """Each image with its base, the tag that that is said to have had (`base_tag`), and its `teams`, all at once."""
    said = BaseEdge.objects.filter(image=OuterRef("pk"), base=OuterRef("base"), revoked_at=None, name__contains=":")
    tag = Subquery(said.order_by("-rung", "-pk").values("name")[:1])
    teams = RawSQL(TEAMS, [], output_field=JSONField())  # noqa: S611 (no value in it)
    return images.select_related("base").annotate(base_tag=tag, teams=teams)


@dataclass(frozen=True, slots=True)
class BuiltOn:
    """What an image was built on: a `known` image, a `named` one that nobody scanned, `nothing`, or `unknown`.

    `how` is the rung of evidence in words; `fresh` how the base stands to its tag.
    """

    state: str
    base: Image | None = None
    name: str = ""
    is_visible: bool = False
    how: str = ""
    is_sure: bool = False
    fresh: Freshness = field(default_factory=Freshness)


def built_on(viewer: Viewer, image: Image) -> BuiltOn:
    """For the block above the fold; the image comes from `with_base`."""
    how = dict(BaseEdge.Rung.choices).get(image.base_rung, "")
    base = image.base
    if image.base_name:
        return BuiltOn(NAMED, base, image.base_name, base is not None and sees(viewer, base), how, image.base_is_sure)
    if base is None:
        return BuiltOn(NOTHING if image.base_rung else UNKNOWN, how=how, is_sure=image.base_is_sure)
    fresh = freshness_of([base.pk], vars(image).get("base_tag") or "")[base.pk]
    return BuiltOn(KNOWN, base, str(base), sees(viewer, base), how, image.base_is_sure, fresh)


# The chain above, and beside the direct base whatever has the very same layers.
RELATED = """
WITH RECURSIVE up AS (
    SELECT base_id AS id, 1 AS distance FROM images_image WHERE id = %s AND base_id IS NOT NULL
  UNION
    SELECT image.base_id, up.distance + 1 FROM up JOIN images_image image ON image.id = up.id
    WHERE image.base_id IS NOT NULL AND up.distance < 20
)
SELECT id FROM up UNION (
    SELECT tie.id FROM images_image tie JOIN images_image base ON base.top_layer_id = tie.top_layer_id
    WHERE base.id = %s AND tie.merged_into_id IS NULL ORDER BY tie.id LIMIT 20)
"""


def family(image: Image) -> tuple[list[Image], list[Image]]:
    """(what the image stands on, nearest first; other images with the layers of its base)."""
    if image.base_id is None:
        return [], []
    ids = RawSQL(RELATED, [image.pk, image.base_id])  # noqa: S611 (no value in it)
    found = {row.pk: row for row in Image.objects.filter(pk__in=ids)}
    chain: list[Image] = []
    step = image.base_id
    while step in found and len(chain) < DEEPEST and step != image.pk:
        row = found.pop(step)
        chain.append(row)
        step = row.base_id or 0
    top = chain[0].top_layer_id if chain else None
    return chain, [row for row in found.values() if row.top_layer_id == top and row.pk != image.pk]


@dataclass(slots=True)
class Node:
    """One image of the tree below, as far as the tree needs it."""

    id: int
    base: int
    name: str
    repository: str
    owners: Collection[int]
    descendants: int
    critical: int
    high: int


BELOW = """
WITH RECURSIVE down AS (
    SELECT %s::bigint AS id
  UNION
    SELECT image.id FROM down JOIN images_image image ON image.base_id = down.id WHERE image.merged_into_id IS NULL
), part AS (SELECT id FROM down WHERE id <> %s LIMIT %s)
SELECT image.id, image.base_id, image.reference, coalesce(repository.name, ''), image.owners, image.descendants,
       image.critical, image.high
FROM part JOIN images_image image ON image.id = part.id
LEFT JOIN images_repository repository ON repository.id = image.repository_id
ORDER BY image.descendants DESC, image.rank DESC, image.id DESC
"""


def tree_of(viewer: Viewer, image: Image, chain: Sequence[Image]) -> tuple[str, bool]:
    """The tree from the lowest base down through the image, as JSON for the drawing; and whether it is the whole.

    `{name, id, here, bad, fold, children}`, under a repository the last part of the name only: a tree of a thousand
    images is a third of the page. What others own below is a number, never a name.
    """
    with connection.cursor() as cursor:
        cursor.execute(BELOW, [image.pk, image.pk, TREE])
        nodes = [Node(*row) for row in cursor.fetchall()]
    children: dict[int, list[Node]] = defaultdict(list)
    for node in nodes:
        children[node.base].append(node)
    teams = teams_of(viewer)
    root = {"name": str(image), "here": True, "children": _branches(image.pk, children, teams, 0)}
    for above in chain:
        leaf: dict[str, Any] = {"name": str(above), "children": [root]}
        root = leaf | ({"id": above.pk} if sees(viewer, above) else {})
    return json.dumps(root, separators=(",", ":")), len(nodes) < TREE


def _branches(base: int, children: dict[int, list[Node]], teams: set[int] | None, depth: int) -> list[dict[str, Any]]:
    """Images that others are built on one by one, the others by repository."""
    mine = [node for node in children.get(base, []) if teams is None or teams.intersection(node.owners)]
    hidden = len(children.get(base, [])) - len(mine)
    found = [_branch(node, children, teams, depth) for node in mine if node.id in children]
    repositories: dict[str, list[Node]] = defaultdict(list)
    for node in mine:
        if node.id not in children:
            repositories[node.repository].append(node)
    found += [_repository(name, nodes) for name, nodes in repositories.items()]
    if hidden:
        found.append({"name": f"{hidden} of other teams"})
    return found


def _branch(node: Node, children: dict[int, list[Node]], teams: set[int] | None, depth: int) -> dict[str, Any]:
    below = _branches(node.id, children, teams, depth + 1) if depth < DEEPEST else []
    return {**_leaf(node), **({"fold": True} if depth else {}), "children": below}


def _leaf(node: Node, short: bool = False) -> dict[str, Any]:
    bad = node.critical + node.high
    name = node.name.rpartition("/")[2] if short else node.name
    return {"name": name, "id": node.id, **({"bad": bad} if bad else {})}


def _repository(name: str, nodes: list[Node]) -> dict[str, Any]:
    if len(nodes) == 1:
        return _leaf(nodes[0])
    leaves = [_leaf(node, short=True) for node in nodes[:LEAVES]]
    if len(nodes) > LEAVES:
        leaves.append({"name": f"and {len(nodes) - LEAVES} more"})
    return {"name": f"{name or 'no repository'} · {len(nodes)}", "fold": True, "children": leaves}


@dataclass(frozen=True, slots=True)
class Builders:
    """Who builds on an image: repositories that the viewer may see, and how much lies in others."""

    rows: list[BaseReach] = field(default_factory=list)
    images: int = 0
    repositories: int = 0
    teams: int = 0
    others: int = 0


def builders_of(viewer: Viewer, image: Image) -> Builders:
    """By repository, most images first; the totals are the fleet's, whoever asks."""
    reach = BaseReach.objects.filter(base=image).select_related("repository__registry", "repository__owner")
    teams = teams_of(viewer)
    mine = reach if teams is None else reach.filter(repository__owner__in=teams)
    rows = list(mine.order_by("-images", "pk")[:REPOSITORIES])
    repositories, owners = spread_of([image]).get(image.pk, (0, 0))
    others = image.descendants - sum(row.images for row in rows)
    return Builders(rows, image.descendants, repositories, owners, max(others, 0))


def visible_among(viewer: Viewer, images: Iterable[Image]) -> set[int]:
    """Ids of those whose page the viewer may open."""
    return {image.pk for image in images if sees(viewer, image)}
