"""Verdicts are kept up: of images of which something changed at once, of all after a policy changed or a day began.

What changes an image's facts puts it in line (`VerdictWork`), in the transaction of the change. One worker at a time
takes images from the line and then goes on with the newest round, by slices, each in a transaction of its own: whatever
dies in between, the slice is judged again. So the state is always what judging everything anew would give.
"""

from __future__ import annotations

import hashlib
import time
from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from django.db import connection, transaction
from django.utils import timezone

from governance.images.locks import lock_images
from governance.images.models import VerdictWork
from governance.policy.document import STAGES
from governance.policy.exempting import exempted_lines
from governance.policy.gather import Gatherer, key_of
from governance.policy.kernel import Everywhere, Judge, Rulings
from governance.policy.models import Round
from governance.policy.models_exemption import Exemption
from governance.policy.rules import MOST_SAID
from governance.policy.verdicts import as_rows, in_force, worst_of

SLICE = 1_000
# Number of the advisory lock of whoever judges: an older look at an image must not be written over a newer one.
LOCK = 0x70775F6A7564676D
EVERYTHING = 0

TAKE = """
DELETE FROM images_verdictwork WHERE id IN
    (SELECT id FROM images_verdictwork ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)
RETURNING image
"""
NEXT = "SELECT id FROM images_image WHERE merged_into_id IS NULL AND id > %s ORDER BY id LIMIT %s"
KNOWN = "SELECT hash, id FROM policy_ground WHERE hash = ANY(%b)"
GROUNDS = """
INSERT INTO policy_ground (hash, row) SELECT * FROM unnest(%(hashes)b::bytea[], %(rows)b::text[]::jsonb[])
RETURNING hash, id
"""
STORE = """
WITH given AS (
    SELECT * FROM unnest(%(images)b::bigint[], %(ci)b::text[], %(registry)b::text[], %(runtime)b::text[],
        %(reasons)b::text[], %(policies)b::text[], %(exempted)b::int[], %(facts)b::bytea[])
        AS given(image, ci, registry, runtime, reasons, policies, exempted, facts)
)
INSERT INTO policy_verdict (image_id, ci, registry, runtime, reasons, policies, exempted, facts, round, evaluated_at)
SELECT image.id, given.ci, given.registry, given.runtime, given.reasons::bigint[], given.policies::jsonb,
       given.exempted, given.facts, %(round)s, now()
FROM given JOIN images_image image ON image.id = given.image
ORDER BY image.id
ON CONFLICT (image_id) DO UPDATE SET ci = excluded.ci, registry = excluded.registry, runtime = excluded.runtime,
    reasons = excluded.reasons, policies = excluded.policies, exempted = excluded.exempted, facts = excluded.facts,
    round = excluded.round, evaluated_at = excluded.evaluated_at
"""
UNUSED = """
DELETE FROM policy_ground ground
WHERE NOT EXISTS (SELECT FROM (SELECT unnest(reasons) AS id FROM policy_verdict) said WHERE said.id = ground.id)
"""
# The first verdict of all is no news for the timeline.
SHOW = """
WITH given AS (
    SELECT * FROM unnest(%(images)s::bigint[], %(worst)s::text[], %(texts)s::text[]) AS given(id, worst, text)
), before AS (
    SELECT image.id, image.verdict, given.worst, given.text FROM images_image image JOIN given ON given.id = image.id
    WHERE image.verdict <> given.worst
), told AS (
    INSERT INTO images_event (image_id, kind, text)
    SELECT id, 'judged', left('Verdict: ' || verdict || ' → ' || worst || text, 500) FROM before WHERE verdict <> ''
)
UPDATE images_image image SET verdict = before.worst FROM before WHERE image.id = before.id
"""
# What an image stands on or is called may exempt what is built on it, at any depth: down as long as anything changes.
CHILDREN = """
INSERT INTO images_verdictwork (image)
SELECT child.id FROM unnest(%(images)s::bigint[], %(facts)s::bytea[]) AS given(image, facts)
JOIN policy_verdict verdict ON verdict.image_id = given.image AND verdict.facts <> given.facts
JOIN images_image child ON child.base_id = given.image AND child.merged_into_id IS NULL
"""
EXEMPTED = """
UPDATE images_image image SET exempted = given.number
FROM unnest(%(images)s::bigint[], %(numbers)s::int[]) AS given(id, number)
WHERE image.id = given.id AND image.exempted <> given.number
"""
# Of a record that was merged into another no verdict is left, and its decisions are the other's.
MERGED = """
WITH gone AS (SELECT id, merged_into_id FROM images_image WHERE id = ANY(%(images)s) AND merged_into_id IS NOT NULL),
moved AS (UPDATE policy_gatedecision decision SET image_id = gone.merged_into_id FROM gone
          WHERE decision.image_id = gone.id),
deleted AS (DELETE FROM policy_verdict WHERE image_id IN (SELECT id FROM gone))
SELECT id, verdict FROM images_image WHERE id = ANY(%(images)s) AND merged_into_id IS NULL
"""


def ask(images: Sequence[int]) -> None:
    """Put images in line; to be called in the transaction that changed what is known of them."""
    VerdictWork.objects.bulk_create(VerdictWork(image=image) for image in images)


def begin_round(why: str) -> Round:
    """Have everything judged anew, in the background; to be called in the transaction of a policy's change."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM images_image WHERE merged_into_id IS NULL")
        (total,) = cursor.fetchone()
    return Round.objects.create(why=why[:200], day=timezone.now().date(), total=total)


def settle_verdicts(seconds: float = 20.0) -> int:
    """Judge what waits for up to so many seconds; returns how many images were. Nothing if another worker is at it."""
    until, judged = time.monotonic() + seconds, 0
    turn = _Turn()
    while time.monotonic() < until:
        with transaction.atomic():
            done = turn.slice() if _alone() else None
        if not done:
            break
        judged += done
    return judged


def _alone() -> bool:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", [LOCK])
        return bool(cursor.fetchone()[0])


class _Turn:
    """What slices of one turn share, as long as neither policies nor day change."""

    def __init__(self) -> None:
        self.round: Round | None = None
        self.day = timezone.now().date()
        self.gatherer: Gatherer | None = None
        self.judge: Judge | None = None
        self.grounds = Grounds()

    def slice(self) -> int:
        """Judge the next images, those in line first; returns how many lines were done (0: nothing waits)."""
        self._begin()
        with connection.cursor() as cursor:
            cursor.execute(TAKE, [SLICE])
            taken = [image for (image,) in cursor.fetchall()]
        if EVERYTHING in taken:
            begin_round("the approved list changed")
            self._begin()
        if not taken:
            return self._go_on()
        # Whatever changed stands in the line: what was looked up before it may be out of date.
        self.gatherer = None
        self._write(sorted(set(taken) - {EVERYTHING}))
        self.gatherer = None
        return len(taken)

    def _begin(self) -> None:
        """The newest round: today's, if need be a new one. Its policies are read after it, never before."""
        self.day = timezone.now().date()
        newest = Round.objects.order_by("-pk").first()
        if newest is None or newest.day != self.day:
            newest = begin_round("a day began")
        if self.round is None or newest.pk != self.round.pk:
            self.gatherer = None
        self.round = newest

    def _go_on(self) -> int:
        """The next slice of the round."""
        row = self.round
        if row is None or row.finished_at is not None:
            return 0
        with connection.cursor() as cursor:
            cursor.execute(NEXT, [row.reached, SLICE])
            images = [pk for (pk,) in cursor.fetchall()]
        if images:
            self._write(images)
            row.reached, row.done = images[-1], row.done + len(images)
        if len(images) < SLICE:
            row.finished_at = timezone.now()
        row.save()
        return len(images)

    def _write(self, images: Sequence[int]) -> None:
        with connection.cursor() as cursor:
            cursor.execute(MERGED, {"images": list(images)})
            present = dict(cursor.fetchall())
        if self.gatherer is None or self.judge is None:
            policies = in_force()
            self.gatherer, self.judge = Gatherer(policies, self.day), Judge(policies, self.day)
        judge = self.judge
        facts = self.gatherer.of(present)
        judged = [(one.image, judge.everywhere(one), key_of(one)) for one in facts]
        if Exemption.objects.in_force(self.day).filter(scope=Exemption.Scope.BASE).exists():
            with connection.cursor() as cursor:
                keys: dict[str, Any] = {
                    "images": [image for image, _, _ in judged],
                    "facts": [key for _, _, key in judged],
                }
                cursor.execute(CHILDREN, keys)
        write(judged, self.round.pk if self.round else 0, self.grounds)
        show({image: rulings for image, rulings, _ in judged if present[image] != worst_of(rulings)})
        numbers = [exempted_lines(one) for one in facts]
        with connection.cursor() as cursor:
            cursor.execute(EXEMPTED, {"images": [one.image for one in facts], "numbers": numbers})


def write(judged: Sequence[tuple[int, Rulings, bytes]], number: int, grounds: Grounds) -> None:
    """Keep verdicts, in the order of ids."""
    if not judged:
        return
    images = [image for image, _, _ in judged]
    values: dict[str, Any] = {
        "images": images,
        **{stage: [str(rulings[stage].outcome) for _, rulings, _ in judged] for stage in STAGES},
        "reasons": grounds.keep([rulings for _, rulings, _ in judged]),
        "policies": [grounds.deciding(rulings) for _, rulings, _ in judged],
        "exempted": [max(ruling.exempted for ruling in rulings.values()) for _, rulings, _ in judged],
        "facts": [key for _, _, key in judged],
        "round": number,
    }
    lock_images(images)
    with connection.cursor() as cursor:
        cursor.execute(STORE, values)


def show(changed: Mapping[int, Rulings]) -> None:
    """What lists show of these images, which are locked, and the timeline says of them."""
    values: dict[str, Any] = {
        "images": list(changed),
        "worst": [str(worst_of(rulings)) for rulings in changed.values()],
        "texts": [_first_reason(rulings) for rulings in changed.values()],
    }
    with connection.cursor() as cursor:
        cursor.execute(SHOW, values)


class Grounds:
    """Stores reasons, each once. What a rule gave several images is written down as text once a turn."""

    def __init__(self) -> None:
        self.rows: dict[int, tuple[Everywhere, list[tuple[bytes, str]]]] = {}
        self.policies: dict[tuple[str, ...], str] = {}

    def written(self, given: Everywhere) -> list[tuple[bytes, str]]:
        """[(hash, JSON)] of the reasons; with them the object is kept, so that its number stays its own."""
        known = self.rows.get(id(given))
        if known is None:
            texts = [msgspec.json.encode(row) for row in as_rows(given)]
            rows = [(hashlib.blake2b(text, digest_size=16).digest(), text.decode()) for text in texts]
            known = self.rows[id(given)] = given, rows
        return known[1]

    def keep(self, judged: Sequence[Rulings]) -> list[str]:
        """Store what is said of images; returns the ids of each one's reasons as the text of an array."""
        if len(self.rows) > MOST_SAID:
            self.rows.clear()
        said = [[row for given in rulings.given for row in self.written(given)] for rulings in judged]
        rows = {digest: text for one in said for digest, text in one}
        ids: dict[bytes, int] = {}
        with connection.cursor() as cursor:
            cursor.execute(KNOWN, [list(rows)])
            ids = {bytes(digest): pk for digest, pk in cursor.fetchall()}
            if new := sorted(rows.keys() - ids.keys()):
                cursor.execute(GROUNDS, {"hashes": new, "rows": [rows[digest] for digest in new]})
                ids |= {bytes(digest): pk for digest, pk in cursor.fetchall()}
        return [f"{{{','.join(str(ids[digest]) for digest, _ in one)}}}" for one in said]

    def deciding(self, rulings: Rulings) -> str:
        """JSON of the policy that decided at each place."""
        names = tuple(rulings[stage].policy for stage in STAGES)
        if names not in self.policies:
            self.policies[names] = msgspec.json.encode(dict(zip(STAGES, names, strict=True))).decode()
        return self.policies[names]


@transaction.atomic
def prune_grounds() -> int:
    """Delete what is said of no image any more; returns how much. Not while somebody judges: they may just need it."""
    if not _alone():
        return 0
    with connection.cursor() as cursor:
        cursor.execute(UNUSED)
        return int(cursor.rowcount)


def _first_reason(rulings: Rulings) -> str:
    worst = worst_of(rulings)
    for stage in STAGES:
        ruling = rulings[stage]
        if ruling.outcome == worst and ruling.reasons:
            return f" ({stage}; {ruling.policy}, {ruling.reasons[0].rule}): {ruling.reasons[0].text}"
    return ""
