"""What a registry shows becomes rows: images by their content, the tag that names them, what is said of their bases.

No scan: counters stay as they are unless two records prove to be one. One transaction, the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from django.db import connection

from governance.findings.adopt import known_by_name, readopt
from governance.findings.describe import describe
from governance.findings.regroup import is_loose, is_shared, regroup
from governance.findings.report import ImageFacts
from governance.findings.state import choose_current, refresh
from governance.findings.vex_apply import images_were_named
from governance.images.claims import Claim, queue, record_claims
from governance.images.clean import clean_architecture, clean_text
from governance.images.identity import Facts, Resolved, lock, look_up, record_digests, resolve
from governance.images.models import Event, Image, LineageWork, Manifest, Registry, Repository
from governance.images.names import rename
from governance.images.reference import Reference
from governance.images.tags import Name, Sighting, begin_tags, observe_tag
from governance.images.vanish import note
from governance.web.fields import pack_digest


@dataclass(frozen=True, slots=True)
class Shown:
    """An image as a registry shows it: config digest (proven), manifest digest, platform, layers; and its claims."""

    facts: ImageFacts
    claims: tuple[Claim, ...] = ()


@dataclass(frozen=True, slots=True)
class Look:
    """A tag at a moment and the images it named: several, by platform, where it names an `index`; none for the rest.

    `team` owns the repository if it is new.
    """

    reference: Reference
    at: datetime
    images: tuple[Shown, ...] = ()
    index: str = ""
    team: int | None = None


def record_look(look: Look) -> int:
    """Write down what the tag names now, and what it names no longer; returns the repository."""
    return record_looks([look], set())


def record_looks(looks: Sequence[Look], described: set[str]) -> int:
    """Write down several tags of one repository, each once; returns the repository.

    `described` are config digests whose image was described from the registry before; those of these are added.
    """
    batch = Batch(home(looks[0].reference, looks[0].team), looks, described)
    for look, told in zip(looks, batch.told, strict=True):
        batch.record(look, told)
    batch.write()
    return batch.repository


class Batch:
    """Tags of one repository: what is known of them is asked at once, and what follows from them written at the end.

    What one tag changes another may rest on: whatever was asked of names that were touched since is asked again, and
    everything once records were put together or taken apart (`is_stale`).
    """

    def __init__(self, repository: int, looks: Sequence[Look], described: set[str]) -> None:
        self.repository, self.described = repository, described
        self.told = [[facts_of(shown, look) for shown in look.images] for look in looks]
        whole = [one for look, told in zip(looks, self.told, strict=True) for one in by_index(look, told)]
        lock(whole)
        self.rows = look_up(whole)
        self.history = history_of(repository, [look.reference.tag for look in looks])
        self.named = known_by_name(tag for one in whole for tag in one.tags)
        self.touched: set[str] = set()
        self.is_stale = False
        self.placed: set[int] = set()
        self.sighted: set[Name] = set()
        # What is to be written.
        self.begun: list[Sighting] = []
        self.news: set[int] = set()
        self.named_anew: dict[int, Facts] = {}
        self.renamed: set[int] = set()
        self.indexes: list[str] = []

    def record(self, look: Look, told: list[Facts]) -> None:
        """One tag."""
        tag = look.reference.tag
        before = history_of(self.repository, [tag])[tag] if self.is_stale else self.history[tag]
        images: dict[str, int] = {}
        for shown, facts in zip(look.images, by_index(look, told) if len(told) == 1 else told, strict=True):
            found = self.shown(shown, facts, before)
            images["/".join(word for word in found.platform if word)] = found.image
        if look.index and len(told) > 1:
            self.join_by_index(by_index(look, told), list(images.values()))
        self.indexes += [look.index] if look.index else []
        if before is None:
            return
        self.write_tags()
        close_other_platforms(self.repository, look, list(images))
        if lost := before - set(images.values()):
            note(lost, Event.Kind.REPOINTED, f"{look.reference.familiar} no longer points to this image", look.at)
            self.renamed |= lost

    def shown(self, shown: Shown, facts: Facts, before: set[int] | None) -> Resolved:
        """One image: who it is, what it is made of, that it lies there and that the tag (before: others) names it."""
        is_known = not self.is_stale and self.touched.isdisjoint(facts.all_digests)
        found = resolve(facts, self.rows if is_known else None)
        self.touched.update(facts.all_digests)
        news = record_digests(found.image, found.facts, found.known_digests)
        if facts.config not in self.described or found.learned:
            describe(found.image, shown.facts, facts.at)
            self.described.add(facts.config)
        if found.image not in self.placed:
            see(found.image, self.repository, facts.at)
            self.placed.add(found.image)
        self.sight(found, facts, is_new=before is None)
        record_claims(found.image, shown.claims, facts.at)
        if found.created or found.learned or news:
            self.news.add(found.image)
        if found.image in self.news or found.image not in (before or ()):
            self.named_anew[found.image] = facts
        self.renamed.add(found.image)
        if not self.named.isdisjoint(facts.placeholders):
            self.adopt(facts)
        if found.is_open or ((found.learned or (news and not found.created)) and is_shared(found.image)):
            self.regroup(found.image)
        return found

    def sight(self, found: Resolved, facts: Facts, is_new: bool) -> None:
        """The tag points to it."""
        platform = "/".join(word for word in found.platform if word)
        seen = Sighting(Name(self.repository, facts.references[0].tag, platform), found.image, facts.at)
        if is_new and not self.is_stale and seen.tag not in self.sighted:
            self.begun.append(seen)
        else:
            # Also where an index has two images of one platform.
            self.write_tags()
            observe_tag(seen)
        self.sighted.add(seen.tag)

    def adopt(self, facts: Facts) -> None:
        """Scans that knew only this name find their image."""
        self.write_tags()
        changed = readopt(facts.tags)
        choose_current(changed)
        refresh(changed)
        self.is_stale = True

    def regroup(self, image: int) -> None:
        """Several records have a claim to what was seen."""
        self.write_tags()
        regroup(image)
        self.is_stale = True

    def join_by_index(self, told: Sequence[Facts], images: Sequence[int]) -> None:
        """The images of an index are known by its digest, too; what only that named is put where it belongs."""
        index = told[0].digests[0]
        if self.is_stale:
            images = [resolve(replace(facts, digests=())).image for facts in told]
        changed = name_by_index(index, images, told[0])
        self.touched.add(index)
        self.news |= changed
        self.named_anew |= {image: facts for image, facts in zip(images, told, strict=False) if image in changed}
        if changed and is_loose(images):
            self.regroup(images[0])

    def write_tags(self) -> None:
        """The tags that were seen for the first time."""
        if self.begun:
            begin_tags(self.begun)
            self.begun.clear()

    def write(self) -> None:
        """All that follows."""
        self.write_tags()
        if self.indexes:
            digests = [pack_digest(digest) for digest in self.indexes]
            Manifest.objects.filter(digest__in=digests, kind=Manifest.Kind.UNKNOWN).update(kind=Manifest.Kind.INDEX)
        if self.is_stale:
            # Some of them may be no more than the way to another.
            rows = Image.objects.present().filter(pk__in=self.renamed | self.named_anew.keys())
            present = set(rows.values_list("pk", flat=True))
            self.renamed &= present
            self.named_anew = {image: facts for image, facts in self.named_anew.items() if image in present}
        if self.named_anew:
            news = sorted(self.named_anew.keys() & self.news)
            queue(news, LineageWork.Spread.LAYERS)
            queue(sorted(self.named_anew.keys() - self.news), LineageWork.Spread.CLAIMS)
            images_were_named(self.named_anew)
        rename(*self.renamed)


def by_index(look: Look, told: Sequence[Facts]) -> list[Facts]:
    """The same, known by the digest of their index."""
    return [replace(facts, digests=(look.index,)) if look.index else facts for facts in told]


HISTORY = "SELECT name, image_id, until IS NULL FROM images_tag WHERE repository_id = %s AND name = ANY(%s)"


def history_of(repository: int, tags: Sequence[str]) -> dict[str, set[int] | None]:
    """{tag: the images that it names now, as far as is known}, None where it was never seen."""
    found: dict[str, set[int] | None] = dict.fromkeys(tags)
    with connection.cursor() as cursor:
        cursor.execute(HISTORY, [repository, list(tags)])
        for name, image, holds in cursor.fetchall():
            found[name] = (found[name] or set()) | ({image} if holds else set())
    return found


BY_INDEX = """
INSERT INTO images_manifest (digest, image_id, kind, source, first_seen, is_sure)
SELECT %(index)s, image, 'index', %(source)s, %(at)s, true FROM unnest(%(images)s::bigint[]) AS image
ON CONFLICT (digest, image_id) DO UPDATE SET is_sure = true,
    kind = CASE images_manifest.kind WHEN 'unknown' THEN excluded.kind ELSE images_manifest.kind END,
    source = CASE images_manifest.kind WHEN 'unknown' THEN excluded.source ELSE images_manifest.source END
WHERE NOT images_manifest.is_sure OR images_manifest.kind = 'unknown'
RETURNING image_id
"""


def name_by_index(index: str, images: Sequence[int], facts: Facts) -> set[int]:
    """Write down that the index names these images; those of which that was not known so."""
    values: dict[str, Any] = {
        "index": pack_digest(index),
        "images": sorted(set(images)),
        "source": facts.source,
        "at": facts.at,
    }
    with connection.cursor() as cursor:
        cursor.execute(BY_INDEX, values)
        return {image for (image,) in cursor.fetchall()}


def home(reference: Reference, team: int | None) -> int:
    """The repository's row."""
    registry, _ = Registry.objects.get_or_create(host=reference.host)
    given = {"owner_id": team}
    return Repository.objects.get_or_create(registry=registry, name=reference.repository, defaults=given)[0].pk


def facts_of(shown: Shown, look: Look) -> Facts:
    """What identifies the image; the registry's digests were checked by whoever read them."""
    facts = shown.facts
    return Facts(
        source="registry config",
        at=look.at,
        config=facts.config_digest,
        config_proven=True,
        manifest=facts.manifest_digest,
        references=(look.reference,),
        os=clean_text(facts.os, 30),
        architecture=clean_architecture(facts.architecture),
        variant=clean_text(facts.variant, 30),
    )


SEE = """
WITH placed AS (
    INSERT INTO images_placement (image_id, repository_id, first_seen, last_seen, is_sure)
    VALUES (%(image)s, %(repository)s, %(at)s, %(at)s, true)
    ON CONFLICT (image_id, repository_id) DO UPDATE SET gone_at = NULL, is_sure = true,
        first_seen = least(images_placement.first_seen, excluded.first_seen),
        last_seen = greatest(images_placement.last_seen, excluded.last_seen)
    RETURNING image_id
)
INSERT INTO images_verdictwork (image) SELECT image_id FROM placed
"""


def see(image: int, repository: int, at: datetime) -> None:
    """It is there."""
    with connection.cursor() as cursor:
        cursor.execute(SEE, {"image": image, "repository": repository, "at": at})


def close_other_platforms(repository: int, look: Look, platforms: list[str]) -> None:
    """The tag names no image of any other platform (any more)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE images_tag SET until = %s WHERE repository_id = %s AND name = %s AND until IS NULL"
            " AND last_seen <= %s AND NOT platform = ANY(%s)",
            [look.at, repository, look.reference.tag, look.at, platforms],
        )
