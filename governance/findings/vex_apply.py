"""What VEX statements change: what an issuer calls not affected or fixed no longer counts in the images meant.

The scan keeps the set that it saw. An image counts by that set, or by what several scanners come to, without what is
set aside here; take the statement back and the finding counts again. Which statement decides: that of the issuer who
stands first in `VEX_ISSUER_ORDER`, of others the newest.

A trusted issuer's statement on an image holds in what is built on it, too, for what that has of it: a finding that
every image in between has as well.
"""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from governance.findings.models import FindingSet
from governance.findings.models_vex import VexStatement
from governance.findings.sets import save_set
from governance.findings.witnesses import OS_TYPES, plain_version
from governance.images.identity import Facts
from governance.web.fields import pack_digest

Status, Where = VexStatement.Status, VexStatement.Where
ASIDE = {Status.NOT_AFFECTED, Status.FIXED}
SLICE = 2_000


@dataclass(frozen=True, slots=True)
class Word:
    """A statement as far as it concerns one finding; `counts` is False where it is only shown.

    `base` is the image that it is on, where that is a base of the image with the finding.
    """

    statement: int
    issuer: str
    status: str
    justification: str
    detail: str
    stated_at: datetime
    delivery: int
    key: bytes
    counts: bool
    base: int | None

    @property
    def sets_aside(self) -> bool:
        """It says that the finding is none, and may say so."""
        return self.counts and self.status in ASIDE

    @property
    def label(self) -> str:
        """The status in words."""
        return str(Status(self.status).label)

    def as_dict(self) -> dict[str, object]:
        """As the API gives it."""
        names = ("statement", "issuer", "status", "justification", "detail", "stated_at", "base")
        return {name: getattr(self, name) for name in names} | {"report": self.delivery, "counts": self.counts}


# Every current statement on a vulnerability of these findings whose product is this image, one of its bases that the
# finding comes from, or no image at all.
WORDS = """
WITH RECURSIVE held AS (
    SELECT finding.id, finding.key, advisory.vulnerability_id, package.type, package.namespace, package.name,
           package.version, package.source_name, package.source_version
    FROM unnest(coalesce(%(ids)s::int[], (SELECT findings FROM findings_findingset WHERE id = %(set)s))) AS given(id)
    JOIN findings_finding finding ON finding.id = given.id
    JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
    JOIN findings_package package ON package.id = finding.package_id
), named AS MATERIALIZED (
    SELECT name, vulnerability_id FROM findings_advisory
    WHERE vulnerability_id IN (SELECT vulnerability_id FROM held)
), line AS (
    SELECT id, base_id, finding_set_id, owners, 0 AS distance FROM images_image WHERE id = %(image)s
  UNION ALL
    SELECT base.id, base.base_id, base.finding_set_id, line.owners, line.distance + 1
    FROM line JOIN images_image base ON base.id = line.base_id WHERE line.distance < 20
), image AS MATERIALIZED (
    SELECT image.id, line.distance, line.owners, distro, distro_version,
           ARRAY(SELECT config_digest WHERE config_digest IS NOT NULL
                 UNION SELECT digest FROM images_manifest WHERE image_id = image.id) AS digests
    FROM line JOIN images_image image ON image.id = line.id
), stated AS MATERIALIZED (
    SELECT * FROM findings_vexstatement
    WHERE is_current AND reach <> 'nowhere' AND names && (SELECT array_agg(name)::varchar[] FROM named)
)
SELECT DISTINCT held.id, held.key, held.type, held.namespace, held.name, held.version, held.source_name,
       held.source_version, stated.id, stated.issuer, stated.status, stated.justification, stated.detail,
       stated.stated_at, stated.delivery, stated.key, stated.reach, stated.package_type, stated.package_namespace,
       stated.package_name, stated.package_version, image.distance, image.id
FROM stated CROSS JOIN image CROSS JOIN LATERAL unnest(stated.names) AS said(name)
JOIN named ON named.name = said.name
JOIN held ON held.vulnerability_id = named.vulnerability_id
WHERE (stated.team IS NULL OR stated.team = ANY(image.owners)) AND CASE stated.reach
    WHEN 'package' THEN image.distance = 0
    WHEN 'platform' THEN image.distance = 0 AND EXISTS (
        SELECT FROM unnest(stated.platforms) AS platform(name)
        WHERE starts_with(image.distro || ' ' || image.distro_version || '.', platform.name || '.'))
    ELSE stated.digests && image.digests OR EXISTS (
        SELECT FROM images_placement place JOIN images_repository repository ON repository.id = place.repository_id
        JOIN images_registry registry ON registry.id = repository.registry_id
        WHERE place.image_id = image.id AND (registry.host || '/' || repository.name) = ANY(stated.image_names)
    ) OR EXISTS (
        SELECT FROM images_tag tag JOIN images_repository repository ON repository.id = tag.repository_id
        JOIN images_registry registry ON registry.id = repository.registry_id
        WHERE tag.image_id = image.id
          AND (registry.host || '/' || repository.name || ':' || tag.name) = ANY(stated.image_names)
    ) OR (SELECT placeholder FROM images_image WHERE id = image.id) = ANY(stated.image_names)
END AND NOT EXISTS (
    SELECT FROM line nearer LEFT JOIN findings_findingset s ON s.id = nearer.finding_set_id
    WHERE nearer.distance BETWEEN 1 AND image.distance AND (s.id IS NULL OR NOT (
        held.id = ANY(s.findings) OR held.id = ANY(s.suppressed) OR EXISTS (
            SELECT FROM findings_finding finding JOIN findings_advisory advisory ON advisory.id = finding.advisory_id
            JOIN findings_package package ON package.id = finding.package_id
            WHERE finding.id = ANY(s.findings || s.suppressed) AND advisory.vulnerability_id = held.vulnerability_id
              AND (package.name, package.version) = (held.name, held.version))))
)
ORDER BY image.distance
"""


@dataclass(frozen=True, slots=True)
class Part:
    """A package, of a finding or as a statement means it."""

    type: str
    namespace: str
    name: str
    version: str
    source_name: str = ""
    source_version: str = ""

    def is_meant_by(self, said: Part) -> bool:
        """Equal by name, and by type, distribution and version where the statement gives them.

        A statement on a source package is one on what was built from it.
        """
        if (said.type and self.type and said.type != self.type) or (
            said.namespace and self.namespace and said.namespace != self.namespace
        ):
            return False
        if _plain(self.type, self.name) == _plain(said.type, said.name):
            return _is_version(self.version, said.version)
        is_source = bool(self.source_name) and self.type in OS_TYPES and self.source_name == said.name
        return is_source and _is_version(self.source_version, said.version)


def _plain(kind: str, name: str) -> str:
    """As package managers compare names (PEP 503 for Python's)."""
    return re.sub(r"[-_.]+", "-", name).lower() if kind == "pypi" else name.lower()


def _is_version(installed: str, said: str) -> bool:
    """Any, or one of those listed; a range (`vers:`) is compared with nothing."""
    if not said:
        return True
    if said.startswith("vers:"):
        return False
    return plain_version(installed) in {plain_version(one) for one in said.split("|")}


def words_of(image: int, finding_set: int | None = None, ids: Sequence[int] | None = None) -> dict[int, list[Word]]:
    """{finding: every statement on it, the deciding one first}, of a set's counted findings or of these."""
    found: dict[int, dict[int, tuple[tuple[Any, ...], Word]]] = defaultdict(dict)
    with connection.cursor() as cursor:
        given = None if ids is None else list(ids)
        cursor.execute(WORDS, {"image": image, "set": finding_set, "ids": given})
        for row in cursor.fetchall():
            pk, held, said, part = row[0], Part(*row[2:8]), row[8:15], Part(*row[17:21])
            if part.name and not held.is_meant_by(part):
                continue
            distance, base = row[21], row[22] if row[21] else None
            rank, counts = rank_of(said[1]), may_count(said[1], Where.PACKAGE if base else row[16])
            word = Word(*(*said, bytes(row[15]), counts, base))
            found[pk].setdefault(word.statement, (_preference(rank, distance, word), word))
    return {pk: [word for _, word in sorted(said.values(), key=lambda pair: pair[0])] for pk, said in found.items()}


def rank_of(issuer: str) -> int:
    """The issuer's place in `VEX_ISSUER_ORDER`; who is not in it comes behind all that are."""
    order = [" ".join(name.casefold().split()) for name in settings.VEX_ISSUER_ORDER]
    name = " ".join(issuer.casefold().split())
    return order.index(name) if name in order else len(order)


def may_count(issuer: str, reach: str) -> bool:
    """Whether such a statement sets findings aside: trusted issuers' do, others' only in the images that they name."""
    if rank_of(issuer) < len(settings.VEX_ISSUER_ORDER):
        return reach != Where.NOWHERE
    return reach == Where.IMAGE and not settings.VEX_LISTED_ONLY


def _preference(rank: int, distance: int, word: Word) -> tuple[Any, ...]:
    """Those that count before those that are only shown; of one issuer's the nearest, then the newest."""
    return (not word.counts, rank, distance, -word.stated_at.timestamp(), word.status in ASIDE, word.key)


def effective_set(image: int, finding_set: int | None) -> int | None:
    """The set that an image counts by: the given one without what statements set aside."""
    if finding_set is None:
        return None
    words = words_of(image, finding_set)
    aside = sorted(pk for pk, said in words.items() if said[0].sets_aside)
    if not aside:
        return finding_set
    row = FindingSet.objects.get(pk=finding_set)
    # Keys and not numbers: equal contents have equal names whichever finding was stored first.
    with connection.cursor() as cursor:
        cursor.execute("SELECT key FROM findings_finding WHERE id = ANY(%s) ORDER BY key", [aside])
        keys = b"".join(bytes(key) for (key,) in cursor.fetchall())
    name = hashlib.blake2b(bytes(row.hash) + b"|vex|" + keys, digest_size=16).digest()
    counted = sorted(set(row.findings) - set(aside))
    made = save_set(name, counted, [*row.suppressed, *aside], row.disputes)
    FindingSet.objects.filter(pk=made, by_vex=[]).update(by_vex=aside)
    return made


DUE = (
    "SELECT id, statement_id FROM findings_vexwork"
    " WHERE until IS NULL OR until < pg_snapshot_xmin(pg_current_snapshot())::text::bigint"
)
TAKE = f"{DUE} ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED"
# Images that a statement may concern, by what it names; those that have such a finding are counted anew.
CONCERNED = """
WITH RECURSIVE stated AS MATERIALIZED (
    SELECT id, reach, names, digests, image_names, package_name FROM findings_vexstatement WHERE id = ANY(%(ids)s)
), found AS MATERIALIZED (
    SELECT DISTINCT stated.id AS statement, finding.id AS finding FROM stated
    JOIN findings_advisory said ON said.name = ANY(stated.names)
    JOIN findings_advisory advisory ON advisory.vulnerability_id = said.vulnerability_id
    JOIN findings_finding finding ON finding.advisory_id = advisory.id
), holding AS MATERIALIZED (
    SELECT DISTINCT s.id AS finding_set FROM findings_findingset s
    WHERE s.findings && (SELECT array_agg(finding) FROM found)
       OR (s.suppressed && (SELECT array_agg(finding) FROM found) AND s.suppressed <> '{}')
), named AS (
    SELECT image.id FROM stated CROSS JOIN LATERAL unnest(stated.digests) AS digest(value)
    JOIN images_image image ON image.config_digest = digest.value
    UNION SELECT manifest.image_id FROM stated CROSS JOIN LATERAL unnest(stated.digests) AS digest(value)
    JOIN images_manifest manifest ON manifest.digest = digest.value
    UNION SELECT place.image_id FROM stated CROSS JOIN LATERAL unnest(stated.image_names) AS named(name)
    JOIN images_registry registry ON registry.host = split_part(named.name, '/', 1)
    JOIN images_repository repository ON repository.registry_id = registry.id
     AND repository.name = split_part(substr(named.name, strpos(named.name, '/') + 1), ':', 1)
    JOIN images_placement place ON place.repository_id = repository.id
    UNION SELECT image.id FROM stated CROSS JOIN LATERAL unnest(stated.image_names) AS named(name)
    JOIN images_image image ON image.placeholder = named.name
), meant AS (
    SELECT id FROM named UNION SELECT image.id FROM meant JOIN images_image image ON image.base_id = meant.id
), anywhere AS (
    SELECT image.id FROM images_image image
    WHERE EXISTS (SELECT FROM stated WHERE reach IN ('package', 'platform'))
      AND image.finding_set_id IN (SELECT finding_set FROM holding)
)
INSERT INTO findings_remerge (image_id)
SELECT image.id FROM images_image image
WHERE image.id IN (SELECT id FROM meant UNION ALL SELECT id FROM anywhere)
  AND image.finding_set_id IN (SELECT finding_set FROM holding)
ORDER BY image.id ON CONFLICT DO NOTHING
"""
# Of these images those that have another base than when they were split, or one that says something else now; if the
# old or the new one has findings set aside.
# A part of the statement that splits them (`split.STORE`), which knows the images as `fact`.
REBASED = """
INSERT INTO findings_remerge (image_id)
SELECT image.id FROM images_image image
JOIN findings_findingset own ON own.id = image.finding_set_id
LEFT JOIN images_image base ON base.id = image.base_id
LEFT JOIN findings_findingset theirs ON theirs.id = base.finding_set_id
LEFT JOIN findings_findingsplit split ON split.id = image.split_id
WHERE image.id IN (SELECT id FROM fact) AND split.base_set_id IS DISTINCT FROM theirs.id
  AND (cardinality(own.by_vex) > 0 OR cardinality(theirs.by_vex) > 0)
ORDER BY image.id ON CONFLICT DO NOTHING
"""
KEEP = """
UPDATE findings_vexwork SET until = pg_current_xact_id()::text::bigint
WHERE id = ANY(%s) AND until IS NULL
"""


def settle_vex(most: int = 50 * SLICE) -> int:
    """Put the images that new, changed or revoked statements concern in line to be counted; returns how many came."""
    done = 0
    while done < most:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(TAKE, [SLICE])
            work = cursor.fetchall()
            if not work:
                break
            cursor.execute(CONCERNED, {"ids": [statement for _, statement in work]})
            ids = [pk for pk, _ in work]
            cursor.execute("DELETE FROM findings_vexwork WHERE id = ANY(%s) AND until IS NOT NULL", [ids])
            cursor.execute(KEEP, [ids])
        done += len(work)
    return done


NAMED_NOW = """
INSERT INTO findings_remerge (image_id)
SELECT %(image)s WHERE EXISTS (SELECT FROM findings_vexstatement WHERE is_current AND digests && %(digests)s::bytea[])
    OR EXISTS (SELECT FROM findings_vexstatement WHERE is_current AND image_names && %(names)s::varchar[])
ON CONFLICT DO NOTHING
"""


def images_were_named(named: Mapping[int, Facts]) -> None:
    """Images that are not counted anew have new names: in one look, where no statement is known."""
    if named and VexStatement.objects.filter(is_current=True).exists():
        for image, facts in sorted(named.items()):
            image_was_named(image, facts)


def image_was_named(image: int, facts: Facts) -> None:
    """An image that is not counted anew has new names: it is, if statements are about one of them."""
    names = {name for ref in facts.references for name in (ref.name, f"{ref.name}:{ref.tag}")}
    digests = [pack_digest(digest) for digest in facts.all_digests]
    with connection.cursor() as cursor:
        cursor.execute(NAMED_NOW, {"image": image, "digests": digests, "names": [*names, *facts.placeholders]})


def apply_all_again() -> None:
    """Look at every current statement again, because what counts was configured anew."""
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO findings_vexwork (statement_id) SELECT id FROM findings_vexstatement WHERE is_current"
            " ON CONFLICT (statement_id) DO UPDATE SET until = NULL"
        )
