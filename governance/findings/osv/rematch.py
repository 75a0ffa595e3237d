"""Images whose packages or advisories changed get what the advisories say now: one scan by `osv` each.

Everything waits in tables, a step at a time is taken from them, and each may be taken twice: `OsvChange` names packages
whose advisories changed, `Rematch` images to be looked at, `Matched` what was found for a list in a release.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterable, Sequence
from itertools import batched
from typing import Any, NamedTuple

from django.db import connection, transaction

from governance.findings.models import OSV, FindingSet, Scan
from governance.findings.osv.ecosystems import Target, release_of
from governance.findings.osv.match import Matcher
from governance.findings.sets import Contents, store_finding_set
from governance.findings.state import refresh

SLICE, LOCKED = 200, 20
# With more packages than this changed, looking at all images costs less than looking for those concerned.
MANY = 20_000


class List(NamedTuple):
    """What images that share it share everything of: a package list in a distribution's release."""

    package_set: int
    release: str


NO_LIST = List(0, "")


class Held(NamedTuple):
    """A scan by `osv` that is there."""

    id: int
    stage: str
    finding_set: int
    package_set: int | None
    is_current: bool


class Seen(NamedTuple):
    """An image, its package list (if it is a whole one) and the scan that brought it, and what `osv` said so far."""

    image: int
    packages: List | None
    stage: str
    delivery: int
    identified_by: str
    held: list[Held]


def work_off(seconds: float = 25.0, matcher: Matcher | None = None) -> int:
    """Match waiting images until none waits or the time is over; returns how many were looked at."""
    until, done, matcher = time.monotonic() + seconds, 0, matcher or Matcher()
    while time.monotonic() < until:
        spread()
        with connection.cursor() as cursor:
            cursor.execute("SELECT image FROM findings_rematch ORDER BY id LIMIT %s", [SLICE])
            images = {pk for (pk,) in cursor.fetchall()}
        looked_at = match_images(images, matcher)
        done += looked_at
        if not looked_at:
            break
    return done


def waiting() -> int:
    """How many images wait to be matched, as far as they are found."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(DISTINCT image) FROM findings_rematch")
        return int(cursor.fetchone()[0])


def wait_all() -> None:
    """Have every image matched again."""
    with connection.cursor() as cursor:
        cursor.execute(ALL)


def match_images(images: Collection[int], matcher: Matcher | None = None) -> int:
    """Match these images if they wait; what another worker has in its hands is left to it. Returns how many were."""
    if not images:
        return 0
    matcher = matcher or Matcher()
    seen = _look_at(images)
    if matcher.look():
        _prepare({one.packages for one in seen if one.packages}, matcher)
    with connection.cursor() as cursor:
        cursor.execute(FORGET, [list(images)])
    # Those with the same list together, and few at a time: reports on them wait meanwhile.
    ordered = [one.image for one in sorted(seen, key=lambda one: (one.packages or NO_LIST, one.image))]
    return sum(_apply(some, matcher) for some in batched(ordered, LOCKED))


# Of images that are gone.
FORGET = """
DELETE FROM findings_rematch waiting WHERE image = ANY(%s) AND NOT EXISTS (
    SELECT FROM images_image image WHERE image.id = waiting.image AND image.merged_into_id IS NULL)
"""
# All of them, and those that `osv` speaks of and whose list is gone. Images with the same list are done together.
ALL = """
INSERT INTO findings_rematch (image)
SELECT id FROM images_image image WHERE merged_into_id IS NULL AND (package_set_id IS NOT NULL
    OR EXISTS (SELECT FROM findings_scan scan WHERE scan.image_id = image.id AND scan.scanner = 'osv'))
ORDER BY package_set_id, id
"""
# Names are compared roughly here (as PEP 503 does): an image too many costs a look.
CONCERNED = """
WITH wanted AS (
    SELECT DISTINCT lower(regexp_replace(name, '[-_.]+', '-', 'g')) AS name FROM unnest(%s::text[]) AS given(name)
), named AS (
    SELECT array_agg(package.id::int) AS ids FROM findings_package package
    WHERE lower(regexp_replace(package.name, '[-_.]+', '-', 'g')) IN (SELECT name FROM wanted)
       OR package.source_name <> ''
          AND lower(regexp_replace(package.source_name, '[-_.]+', '-', 'g')) IN (SELECT name FROM wanted)
)
INSERT INTO findings_rematch (image)
SELECT image.id FROM images_image image
WHERE image.merged_into_id IS NULL AND image.package_set_id IN (
    SELECT s.id FROM findings_packageset s WHERE s.packages && (SELECT ids FROM named))
ORDER BY image.package_set_id, image.id
"""


def spread() -> None:
    """Have the images matched again that hold a package whose advisories changed."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "DELETE FROM findings_osvchange WHERE id IN"
            " (SELECT id FROM findings_osvchange FOR UPDATE SKIP LOCKED) RETURNING package"
        )
        names = sorted({package for (package,) in cursor.fetchall()})
        if "" in names or len(names) > MANY:
            cursor.execute(ALL)
        elif names:
            cursor.execute(CONCERNED, [names])


LOOK = """
SELECT image.id, image.package_set_id, image.distro, image.distro_version, source.stage, source.delivery,
       source.identified_by, held.scans
FROM images_image image
LEFT JOIN LATERAL (
    SELECT stage, delivery, identified_by FROM findings_scan scan
    WHERE scan.image_id = image.id AND scan.package_set_id = image.package_set_id AND scan.inventory
      AND scan.scanner <> 'osv'
    ORDER BY stage, scanned_at DESC, id DESC LIMIT 1
) source ON true
LEFT JOIN LATERAL (
    SELECT array_agg(json_build_array(id, stage, finding_set_id, package_set_id, is_current) ORDER BY id) AS scans
    FROM findings_scan scan WHERE scan.image_id = image.id AND scan.scanner = 'osv'
) held ON true
WHERE image.id = ANY(%s) AND image.merged_into_id IS NULL
"""


def _look_at(images: Iterable[int]) -> list[Seen]:
    with connection.cursor() as cursor:
        cursor.execute(LOOK, [list(images)])
        return [_seen(*row) for row in cursor.fetchall()]


def _seen(
    image: int,
    package_set: int | None,
    distro: str,
    version: str,
    stage: str | None,
    delivery: int | None,
    identified_by: str | None,
    scans: list[list[Any]] | None,
) -> Seen:
    held = [Held(*row) for row in scans or ()]
    if package_set is None or stage is None:
        return Seen(image, None, "", 0, "", held)
    return Seen(image, List(package_set, release_of(distro, version)), stage, delivery or 0, identified_by or "", held)


MATCHED = """
SELECT matched.package_set_id, matched.release, matched.finding_set_id FROM findings_matched matched
JOIN unnest(%(sets)s::bigint[], %(releases)s::text[]) AS asked(package_set, release)
    ON matched.package_set_id = asked.package_set AND matched.release = asked.release
WHERE matched.generation = (SELECT max(generation) FROM findings_osvecosystem)
"""


def _matched(lists: Collection[List]) -> dict[List, int | None]:
    """{list: set} of those that were matched with the advisories loaded now."""
    with connection.cursor() as cursor:
        cursor.execute(
            MATCHED, {"sets": [one.package_set for one in lists], "releases": [one.release for one in lists]}
        )
        return {List(package_set, release): finding_set for package_set, release, finding_set in cursor.fetchall()}


PACKAGES = """
SELECT package.id, package.type, package.namespace, package.name, package.version, package.source_name,
       package.source_version
FROM findings_packageset s JOIN findings_package package ON package.id = ANY(s.packages) WHERE s.id = %s
"""
REMEMBER = """
INSERT INTO findings_matched (package_set_id, release, finding_set_id, generation)
SELECT id, %s, %s, %s FROM findings_packageset WHERE id = %s
ON CONFLICT (package_set_id, release) DO UPDATE
SET finding_set_id = excluded.finding_set_id, generation = excluded.generation
WHERE findings_matched.generation <= excluded.generation
"""


def _prepare(lists: set[List], matcher: Matcher) -> None:
    """Match the lists that are not matched yet, each in a transaction of its own and without locking an image."""
    for packages in sorted(lists - _matched(lists).keys()):
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(PACKAGES, [packages.package_set])
            found = matcher.contents([Target(*row) for row in cursor.fetchall()], packages.release)
            finding_set = None if found is None else _set_of(found)
            cursor.execute(REMEMBER, [packages.release, finding_set, matcher.generation, packages.package_set])


def _set_of(found: Contents) -> int:
    known = FindingSet.objects.filter(hash=found.finding_hash).values_list("pk", flat=True).first()
    return known or store_finding_set(found)


def _apply(images: Collection[int], matcher: Matcher) -> int:
    """Make the images say what was found. Those that wait since, or whose list nobody matched, go on waiting."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT id FROM images_image WHERE id = ANY(%s) ORDER BY id FOR NO KEY UPDATE SKIP LOCKED", [list(images)]
        )
        locked = [pk for (pk,) in cursor.fetchall()]
        # Before anything is read: whatever changes afterwards is put here again.
        cursor.execute("DELETE FROM findings_rematch WHERE image = ANY(%s)", [locked])
        seen = _look_at(locked)
        known = _matched({one.packages for one in seen if one.packages})
        cursor.execute("SELECT EXISTS (SELECT FROM findings_osvecosystem WHERE generation > 0)")
        if cursor.fetchone() == (True,):
            late = [one.image for one in seen if one.packages and one.packages not in known]
            cursor.execute("INSERT INTO findings_rematch (image) SELECT unnest(%s::bigint[])", [late])
            seen = [one for one in seen if one.image not in set(late)]
        changed = _write(seen, known)
        refresh(changed, rematch=False, unions=matcher.unions)
    return len(locked)


def _write(seen: Sequence[Seen], known: dict[List, int | None]) -> list[int]:
    """Write the scans that are to be different; returns their images."""
    gone: list[int] = []
    changed: list[int] = []
    new: list[Scan] = []
    now = _now()
    for one in seen:
        finding_set = known.get(one.packages) if one.packages else None
        kept = [held for held in one.held if _says(held, one, finding_set)][:1]
        others = [held.id for held in one.held if held not in kept]
        gone += others
        if others or (finding_set and not kept):
            changed.append(one.image)
        if one.packages and finding_set and not kept:
            new.append(_scan(one, one.packages, finding_set, now))
    Scan.objects.filter(pk__in=gone).delete()
    Scan.objects.bulk_create(new)
    return changed


def _says(held: Held, one: Seen, finding_set: int | None) -> bool:
    """The scan that is there says what is to be said."""
    wanted = (one.stage, finding_set, one.packages.package_set if one.packages else None, True)
    return finding_set is not None and (held.stage, held.finding_set, held.package_set, held.is_current) == wanted


def _scan(one: Seen, packages: List, finding_set: int, now: Any) -> Scan:
    return Scan(
        image_id=one.image,
        scanner=OSV,
        stage=one.stage,
        outcome=Scan.Outcome.ASSESSED,
        scanned_at=now,
        received_at=now,
        delivery=one.delivery,
        finding_set_id=finding_set,
        package_set_id=packages.package_set,
        identified_by=one.identified_by,
        is_current=True,
    )


def _now() -> Any:
    with connection.cursor() as cursor:
        cursor.execute("SELECT now()")
        return cursor.fetchone()[0]
