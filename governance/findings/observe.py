"""What a registry shows becomes rows: images by their content, the tag that names them, what is said of their bases.

No scan: counters stay as they are unless two records prove to be one. One transaction, the caller's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from django.db import connection

from governance.findings.adopt import readopt
from governance.findings.describe import describe
from governance.findings.regroup import is_shared, regroup
from governance.findings.report import ImageFacts
from governance.findings.state import choose_current, refresh
from governance.findings.vex_apply import image_was_named
from governance.images.claims import Claim, queue, record_claims
from governance.images.clean import clean_architecture, clean_text
from governance.images.identity import Facts, Resolved, lock, record_digests, resolve
from governance.images.models import Event, LineageWork, Manifest, Registry, Repository
from governance.images.names import place, rename
from governance.images.reference import Reference
from governance.images.tags import Name, Sighting, observe_tag
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
    repository = home(look.reference, look.team)
    told = [facts_of(shown, look) for shown in look.images]
    by_index = [replace(facts, digests=(look.index,)) if look.index else facts for facts in told]
    lock(by_index)
    before = pointed_to(repository, look.reference.tag)
    images = {}
    for shown, facts in zip(look.images, by_index if len(told) == 1 else told, strict=True):
        found = record_shown(repository, shown, facts)
        images["/".join(word for word in found.platform if word)] = found.image
    if look.index and len(told) > 1:
        join_by_index(by_index)
    if look.index:
        Manifest.objects.filter(digest=pack_digest(look.index), kind=Manifest.Kind.UNKNOWN).update(
            kind=Manifest.Kind.INDEX
        )
    close_other_platforms(repository, look, list(images))
    if lost := before - set(images.values()):
        note(lost, Event.Kind.REPOINTED, f"{look.reference.familiar} no longer points to this image", look.at)
        for image in sorted(lost):
            rename(image)
    return repository


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


def record_shown(repository: int, shown: Shown, facts: Facts) -> Resolved:
    """One image: who it is, what it is made of, that it lies there and that the tag names it."""
    found = resolve(facts)
    news = record_digests(found.image, found.facts, found.known_digests)
    describe(found.image, shown.facts, facts.at)
    place(found.image, [repository], facts.at, is_sure=True)
    see(found.image, repository, facts.at)
    platform = "/".join(word for word in found.platform if word)
    observe_tag(Sighting(Name(repository, facts.references[0].tag, platform), found.image, facts.at))
    changed = readopt(facts.tags)
    record_claims(found.image, shown.claims, facts.at)
    if found.created or found.learned or news:
        queue([found.image], LineageWork.Spread.LAYERS)
        image_was_named(found.image, facts)
    rename(found.image)
    choose_current(changed)
    refresh(changed)
    if found.is_open or ((news or found.learned) and is_shared(found.image)):
        regroup(found.image)
    return found


def join_by_index(told: Sequence[Facts]) -> None:
    """What only the index digest named is put where it belongs, once all of the index's images are known by it."""
    found = [(resolve(replace(facts, digests=())), facts) for facts in told]
    for one, facts in found:
        record_digests(one.image, facts, one.known_digests)
    regroup(found[0][0].image)


def pointed_to(repository: int, tag: str) -> set[int]:
    """The images that the tag names now, as far as is known."""
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT image_id FROM images_tag WHERE repository_id = %s AND name = %s AND until IS NULL",
            [repository, tag],
        )
        return {int(row[0]) for row in cursor.fetchall()}


def see(image: int, repository: int, at: datetime) -> None:
    """It is there."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE images_placement SET last_seen = greatest(last_seen, %s), gone_at = NULL"
            " WHERE image_id = %s AND repository_id = %s",
            [at, image, repository],
        )


def close_other_platforms(repository: int, look: Look, platforms: list[str]) -> None:
    """The tag names no image of any other platform (any more)."""
    with connection.cursor() as cursor:
        cursor.execute(
            "UPDATE images_tag SET until = %s WHERE repository_id = %s AND name = %s AND until IS NULL"
            " AND last_seen <= %s AND NOT platform = ANY(%s)",
            [look.at, repository, look.reference.tag, look.at, platforms],
        )
