"""Which image does a report speak of? Digests are proof, tags are a hint, and two records may prove to be one.

One rule decides, whatever the order of arrival: a digest names content, so all records that one report's digests name
and that do not contradict each other (another config digest, another platform) are one image.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from django.db import connection

from governance.images.clean import clean_digest, clean_text
from governance.images.merge import merge_into
from governance.images.models import Image, Manifest
from governance.images.reference import Reference, parse_reference
from governance.web.fields import pack_digest, unpack_digest


@dataclass(frozen=True, slots=True)
class Facts:
    """What one report claims of one image, cleaned. `digests` are repo digests of unknown kind."""

    source: str
    at: datetime
    config: str = ""
    config_proven: bool = False
    manifest: str = ""
    digests: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    os: str = ""
    architecture: str = ""
    variant: str = ""
    team: int | None = None
    is_demo: bool = False

    @property
    def all_digests(self) -> list[str]:
        """Every digest, whatever its kind; a digest can name one thing only, so kinds need not be told apart."""
        return sorted({digest for digest in (self.config, self.manifest, *self.digests) if digest})

    @property
    def tags(self) -> list[Reference]:
        """The references with a tag; one without tag and digest means `latest`."""
        bare = [(ref, not ref.tag and not ref.digest) for ref in self.references]
        named = [Reference(ref.host, ref.repository, "latest") if is_bare else ref for ref, is_bare in bare]
        return [ref for ref in dict.fromkeys(named) if ref.tag]

    @property
    def placeholders(self) -> list[str]:
        """Keys of records that only a reference names."""
        return [f"{tag.name}:{tag.tag}" for tag in self.tags]


@dataclass(slots=True)
class Record:
    """An image row as identity sees it, and the digests of the report that led to it."""

    id: int
    config: str
    os: str
    architecture: str
    variant: str
    placeholder: str
    via: dict[str, str] = field(default_factory=dict)  # digest (or placeholder) → kind of the fact

    @property
    def platform(self) -> tuple[str, str, str]:
        """As far as known."""
        return (self.os, self.architecture, self.variant)


@dataclass(slots=True)
class Resolved:
    """The image, how it was found and whether the record is new."""

    image: int
    identified_by: str
    created: bool = False
    known_digests: frozenset[str] = frozenset()
    was_placeholder: bool = False
    merged: list[int] = field(default_factory=list)  # records that turned out to be this image
    learned: bool = False  # its config digest was not known before


def lock_key(fact: str) -> int:
    """A fact as an advisory lock number (signed 64 bits)."""
    return int.from_bytes(hashlib.blake2b(fact.encode(), digest_size=8).digest(), "big", signed=True)


def lock(facts: Sequence[Facts]) -> None:
    """Let no other transaction resolve any of these facts until this one ends; sorted, so nobody waits in a circle."""
    keys = sorted({lock_key(word) for fact in facts for word in (*fact.all_digests, *fact.placeholders)})
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(key) FROM unnest(%s::bigint[]) AS key", [keys])


def lock_images(images: Iterable[int]) -> None:
    """Let no other transaction change these images' scans and counters until this one ends."""
    with connection.cursor() as cursor:
        cursor.execute(LOCK, [sorted(images)])


CANDIDATES = """
WITH fact AS (
    SELECT id, 'config' AS kind, config_digest AS digest FROM images_image WHERE config_digest = ANY(%(digests)s)
    UNION ALL
    SELECT image_id, kind, digest FROM images_manifest WHERE digest = ANY(%(digests)s)
    UNION ALL
    SELECT id, 'reference', NULL FROM images_image WHERE placeholder = ANY(%(placeholders)s)
)
SELECT image.id, image.config_digest, image.os, image.architecture, image.variant, image.placeholder,
       fact.kind, fact.digest, image.merged_into_id IS NOT NULL
FROM fact JOIN images_image image ON image.id = fact.id
ORDER BY image.id FOR NO KEY UPDATE OF image
"""
LOCK = "SELECT FROM images_image WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE"


def candidates(facts: Facts) -> dict[int, Record]:
    """Every record that any fact of the report names, locked: two reports may know one image by different facts.

    The lock comes before anything else is read of the image, because a statement that waits for a lock still sees
    the other rows as they were when it began.
    """
    found: dict[int, Record] = {}
    arguments: dict[str, Any] = {
        "digests": [pack_digest(word) for word in facts.all_digests],
        "placeholders": facts.placeholders,
    }
    with connection.cursor() as cursor:
        cursor.execute(CANDIDATES, arguments)
        rows = cursor.fetchall()
        if any(row[-1] for row in rows):
            # Merged into another record while this statement waited: look again.
            cursor.execute(CANDIDATES, arguments)
            rows = cursor.fetchall()
        for pk, config, system, architecture, variant, placeholder, kind, digest, _ in rows:
            known = unpack_digest(config) if config else ""
            record = found.setdefault(pk, Record(pk, known, system, architecture, variant, placeholder or ""))
            record.via[unpack_digest(digest) if digest else placeholder] = kind
    return found


def contradicts(record: Record, facts: Facts) -> bool:
    """The record is surely another image: another config digest, or another platform.

    Not where the config digest is the same: the platform is part of what it names, and scanners spell it differently.
    """
    if record.config and record.config == facts.config:
        return False
    if record.config and facts.config and record.config != facts.config and not _misread(record, facts):
        return True
    pairs = zip(record.platform, (facts.os, facts.architecture, facts.variant), strict=True)
    return any(ours and theirs and ours != theirs for ours, theirs in pairs)


def _misread(record: Record, facts: Facts) -> bool:
    """One side took a manifest or index digest for a config digest (Docker's ImageID on the containerd store)."""
    return record.config in (*facts.digests, facts.manifest) or record.via.get(facts.config) not in (None, "config")


def resolve(facts: Facts) -> Resolved:
    """Find or create the image, merge records that prove to be one. Call inside a transaction, after `lock`."""
    found = candidates(facts)
    named = [record for record in found.values() if any(word in record.via for word in facts.all_digests)]
    fitting = [record for record in named if not contradicts(record, facts)]
    if target := _choose(fitting, facts, ambiguous=len(named) > len(fitting)):
        return _settle(target, fitting, named, facts)
    if facts.all_digests:
        return Resolved(_create(facts, placeholder=None), _kind(facts), created=True)
    return _by_name(found, facts)


def _choose(fitting: list[Record], facts: Facts, ambiguous: bool) -> Record | None:
    """Prefer the record with the config digest; a digest alone decides only where it leaves one possibility."""
    exact = [record for record in fitting if record.config and record.config == facts.config]
    if exact:
        return exact[0]
    if facts.config:
        # A record without config and platform under an index of several platforms may be any of them.
        open_ones = [record for record in fitting if not record.config or _misread(record, facts)]
        sure = [record for record in open_ones if not ambiguous or any(record.platform) or facts.manifest in record.via]
        return sure[0] if sure else None
    if len(fitting) == 1:
        return fitting[0]
    loose = [record for record in fitting if not record.config]
    return loose[0] if loose else None


def _settle(target: Record, fitting: list[Record], named: list[Record], facts: Facts) -> Resolved:
    """Merge what proved to be the same, add the config digest and platform where they were missing."""
    ambiguous = len(named) > len(fitting)
    merged: list[int] = []
    for record in fitting:
        is_other = record.id != target.id
        same = not record.config or _misread(record, facts)
        if is_other and same and facts.config and (not ambiguous or any(record.platform)):
            merge_into(target.id, record.id, f"{facts.source}: {_shared(record, facts)} names both")
            target.via |= record.via
            merged.append(record.id)
    # A "config digest" that is already known as a manifest or index digest is a misnamed ImageID: not learned.
    learned = facts.config and target.config != facts.config and target.via.get(facts.config, "config") == "config"
    unknown_platform = facts.architecture and not target.architecture
    if learned or unknown_platform:
        changes: dict[str, Any] = {"os": facts.os, "architecture": facts.architecture, "variant": facts.variant}
        changes = {name: value for name, value in changes.items() if value}
        if learned:
            changes |= {"config_digest": facts.config, "config_source": facts.source}
        Image.objects.filter(pk=target.id).update(**changes)
    known = frozenset(word for word, kind in target.via.items() if kind != "config")
    return Resolved(target.id, _kind(facts, target), known_digests=known, merged=merged, learned=bool(learned))


def _shared(record: Record, facts: Facts) -> str:
    return next((word for word in facts.all_digests if word in record.via), "a digest")


def _kind(facts: Facts, target: Record | None = None) -> str:
    """Which fact led here, for people: the surest that the report has."""
    if facts.config and (target is None or target.config in ("", facts.config)):
        return "config"
    if facts.manifest:
        return "manifest"
    return "digest"


def _by_name(found: dict[int, Record], facts: Facts) -> Resolved:
    """Only a name: the image its tag pointed to at that time, else a record of its own until a digest turns up."""
    for tag in facts.tags:
        if image := image_at(tag, facts.at):
            return Resolved(image, "tag")
    for record in found.values():
        return Resolved(record.id, "reference", was_placeholder=True)
    return Resolved(_create(facts, placeholder=facts.placeholders[0]), "reference", created=True, was_placeholder=True)


TAG_AT = """
SELECT tag.image_id FROM images_tag tag
JOIN images_repository repository ON repository.id = tag.repository_id
JOIN images_registry registry ON registry.id = repository.registry_id
JOIN images_image image ON image.id = tag.image_id
WHERE registry.host = %(host)s AND repository.name = %(repository)s AND tag.name = %(tag)s
  AND image.placeholder IS NULL AND (tag.since <= %(at)s OR image.built_at IS NULL OR image.built_at <= %(at)s)
ORDER BY tag.since <= %(at)s DESC, CASE WHEN tag.since <= %(at)s THEN tag.since END DESC NULLS LAST, tag.since
LIMIT 1
"""


def image_at(tag: Reference, at: datetime) -> int | None:
    """The image that `tag` pointed to at `at`: last seen before, else the first seen after if it was built by then."""
    with connection.cursor() as cursor:
        cursor.execute(TAG_AT, {"host": tag.host, "repository": tag.repository, "tag": tag.tag, "at": at})
        row = cursor.fetchone()
    return int(row[0]) if row else None


CREATE = """
INSERT INTO images_image (config_digest, config_source, placeholder, first_seen, os, architecture, variant, reference,
    is_demo, distro, distro_version, owners, state, critical, high, medium, low, unknown, fixable, suppressed, rank,
    failed_stages)
VALUES (%(config)s, %(source)s, %(placeholder)s, %(at)s, %(os)s, %(architecture)s, %(variant)s, %(reference)s,
    %(is_demo)s, '', '', '{}', 'unknown', 0, 0, 0, 0, 0, 0, 0, 0, '{}')
RETURNING id
"""


def _create(facts: Facts, placeholder: str | None) -> int:
    shown = facts.references[0].familiar if facts.references else (facts.all_digests or [""])[0]
    row = {
        "config": pack_digest(facts.config) if facts.config else None,
        "source": facts.source if facts.config else "",
        "placeholder": placeholder,
        "at": facts.at,
        "os": facts.os,
        "architecture": facts.architecture,
        "variant": facts.variant,
        "reference": shown,
        "is_demo": facts.is_demo,
    }
    with connection.cursor() as cursor:
        cursor.execute(CREATE, row)
        return int(cursor.fetchone()[0])


def record_digests(image: int, facts: Facts, known: frozenset[str]) -> bool:
    """Write down every digest that names the image; one that names two different images is an index.

    True if one of them was not known as such before.
    """
    words = {facts.manifest: Manifest.Kind.MANIFEST} if facts.manifest else {}
    words |= {word: Manifest.Kind.UNKNOWN for word in facts.digests if word not in words and word != facts.config}
    new = {word: kind for word, kind in words.items() if word not in known or kind == Manifest.Kind.MANIFEST}
    if not new:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO images_manifest (digest, image_id, kind, source, first_seen)"
            " SELECT digest, %s, kind, %s, %s FROM unnest(%s::bytea[], %s::text[]) AS fact(digest, kind)"
            " ON CONFLICT (digest, image_id) DO UPDATE SET kind = excluded.kind, source = excluded.source"
            " WHERE images_manifest.kind = 'unknown' AND excluded.kind <> 'unknown'",
            [image, facts.source, facts.at, [pack_digest(word) for word in new], [str(kind) for kind in new.values()]],
        )
        cursor.execute(
            "UPDATE images_manifest SET kind = 'index' WHERE kind = 'unknown' AND digest IN"
            " (SELECT digest FROM images_manifest WHERE digest = ANY(%s) GROUP BY digest HAVING count(*) > 1)",
            [[pack_digest(word) for word in new]],
        )
    return True


def read_references(texts: Sequence[str]) -> tuple[Reference, ...]:
    """The names among `texts` that are references, normalised, each once, in order."""
    read = [parse_reference(clean_text(text, 400)) for text in texts if text]
    return tuple(dict.fromkeys(ref for ref in read if ref))


def read_digests(texts: Sequence[str]) -> tuple[str, ...]:
    """Digests of `repository@sha256:...` strings (or bare digests), each once, in order."""
    read = [clean_digest(text.rpartition("@")[2]) for text in texts]
    return tuple(dict.fromkeys(word for word in read if word))
