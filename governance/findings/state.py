"""An image's counters and state, recomputed from its current scans whenever one of them changes."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.db import connection, transaction

from governance.findings.models import AGENT, OSV, Remerge, Scan
from governance.findings.sets import RANK, recount_groups
from governance.findings.split import settle_splits
from governance.findings.systems import sum_up
from governance.findings.vex_apply import DUE, apply_all_again, effective_set, settle_vex
from governance.findings.weigh import settle_weights, weigh
from governance.findings.witnesses import Testimony, preference, union_set
from governance.images import reach
from governance.images.lineage import settle_lineage

# Number of the advisory lock of whoever counts changed groups again.
SETTLE_LOCK = 0x70775F73657474
MOST_UNIONS = 10_000

CHOOSE = """
UPDATE findings_scan scan SET is_current = NOT scan.is_current
FROM (
    SELECT id, row_number() OVER (
        PARTITION BY image_id, scanner, stage
        ORDER BY outcome = 'assessed' DESC, scanned_at DESC, received_at DESC, delivery DESC, id DESC
    ) = 1 AS wanted FROM findings_scan WHERE image_id = ANY(%(images)s)
) choice
WHERE scan.id = choice.id AND scan.is_current <> choice.wanted AND choice.wanted = %(wanted)s
"""


def choose_current(images: Iterable[int]) -> None:
    """For each (image, scanner, stage) the newest assessed scan is current, else the newest; in any order of arrival.

    A failed scan therefore never closes what an earlier one found.
    """
    ids = list(images)
    if not ids:
        return
    with connection.cursor() as cursor:
        # First take the mark away, then give it: the unique key allows one per (image, scanner, stage).
        for wanted in (False, True):
            cursor.execute(CHOOSE, {"images": ids, "wanted": wanted})


@dataclass(frozen=True, slots=True)
class Latest:
    """The newest scan of a key, and whether it failed."""

    stage: str
    at: datetime
    failed: bool


SCANS = """
SELECT image_id, scanner, stage, outcome, scanned_at, finding_set_id, package_set_id, inventory, is_current,
       row_number() OVER (
           PARTITION BY image_id, scanner, stage ORDER BY scanned_at DESC, received_at DESC, delivery DESC),
       (SELECT EXISTS (SELECT FROM findings_vexstatement WHERE is_current))
FROM findings_scan WHERE image_id = ANY(%s)
"""
# What an image's facts come to, the surest first: `image` is its row, `s` the set that it shows (no row where no scan
# looked), `fact` says which stages failed, that a scanner does not know its system, and until when its scans hold.
STATE = """CASE
    WHEN cardinality(s.findings) > 0 THEN 'vulnerable'
    WHEN image.end_of_life AND s.id IS NOT NULL THEN 'end_of_life'
    WHEN cardinality(fact.failed) > 0 THEN 'failed'
    WHEN s.id IS NULL THEN CASE WHEN fact.unsupported THEN 'unsupported' ELSE 'unknown' END
    WHEN fact.fresh_until < now() THEN 'stale'
    WHEN cardinality(s.suppressed) > 0 THEN 'suppressed'
    ELSE 'clean' END"""
# A package list is matched again whenever an advisory changes: what `osv` says is as fresh as the advisories are.
OLDEST_ADVICE = "SELECT min(loaded_at) FROM findings_osvecosystem WHERE generation > 0"
# Where advisories are loaded, the image waits to be matched with them (`osv.rematch`). What the image has of its base,
# and what is built on it has of the image, follows (`split.settle_splits`).
APPLY = f"""
WITH waiting AS (
    INSERT INTO findings_rematch (image) SELECT %(image)s
    WHERE %(rematch)s AND EXISTS (SELECT FROM findings_osvecosystem WHERE generation > 0) RETURNING image
), split AS (
    INSERT INTO images_splitwork (image_id)
    SELECT id FROM images_image WHERE id = %(image)s AND base_id IS NOT NULL
    UNION SELECT id FROM images_image WHERE base_id = %(image)s AND merged_into_id IS NULL
    ON CONFLICT DO NOTHING
)
UPDATE images_image image SET
    finding_set_id = fact.finding_set, package_set_id = fact.package_set, failed_stages = fact.failed::varchar[],
    ci_at = fact.ci_at, registry_at = fact.registry_at, runtime_at = fact.runtime_at,
    critical = coalesce(s.critical, 0), high = coalesce(s.high, 0), medium = coalesce(s.medium, 0),
    low = coalesce(s.low, 0), unknown = coalesce(s.unknown, 0), fixable = coalesce(s.fixable, 0),
    suppressed = coalesce(cardinality(s.suppressed), 0),
    rank = CASE WHEN s.id IS NULL THEN 0 ELSE {RANK} END,
    state = {STATE}
FROM (SELECT %(image)s::bigint AS image, %(finding_set)s::bigint AS finding_set, %(package_set)s::bigint AS package_set,
             %(failed)s::text[] AS failed, %(ci)s::timestamptz AS ci_at, %(registry)s::timestamptz AS registry_at,
             %(runtime)s::timestamptz AS runtime_at, %(unsupported)s::boolean AS unsupported,
             greatest(%(fresh_until)s::timestamptz, ({OLDEST_ADVICE}) + make_interval(days => %(matched_days)s::int))
             AS fresh_until) fact
LEFT JOIN findings_findingset s ON s.id = fact.finding_set
WHERE image.id = fact.image
RETURNING EXISTS (SELECT FROM waiting)
"""

# Who runs an image may be another's after this (`governance.runtime.counts`).
RUNNING = "INSERT INTO images_runningwork (image_id) SELECT unnest(%s::bigint[]) ON CONFLICT DO NOTHING"


class Unions:
    """Sets merged before, by what each scanner said: many images share theirs. They hold while no alias is learned."""

    def __init__(self) -> None:
        self.known: dict[tuple[tuple[str, int], ...], int | None] = {}
        self.aliases = 0

    def check(self) -> None:
        """To be called in each transaction before any is asked for."""
        with connection.cursor() as cursor:
            cursor.execute("SELECT coalesce(max(id), 0) FROM findings_alias")
            (aliases,) = cursor.fetchone()
        if aliases != self.aliases or len(self.known) > MOST_UNIONS:
            self.known, self.aliases = {}, aliases

    def of(self, testimonies: list[Testimony]) -> int | None:
        """The merged set."""
        said = tuple((one.scanner, one.finding_set) for one in sorted(testimonies, key=preference))
        if said not in self.known:
            self.known[said] = union_set(testimonies)
        return self.known[said]


def refresh(images: Iterable[int], *, rematch: bool = True, unions: Unions | None = None) -> bool:
    """Recompute system, counters, state, last scans per stage and the merged sets of these images.

    True if they wait to be matched with advisories now, unless `rematch` says that this is already done. `unions` are
    those of images refreshed before.
    """
    ids = sorted(set(images))
    if not ids:
        return False
    rows: dict[int, list[tuple]] = defaultdict(list)  # type: ignore[type-arg]
    if unions:
        unions.check()
    unions, waiting = unions or Unions(), False
    sum_up(ids)
    with connection.cursor() as cursor:
        cursor.execute(SCANS, [ids])
        for row in cursor.fetchall():
            rows[row[0]].append(row[1:])
        for image in ids:
            cursor.execute(APPLY, {**_summary(image, rows[image], unions), "rematch": rematch})
            waiting |= cursor.fetchone() == (True,)
        if seen := [image for image in ids if any(row[0] == AGENT for row in rows[image])]:
            cursor.execute(RUNNING, [seen])
    weigh(ids)
    return waiting


def _summary(image: int, scans: list[tuple], unions: Unions) -> dict[str, Any]:  # type: ignore[type-arg]
    """What the rows of one image come to."""
    last: dict[str, datetime] = {}
    failed: set[str] = set()
    unsupported = False
    fresh: list[datetime] = []
    matched_days: int | None = None
    testimonies: list[Testimony] = []
    packages: list[tuple[bool, datetime, int]] = []
    for scanner, stage, outcome, at, finding_set, package_set, inventory, is_current, age, _ in scans:
        if scanner not in (OSV, AGENT):
            # Matching looks at a package list, not at the image; agents do not look into it.
            last[stage] = max(at, last.get(stage, at))
        if age == 1 and outcome == Scan.Outcome.FAILED:
            failed.add(stage)
        if is_current and outcome == Scan.Outcome.ASSESSED:
            days = settings.STALE_DAYS_AT[stage]
            matched_days = days if scanner == OSV else matched_days
            fresh += [at + timedelta(days=days)] if scanner != OSV else []
            testimonies.append(Testimony(scanner, stage, at, finding_set))
        unsupported |= age == 1 and outcome == Scan.Outcome.UNSUPPORTED
        if package_set and scanner != OSV and (is_current or inventory):
            # A later scan that lists less takes nothing back: an image's content does not change.
            packages.append((inventory, at, package_set))
    merged = unions.of(testimonies)
    return {
        "image": image,
        "finding_set": effective_set(image, merged) if scans and scans[0][-1] else merged,
        "package_set": max(packages)[2] if packages else None,
        "failed": sorted(failed),
        "ci": last.get("ci"),
        "registry": last.get("registry"),
        "runtime": last.get("runtime"),
        "unsupported": unsupported,
        "fresh_until": max(fresh, default=None),
        "matched_days": matched_days,
    }


def settle(most: int = 50) -> None:
    """Where alias groups changed, count their sets again, then merge their images' findings again; find images' bases.

    Called after each report and now and then; costs one look where there is nothing to do.
    """
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT EXISTS (SELECT FROM findings_regroup), EXISTS (SELECT FROM findings_remerge),"
            " EXISTS (SELECT FROM images_lineagework), EXISTS (SELECT FROM images_splitwork),"
            f" EXISTS (SELECT FROM findings_reweigh), EXISTS ({DUE}), EXISTS ({reach.DUE})"
        )
        regroup, remerge, lineage, split, reweigh, vex, counts = cursor.fetchone()
    if regroup:
        settle_groups()
    if regroup or vex:
        settle_vex()
    if merges := regroup or remerge or vex:
        settle_merges(most)
    if lineage:
        split |= settle_lineage(20 * most)[1]
    if merges or split:
        settle_splits(20 * most)
    if counts:
        reach.settle_reach(20 * most)
    if regroup or reweigh:
        settle_weights(4 * most)


def settle_groups() -> None:
    """Count the sets and images of changed groups again, unless another worker is at it."""
    with transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [SETTLE_LOCK])
        if cursor.fetchone() == (True,):
            cursor.execute(
                "DELETE FROM findings_regroup WHERE id IN (SELECT id FROM findings_regroup ORDER BY id LIMIT 500)"
                " RETURNING vulnerability"
            )
            if groups := {pk for (pk,) in cursor.fetchall()}:
                recount_groups(groups)


def settle_merges(most: int = 1_000) -> int:
    """Merge the findings of images whose alias groups changed, each in a transaction of its own; returns how many."""
    done = 0
    while done < most:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(
                "DELETE FROM findings_remerge WHERE id IN"
                " (SELECT id FROM findings_remerge ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED) RETURNING image_id"
            )
            if (row := cursor.fetchone()) is None:
                break
            # A report on this image at the same time would otherwise be lost from its counters, or this merge.
            cursor.execute("SELECT FROM images_image WHERE id = %s FOR NO KEY UPDATE", row)
            refresh([row[0]], rematch=False)
        done += 1
    return done


def merge_all_again() -> int:
    """Put every image that several scanners looked at, or that VEX statements name, in line for `settle_merges`.

    Returns how many images wait.
    """
    apply_all_again()
    settle_vex()
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO findings_remerge (image_id) SELECT image_id FROM findings_scan"
            " WHERE is_current AND outcome = 'assessed' GROUP BY image_id HAVING count(DISTINCT finding_set_id) > 1"
            " ON CONFLICT DO NOTHING"
        )
    return Remerge.objects.count()


# Only images without findings: what has some is vulnerable at any hour.
BY_CLOCK = f"""
SELECT image.id, {STATE} AS state
FROM images_image image JOIN findings_findingset s ON s.id = image.finding_set_id
CROSS JOIN LATERAL (SELECT image.failed_stages AS failed, false AS unsupported, (
    SELECT max(CASE WHEN scan.scanner = '{OSV}' THEN ({OLDEST_ADVICE}) ELSE scan.scanned_at END
               + make_interval(days => (%(days)s::jsonb ->> scan.stage)::int))
    FROM findings_scan scan WHERE scan.image_id = image.id AND scan.is_current AND scan.outcome = 'assessed'
) AS fresh_until) fact
WHERE image.state IN ('clean', 'suppressed', 'stale', 'failed', 'end_of_life')
"""
MOVED = f"SELECT image.id FROM images_image image JOIN ({BY_CLOCK}) now USING (id) WHERE now.state <> image.state"
LOCKED = f"{MOVED} ORDER BY image.id LIMIT 5000 FOR NO KEY UPDATE OF image"
MOVE = f"""
UPDATE images_image image SET state = now.state FROM ({BY_CLOCK} AND image.id = ANY(%(images)s)) now
WHERE now.id = image.id AND now.state <> image.state
"""


def follow_clock() -> int:
    """Give images the state that time alone has brought (stale, end of life, and back); returns how many changed.

    Also after the limits or `end_of_life` of many images changed. Some thousands at a time, each locked and then
    looked at again, so that no report that comes in between is overruled.
    """
    days, changed = json.dumps(settings.STALE_DAYS_AT), 0
    while True:
        with transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(LOCKED, {"days": days})
            ids = [pk for (pk,) in cursor.fetchall()]
            cursor.execute(MOVE, {"days": days, "images": ids})
            changed += int(cursor.rowcount)
        if len(ids) < 5_000:
            return changed
