"""May these digests be deleted? For the page, the API and programs that clean up registries themselves."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from django.contrib.postgres.expressions import ArraySubquery
from django.db.models import F, OuterRef, Q
from django.db.models.functions import JSONObject

from governance.accounts.scope import Viewer
from governance.approvals.guard import Hold, holds_of
from governance.approvals.models import RetentionRule
from governance.approvals.retention_plan import asked_by
from governance.images.clean import clean_digest
from governance.images.models import Image, Manifest, Placement, Tag
from governance.images.reference import Reference, parse_reference

# `held` and `unknown` never go; `free` is what no rule asks for, and nothing holds.
WORDS = {
    "held": "No: it is held",
    "unknown": "No: it is unknown",
    "free": "Nothing holds it, and no rule asks for it",
    "asked": "Yes",
}
NOBODY = "Nobody told of it, or it is not yours to see: nothing is known that would allow it."


@dataclass(frozen=True, slots=True)
class Answer:
    """What the guard says of one digest or reference; `size` in bytes, of all images that it names."""

    written: str
    digest: str
    answer: str
    holds: tuple[Hold, ...] = ()
    rules: tuple[str, ...] = ()
    images: tuple[int, ...] = ()
    size: int | None = None
    words: str = field(default="")

    @property
    def may(self) -> bool:
        """It may be deleted: nothing holds it and a rule asks for it."""
        return self.answer == "asked"

    def as_dict(self) -> dict[str, Any]:
        """As the API gives it."""
        said = asdict(self) | {"may": self.may, "holds": [asdict(hold) for hold in self.holds]}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in said.items()}


def may_delete(viewer: Viewer, texts: Sequence[str], rules: Sequence[RetentionRule] | None = None) -> list[Answer]:
    """Answer each in its order. A reference by tag asks for what the tag names now; `rules` are all, where known."""
    wanted = [_meant(text) for text in texts]
    named = _images(wanted)
    seen = Image.objects.present().visible_to(viewer)
    lies = Placement.objects.filter(image=OuterRef("pk")).values(
        said=JSONObject(pk="repository", host="repository__registry__host", name="repository__name")
    )
    meant = seen.filter(pk__in={pk for found in named for pk in found}).annotate(lies=ArraySubquery(lies))
    rows = {row.pk: row for row in meant}
    holds = holds_of(rows)
    asked: dict[int, set[str]] = defaultdict(set)
    places = {one["pk"]: f"{one['host']}/{one['name']}" for row in rows.values() for one in getattr(row, "lies", ())}
    for rule in (RetentionRule.objects.all() if rules is None else rules) if rows else ():
        for one in asked_by(rule, list(places.items()), rows) if rule.is_enabled else ():
            asked[one.image].add(rule.name)
    return [
        _answer(text, one, [rows[pk] for pk in sorted(found) if pk in rows], len(found), holds, asked)
        for text, one, found in zip(texts, wanted, named, strict=True)
    ]


def _answer(
    text: str,
    meant: str | Reference | None,
    rows: Sequence[Image],
    named: int,
    holds: dict[int, list[Hold]],
    asked: dict[int, set[str]],
) -> Answer:
    """`named` is how many images it names, seen or not: what names a foreign one is unknown as a whole."""
    digest = meant if isinstance(meant, str) else meant.digest if meant else ""
    if meant is None:
        hold = Hold("unknown", "This is neither a digest nor a reference to an image.")
        return Answer(text[:400], "", "unknown", (hold,), words=WORDS["unknown"])
    if not rows or len(rows) < named:
        return Answer(text[:400], digest, "unknown", (Hold("unknown", NOBODY),), words=WORDS["unknown"])
    found = tuple(dict.fromkeys(hold for row in rows for hold in holds.get(row.pk, ())))
    sets = [asked.get(row.pk, set()) for row in rows]
    state = "held" if found else "asked" if all(sets) else "free"
    sizes = [row.size for row in rows]
    size = sum(size or 0 for size in sizes) if any(sizes) else None
    images = tuple(row.pk for row in rows)
    return Answer(text[:400], digest, state, found, tuple(sorted(set().union(*sets))), images, size, WORDS[state])


def _meant(text: str) -> str | Reference | None:
    """A digest alone, or a reference."""
    return clean_digest(text) or parse_reference(text[:1_000].replace("\x00", ""))


def _images(wanted: Sequence[str | Reference | None]) -> list[set[int]]:
    """The images that each names: one statement for digests, one for tags."""
    digests = {one if isinstance(one, str) else one.digest for one in wanted if one} - {""}
    by_digest: dict[str, set[int]] = defaultdict(set)
    manifests = Manifest.objects.filter(digest__in=digests).values_list("digest", "image")
    configs = Image.objects.filter(config_digest__in=digests).values_list("config_digest", "pk")
    for digest, image in manifests.union(configs):
        by_digest[str(digest)].add(image)
    tags = {one for one in wanted if isinstance(one, Reference) and not one.digest}
    by_tag: dict[tuple[str, str, str], set[int]] = defaultdict(set)
    condition = Q()
    for one in tags:
        condition |= Q(repository__registry__host=one.host, repository__name=one.repository, name=one.tag or "latest")
    if condition:
        held = Tag.objects.filter(condition, until=None).annotate(host=F("repository__registry__host"))
        for host, name, tag, image in held.values_list("host", "repository__name", "name", "image"):
            by_tag[host, name, tag].add(image)
    return [
        set()
        if one is None
        else by_digest[one]
        if isinstance(one, str)
        else by_digest[one.digest]
        if one.digest
        else by_tag[one.host, one.repository, one.tag or "latest"]
        for one in wanted
    ]
