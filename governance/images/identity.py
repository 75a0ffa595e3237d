"""Which image does a report speak of? Digests are proof, tags are a hint, and two records may prove to be one.

A digest names content, so whoever names one digest speaks of one image; only an index digest names several. Mostly one
record has a claim, and this module finds it. Where several have, `same.assign` decides by all that was ever said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from django.db import connection

from governance.images.clean import clean_digest, clean_text
from governance.images.locks import lock_names
from governance.images.models import Image, Manifest
from governance.images.reference import Reference, parse_reference
from governance.images.same import Platform, compatible
from governance.images.tags import hand_over
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
    sure: set[str] = field(default_factory=set)  # those of them that were said together with the config digest

    @property
    def platform(self) -> Platform:
        """As far as known."""
        return (self.os, self.architecture, self.variant)


@dataclass(slots=True)
class Resolved:
    """The image, how it was found and whether the record is new.

    `facts` are the report's facts as they turned out to be. `is_open`: several records have a claim, so that
    `governance.findings.regroup` has to look at them all once the report is written down.
    """

    image: int
    identified_by: str
    facts: Facts
    created: bool = False
    # Those of its digests that are written down as surely as this report says them; a manifest's as a manifest's.
    known_digests: frozenset[str] = frozenset()
    was_placeholder: bool = False
    learned: bool = False  # its config digest was not known before
    is_open: bool = False
    platform: Platform = ("", "", "")


def lock(facts: Sequence[Facts]) -> None:
    """Let no other transaction resolve any of these facts until this one ends."""
    lock_names(word for fact in facts for word in (*fact.all_digests, *fact.placeholders))


CANDIDATES = """
WITH fact AS (
    SELECT id, 'config' AS kind, config_digest AS digest, true AS sure
    FROM images_image WHERE config_digest = ANY(%(digests)s)
    UNION ALL
    SELECT image_id, kind, digest, is_sure FROM images_manifest WHERE digest = ANY(%(digests)s)
    UNION ALL
    SELECT id, 'reference', NULL, true FROM images_image WHERE placeholder = ANY(%(placeholders)s)
)
SELECT image.id, image.config_digest, image.os, image.architecture, image.variant, image.placeholder,
       fact.kind, fact.digest, fact.sure, image.merged_into_id IS NOT NULL
FROM fact JOIN images_image image ON image.id = fact.id
ORDER BY image.id FOR NO KEY UPDATE OF image
"""


type Row = tuple[int, Any, str, str, str, str | None, str, Any, bool, bool]


def look_up(facts: Sequence[Facts]) -> list[Row]:
    """Every record that any fact of these reports names, locked: two reports may know one image by different facts.

    The lock comes before anything else is read of the images, because a statement that waits for a lock still sees
    the other rows as they were when it began.
    """
    arguments: dict[str, Any] = {
        "digests": [pack_digest(word) for word in sorted({word for one in facts for word in one.all_digests})],
        "placeholders": sorted({word for one in facts for word in one.placeholders}),
    }
    with connection.cursor() as cursor:
        cursor.execute(CANDIDATES, arguments)
        rows: list[Row] = cursor.fetchall()
        if any(row[-1] for row in rows):
            # Merged into another record while this statement waited: look again.
            cursor.execute(CANDIDATES, arguments)
            rows = cursor.fetchall()
    return rows


def candidates(facts: Facts, rows: Sequence[Row]) -> dict[int, Record]:
    """Those of the records that one report's facts name."""
    found: dict[int, Record] = {}
    words = {*facts.all_digests, *facts.placeholders}
    for pk, config, system, architecture, variant, placeholder, kind, digest, sure, _ in rows:
        word = unpack_digest(digest) if digest else placeholder or ""
        if word not in words:
            continue
        known = unpack_digest(config) if config else ""
        record = found.setdefault(pk, Record(pk, known, system, architecture, variant, placeholder or ""))
        record.via[word] = kind
        record.sure |= {word} if sure else set()
    return found


def resolve(facts: Facts, rows: Sequence[Row] | None = None) -> Resolved:
    """Find or create the image's record. Call inside a transaction, after `lock`; `rows` is what `look_up` found.

    Where exactly one record has a claim and nothing speaks against it, it is that one. Where several have, or one that
    contradicts, the report is written down on a record for now, and then all of them are looked at together.
    """
    found = candidates(facts, look_up([facts]) if rows is None else rows)
    named = [record for record in found.values() if any(word in record.via for word in facts.all_digests)]
    if facts.config and any(record.via.get(facts.config) not in (None, "config") for record in named):
        # Docker on the containerd store calls a manifest or index digest its image ID.
        facts = replace(facts, config="", digests=tuple(dict.fromkeys([*facts.digests, facts.config])))
    if len(named) == 1 and _fits(named[0], facts):
        return _settle(named[0], facts)
    if not facts.all_digests:
        return _by_name(found, facts)
    exact = [record for record in named if record.config and record.config == facts.config]
    if exact:
        target = _settle(exact[0], facts)
    else:
        platform = (facts.os, facts.architecture, facts.variant)
        target = Resolved(_create(facts, None), _kind(facts), facts, created=True, platform=platform)
    target.is_open = target.is_open or bool(named)
    return target


def _fits(record: Record, facts: Facts) -> bool:
    """Nothing speaks against the record, and nothing that it took for its config digest was another one."""
    if record.config in (facts.manifest, *facts.digests) and record.config:
        return False
    if record.config and record.config == facts.config:
        # The platform is part of what it names, and scanners spell it differently.
        return True
    open_config = not record.config or not facts.config
    return open_config and compatible(record.platform, (facts.os, facts.architecture, facts.variant))


def _settle(target: Record, facts: Facts) -> Resolved:
    """Add the config digest and platform where they were missing.

    What platform an image of known config digest has, only reports say that know it, too.
    """
    learned = bool(facts.config) and not target.config
    platform = (facts.os, facts.architecture, facts.variant)
    changes: dict[str, Any] = {}
    if learned:
        changes = {"config_digest": facts.config, "config_source": facts.source}
    if learned or (facts.architecture and not target.architecture and (facts.config or not target.config)):
        changes |= dict(zip(("os", "architecture", "variant"), platform, strict=True))
    if changes:
        Image.objects.filter(pk=target.id).update(**changes)
    is_moved = "os" in changes and platform != target.platform
    if is_moved:
        hand_over(target.id, target.id, "/".join(word for word in platform if word))
    known = {
        word
        for word, kind in target.via.items()
        if kind not in ("config", "reference")
        and (not facts.config or word in target.sure)
        and (word != facts.manifest or kind == Manifest.Kind.MANIFEST)
    }
    return Resolved(
        target.id,
        _kind(facts, target),
        facts,
        known_digests=frozenset(known),
        learned=learned,
        # Who was taken for this image while its platform was not known?
        is_open=is_moved and bool(target.config),
        platform=platform if "os" in changes else target.platform,
    )


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
            return Resolved(image, "tag", facts)
    for record in found.values():
        return Resolved(record.id, "reference", facts, was_placeholder=True)
    image = _create(facts, placeholder=facts.placeholders[0])
    return Resolved(image, "reference", facts, created=True, was_placeholder=True)


def make_unidentified(tag: Reference, at: datetime) -> int:
    """A record of what only this name names."""
    facts = Facts("", at, references=(tag,))
    return _create(facts, placeholder=facts.placeholders[0])


def make_loose(digests: Iterable[str], platform: Platform, at: datetime, is_demo: bool) -> int:
    """A record of what only some digests name, until a config digest turns up."""
    facts = Facts("", at, digests=tuple(sorted(digests)), is_demo=is_demo)
    facts = replace(facts, os=platform[0], architecture=platform[1], variant=platform[2])
    return _create(facts, placeholder=None)


# The image that a tag pointed to at `at`: last seen before, else the first seen after if it was built by then.
TAG_AT = """
SELECT tag.image_id FROM images_tag tag
JOIN images_repository repository ON repository.id = tag.repository_id
JOIN images_registry registry ON registry.id = repository.registry_id
JOIN images_image image ON image.id = tag.image_id
WHERE registry.host = %(host)s AND repository.name = %(repository)s AND tag.name = %(tag)s
  AND image.placeholder IS NULL AND (tag.since <= {at} OR image.built_at IS NULL OR image.built_at <= {at})
ORDER BY tag.since <= {at} DESC, CASE WHEN tag.since <= {at} THEN tag.since END DESC NULLS LAST, tag.since,
    tag.platform, image.config_digest
LIMIT 1
"""


def image_at(tag: Reference, at: datetime) -> int | None:
    """The image that `tag` pointed to at `at`, as far as is known."""
    values: dict[str, Any] = {"host": tag.host, "repository": tag.repository, "tag": tag.tag, "at": at}
    with connection.cursor() as cursor:
        cursor.execute(TAG_AT.format(at="%(at)s"), values)
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


RECORD_DIGESTS = """
INSERT INTO images_manifest (digest, image_id, kind, source, first_seen, is_sure)
SELECT digest, %(image)s, kind, %(source)s, %(at)s, %(sure)s
FROM unnest(%(digests)s::bytea[], %(kinds)s::text[]) AS fact(digest, kind)
ON CONFLICT (digest, image_id) DO UPDATE SET is_sure = images_manifest.is_sure OR excluded.is_sure,
    kind = CASE images_manifest.kind WHEN 'unknown' THEN excluded.kind ELSE images_manifest.kind END,
    source = CASE images_manifest.kind WHEN 'unknown' THEN excluded.source ELSE images_manifest.source END
WHERE excluded.is_sure > images_manifest.is_sure OR images_manifest.kind = 'unknown' AND excluded.kind <> 'unknown'
"""


def record_digests(image: int, facts: Facts, known: frozenset[str]) -> bool:
    """Write down every digest that names the image; True if one of them was not known as such before."""
    words = {facts.manifest: Manifest.Kind.MANIFEST} if facts.manifest else {}
    words |= {word: Manifest.Kind.UNKNOWN for word in facts.digests if word not in words and word != facts.config}
    new = {word: kind for word, kind in words.items() if word not in known}
    if not new:
        return False
    with connection.cursor() as cursor:
        cursor.execute(
            RECORD_DIGESTS,
            {
                "image": image,
                "source": facts.source,
                "at": facts.at,
                "sure": bool(facts.config),
                "digests": [pack_digest(word) for word in new],
                "kinds": [str(kind) for kind in new.values()],
            },
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
