"""Verdicts are kept up: of images of which something changed at once, of all after a policy changed or a day began.

What changes an image's facts puts it in line (`VerdictWork`), in the transaction of the change. One worker at a time
takes images from the line and then goes on with the newest round, by slices, each in a transaction of its own: whatever
dies in between, the slice is judged again. So the state is always what judging everything anew would give.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from django.db import connection, transaction
from django.utils import timezone
from psycopg.types.json import Jsonb

from governance.images.locks import lock_images
from governance.images.models import VerdictWork
from governance.policy.document import STAGES
from governance.policy.exempting import exempted_lines
from governance.policy.gather import Gatherer, key_of
from governance.policy.kernel import Judge, Ruling
from governance.policy.models import Round
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
STORE = """
WITH given AS (
    SELECT * FROM unnest(%(images)s::bigint[], %(ci)s::text[], %(registry)s::text[], %(runtime)s::text[],
        %(reasons)s::jsonb[], %(policies)s::jsonb[], %(exempted)s::int[], %(facts)s::bytea[])
        AS given(image, ci, registry, runtime, reasons, policies, exempted, facts)
)
INSERT INTO policy_verdict
    (image_id, ci, registry, runtime, reasons, policies, exempted, facts, round, evaluated_at)
SELECT given.*, %(round)s, now() FROM given JOIN images_image image ON image.id = given.image ORDER BY image.id
ON CONFLICT (image_id) DO UPDATE SET ci = excluded.ci, registry = excluded.registry, runtime = excluded.runtime,
    reasons = excluded.reasons, policies = excluded.policies, exempted = excluded.exempted, facts = excluded.facts,
    round = excluded.round, evaluated_at = excluded.evaluated_at
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
SELECT id FROM images_image WHERE id = ANY(%(images)s) AND merged_into_id IS NULL
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
            present = [pk for (pk,) in cursor.fetchall()]
        if self.gatherer is None or self.judge is None:
            policies = in_force()
            self.gatherer, self.judge = Gatherer(policies, self.day), Judge(policies, self.day)
        judge = self.judge
        facts = self.gatherer.of(present)
        write([(one.image, judge.everywhere(one), key_of(one)) for one in facts], self.round.pk if self.round else 0)
        numbers = [exempted_lines(one) for one in facts]
        with connection.cursor() as cursor:
            cursor.execute(EXEMPTED, {"images": [one.image for one in facts], "numbers": numbers})


def write(judged: Sequence[tuple[int, dict[str, Ruling], bytes]], number: int) -> None:
    """Keep verdicts and what lists show of them, in the order of ids."""
    if not judged:
        return
    images = [image for image, _, _ in judged]
    values: dict[str, Any] = {
        "images": images,
        **{stage: [str(rulings[stage].outcome) for _, rulings, _ in judged] for stage in STAGES},
        "reasons": [Jsonb(as_rows(rulings)) for _, rulings, _ in judged],
        "policies": [Jsonb({stage: rulings[stage].policy for stage in STAGES}) for _, rulings, _ in judged],
        "exempted": [max(ruling.exempted for ruling in rulings.values()) for _, rulings, _ in judged],
        "facts": [key for _, _, key in judged],
        "round": number,
    }
    worst = [str(worst_of(rulings)) for _, rulings, _ in judged]
    texts = [_first_reason(rulings) for _, rulings, _ in judged]
    lock_images(images)
    with connection.cursor() as cursor:
        cursor.execute(STORE, values)
        cursor.execute(SHOW, {"images": images, "worst": worst, "texts": texts})


def _first_reason(rulings: dict[str, Ruling]) -> str:
    worst = worst_of(rulings)
    for stage in STAGES:
        ruling = rulings[stage]
        if ruling.outcome == worst and ruling.reasons:
            return f" ({stage}; {ruling.policy}, {ruling.reasons[0].rule}): {ruling.reasons[0].text}"
    return ""
