"""Several records have a claim to one digest: all that was ever said of them is put together anew.

Scans whose report gave no config digest keep what it said of the image (`Scan.loose`). They are assigned by
`images.same.assign`, a pure function of everything said; names and counters follow, so that it does not matter in which
order reports arrive.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from datetime import datetime
from typing import Any

from django.db import connection

from governance.findings.adopt import readopt
from governance.findings.models import Scan
from governance.findings.state import choose_current, refresh
from governance.images.claims import queue
from governance.images.identity import Facts, make_loose
from governance.images.locks import lock_images
from governance.images.merge import merge_into
from governance.images.models import Image, LineageWork, Manifest, Placement
from governance.images.names import find_repositories, rename
from governance.images.reference import Reference
from governance.images.same import Known, Platform, Unit, assign
from governance.images.tags import Name, Sighting, hand_over, move_sightings
from governance.web.fields import pack_digest

# A digest that names more records than this is none (zeros, an empty layer): what it says is not followed further.
MOST_RECORDS = 200


def loose_facts(facts: Facts) -> dict[str, Any] | None:
    """What a scan keeps of its report's words on the image; None where they were sure, or only a name."""
    if facts.config or not facts.all_digests:
        return None
    return {
        "digests": facts.all_digests,
        "manifest": facts.manifest,
        "platform": [facts.os, facts.architecture, facts.variant],
        # In parts: a host that only its upper case told from a path would be none, read again as text.
        "references": [list(astuple(ref)) for ref in facts.references],
        "tags": [list(astuple(ref)) for ref in facts.tags],
    }


@dataclass(slots=True)
class Statement:
    """A scan that knew no config digest, and what its report said."""

    scan: int
    image: int
    at: datetime
    unit: Unit
    manifest: str
    references: list[Reference]
    tags: list[Reference]


@dataclass(slots=True)
class Region:
    """All records that hang together by digests.

    `single` are digests of platform manifests, as far as that was said. Those in `misread` took a manifest or index
    digest for their config digest.
    """

    images: dict[int, Image]
    known: dict[int, Known]
    single: set[str]
    misread: dict[int, Unit]
    stated: list[Statement]


def regroup(image: int) -> bool:
    """Assign all that hangs together with this image by digests anew; scans, names and counters follow.

    True if any of these images waits to be matched with advisories (`state.refresh`).
    """
    region = _read(_reach(image))
    place_of = _places(region)
    _move(region, place_of)
    present = sorted({*region.known, *place_of.values()})
    _leave(region, place_of)
    _name(region, present)
    changed = {*present, *readopt([ref for one in region.stated for ref in one.tags])}
    choose_current(changed)
    waits = refresh(changed)
    for pk in changed:
        rename(pk)
    queue(changed, LineageWork.Spread.LAYERS)
    return waits


def is_shared(image: int) -> bool:
    """Whether another record has one of its digests, too."""
    own = Manifest.objects.filter(image=image).values("digest")
    return Manifest.objects.filter(digest__in=own).exclude(image=image).exists()


# The same records, and such as share a digest with them: is there a scan that knew no config digest, or what such scans
# said, or a record that took one of the digests for its config digest?
LOOSE = """
SELECT EXISTS (
    SELECT FROM images_manifest own JOIN images_manifest near ON near.digest = own.digest
    WHERE own.image_id = ANY(%(images)s) AND (NOT near.is_sure OR EXISTS (
        SELECT FROM findings_scan scan WHERE scan.image_id = near.image_id AND scan.loose IS NOT NULL))
) OR EXISTS (
    SELECT FROM images_manifest own JOIN images_image image ON image.config_digest = own.digest
    WHERE own.image_id = ANY(%(images)s)
)
"""


def is_loose(images: Sequence[int]) -> bool:
    """Whether `regroup` has anything to assign around these images."""
    with connection.cursor() as cursor:
        cursor.execute(LOOSE, {"images": list(images)})
        return bool(cursor.fetchone()[0])


def _reach(image: int) -> list[int]:
    """The image and all that share digests with it, at any distance; locked."""
    found, ahead = {image}, {image}
    while ahead and len(found) < MOST_RECORDS:
        lock_images(found)
        own = Image.objects.filter(pk__in=ahead, config_digest__isnull=False).values_list("config_digest", flat=True)
        digests = {*own, *Manifest.objects.filter(image__in=ahead).values_list("digest", flat=True)}
        near = Manifest.objects.filter(digest__in=digests).order_by("image").values_list("image", flat=True)
        same = Image.objects.filter(config_digest__in=digests).values_list("pk", flat=True)
        ahead = {*near.distinct()[:MOST_RECORDS], *same} - found
        found |= ahead
    return sorted(found)


def _read(ids: Sequence[int]) -> Region:
    """Everything said of these records."""
    lock_images(ids)
    images = Image.objects.in_bulk(ids)
    named: set[str] = set()
    sure: dict[int, set[str]] = defaultdict(set)
    single: set[str] = set()
    for row in Manifest.objects.filter(image__in=ids):
        named.add(row.digest)
        sure[row.image_id] |= {row.digest} if row.is_sure else set()
        single |= {row.digest} if row.kind == Manifest.Kind.MANIFEST else set()
    known, misread = {}, {}
    for pk, image in images.items():
        if image.config_digest in named:
            misread[pk] = _demote(image, sure[pk])
        elif image.config_digest:
            known[pk] = Known((image.os, image.architecture, image.variant), frozenset(sure[pk]))
    scans = Scan.objects.filter(image__in=ids, loose__isnull=False).order_by("scanned_at", "pk")
    stated = [_statement(scan, scan.loose or {}) for scan in scans]
    return Region(images, known, single, misread, stated)


def _reference(said: str | list[str]) -> Reference:
    """In parts, or the full name of a repository with its tag."""
    if not isinstance(said, str):
        return Reference(*said)
    host, _, rest = said.partition("/")
    repository, _, tag = rest.partition(":")
    return Reference(host, repository, tag)


def _statement(scan: Scan, said: dict[str, Any]) -> Statement:
    os, architecture, variant = said["platform"]
    unit = Unit(frozenset(said["digests"]), (os, architecture, variant))
    references, tags = ([_reference(parts) for parts in said[kind]] for kind in ("references", "tags"))
    return Statement(scan.pk, scan.image_id, scan.scanned_at, unit, said["manifest"], references, tags)


def _demote(image: Image, digests: set[str]) -> Unit:
    """Its config digest is the manifest or index digest of something: its scans knew no more than that."""
    unit = Unit(frozenset({*digests, str(image.config_digest)}), (image.os, image.architecture, image.variant))
    said = {
        "digests": sorted(unit.digests),
        "manifest": "",
        "platform": list(unit.platform),
        "references": [str(place.repository) for place in image.placements.select_related("repository__registry")],
        "tags": [],
    }
    Scan.objects.filter(image=image, loose__isnull=True, named="").update(loose=said)
    Manifest.objects.filter(image=image).update(is_sure=False)
    Placement.objects.filter(image=image).update(is_sure=False)
    image.config_digest, image.config_source = None, ""
    image.save(update_fields=["config_digest", "config_source"])
    return unit


def _places(region: Region) -> dict[Unit, int]:
    """{what is said: the record it belongs to}; records that are missing are made."""
    found: dict[Unit, int] = {}
    taken = set(region.known)
    groups = assign(region.known, {one.unit for one in region.stated}, region.single)
    for image, units in sorted(groups, key=lambda group: group[0] is None):
        target = image or _record_for([one for one in region.stated if one.unit in units], region, taken)
        taken.add(target)
        found |= dict.fromkeys(units, target)
    return found


def _record_for(stated: Sequence[Statement], region: Region, taken: set[int]) -> int:
    """A record for what no image is known of: one that holds some of it already, else a new one."""
    platform = _platform_of([one.unit for one in stated])
    holders = dict.fromkeys(one.image for one in stated)
    free = min((pk for pk in holders if pk not in taken), default=None)
    if free is None:
        return _make_record(stated, region, platform)
    row = region.images[free]
    if (row.os, row.architecture, row.variant) != platform:
        row.os, row.architecture, row.variant = platform
        row.save(update_fields=["os", "architecture", "variant"])
        hand_over(free, free, row.platform)
    return free


def _make_record(stated: Sequence[Statement], region: Region, platform: Platform) -> int:
    like = region.images[stated[0].image]
    digests = {digest for one in stated for digest in one.unit.digests}
    pk = make_loose(digests, platform, stated[0].at, like.is_demo)
    region.images[pk] = Image.objects.get(pk=pk)
    return pk


def _platform_of(units: Sequence[Unit]) -> Platform:
    """As far as any of them knows it; they do not contradict each other."""
    known = sorted((unit.platform for unit in units), reverse=True)
    os, architecture, variant = (next((word for word in words if word), "") for words in zip(*known, strict=True))
    return os, architecture, variant


def _move(region: Region, place_of: dict[Unit, int]) -> None:
    """Move scans, and with them when they saw a tag."""
    moving = [one for one in region.stated if place_of[one.unit] != one.image]
    targets: dict[int, list[int]] = defaultdict(list)
    for one in moving:
        targets[place_of[one.unit]].append(one.scan)
    for target, scans in targets.items():
        Scan.objects.filter(pk__in=scans).update(is_current=False, image=target)
    ids = find_repositories([ref for one in moving for ref in one.tags])
    sightings = []
    for one in moving:
        for ref in one.tags:
            before, after = (
                Sighting(Name(ids[ref.name].id, ref.tag, image.platform), image.pk, one.at)
                for image in (region.images[one.image], region.images[place_of[one.unit]])
            )
            sightings.append((before, after))
    move_sightings(sightings)


def _leave(region: Region, place_of: dict[Unit, int]) -> None:
    """Records that nothing stands on any more become the way to where it went."""
    for pk, unit in region.misread.items():
        if place_of[unit] != pk:
            hand_over(pk, place_of[unit], region.images[place_of[unit]].platform)
    staying = {*region.known, *place_of.values()}
    for pk in sorted(region.images.keys() - staying):
        if into := next((place_of[one.unit] for one in region.stated if one.image == pk), None):
            Scan.objects.filter(image=pk).update(is_current=False, image=into)
            merge_into(into, pk, "a report names digests of both")
    for one in region.stated:
        one.image = place_of[one.unit]


MANIFESTS = (
    """
    DELETE FROM images_manifest WHERE image_id = ANY(%(present)s) AND NOT is_sure AND (image_id, digest) NOT IN
        (SELECT * FROM unnest(%(images)s::bigint[], %(digests)s::bytea[]))
    """,
    """
    INSERT INTO images_manifest (image_id, digest, kind, source, first_seen, is_sure)
    SELECT image, digest, kind, 'scans', at, false
    FROM unnest(%(images)s::bigint[], %(digests)s::bytea[], %(kinds)s::text[], %(times)s::timestamptz[])
        AS fact(image, digest, kind, at)
    ON CONFLICT (digest, image_id) DO UPDATE SET kind = excluded.kind
    WHERE images_manifest.kind = 'unknown' AND excluded.kind <> 'unknown'
    """,
    """
    UPDATE images_manifest SET kind = said.kind FROM (
        SELECT digest, CASE WHEN count(*) > 1 THEN 'index' ELSE 'unknown' END AS kind FROM images_manifest
        WHERE digest IN (SELECT digest FROM images_manifest WHERE image_id = ANY(%(present)s)) GROUP BY digest
    ) said WHERE said.digest = images_manifest.digest AND images_manifest.kind IN ('unknown', 'index')
        AND images_manifest.kind <> said.kind AND images_manifest.source NOT LIKE 'registry%%'
    """,
)
PLACEMENTS = (
    """
    DELETE FROM images_placement WHERE image_id = ANY(%(present)s) AND NOT is_sure AND (image_id, repository_id) NOT IN
        (SELECT * FROM unnest(%(images)s::bigint[], %(repositories)s::bigint[]))
    """,
    """
    INSERT INTO images_placement (image_id, repository_id, first_seen, is_sure)
    SELECT image, repository, at, false
    FROM unnest(%(images)s::bigint[], %(repositories)s::bigint[], %(times)s::timestamptz[])
        AS fact(image, repository, at)
    ON CONFLICT DO NOTHING
    """,
)


def _name(region: Region, present: Sequence[int]) -> None:
    """Digests and repositories that only such reports said, as far as their scans stand there now."""
    digests: dict[tuple[int, str], tuple[str, datetime]] = {}
    for one in region.stated:
        for digest in one.unit.digests:
            kind, at = digests.get((one.image, digest), ("unknown", one.at))
            digests[one.image, digest] = ("manifest" if digest == one.manifest else kind, at)
    rows = [(image, pack_digest(digest), *said) for (image, digest), said in sorted(digests.items())]
    _write(MANIFESTS, present, ("images", "digests", "kinds", "times"), rows)
    ids = find_repositories([ref for one in region.stated for ref in one.references])
    said = [(one, ids[ref.name].id) for one in region.stated for ref in one.references if ref.name in ids]
    places = {(one.image, repository): one.at for one, repository in reversed(said)}
    for image, named in Scan.objects.filter(image__in=present).exclude(named="").values_list("image", "named"):
        host, _, rest = named.partition("/")
        ref = Reference(host, rest.rpartition(":")[0])
        if found := find_repositories([ref]).get(ref.name):
            places.setdefault((image, found.id), region.images[image].first_seen)
    _write(PLACEMENTS, present, ("images", "repositories", "times"), [(*pair, at) for pair, at in places.items()])


def _write(statements: Sequence[str], present: Sequence[int], names: Sequence[str], rows: Sequence[Any]) -> None:
    columns = {name: [row[number] for row in rows] for number, name in enumerate(names)}
    with connection.cursor() as cursor:
        for statement in statements:
            cursor.execute(statement, {"present": list(present), **columns})
