"""The verdict that gates, reports and pages show: the stored one where it holds, else judged on the spot."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db import connection
from django.db.models import JSONField, QuerySet
from django.db.models.expressions import RawSQL
from django.utils import timezone

from governance.images.models import Image
from governance.policy.document import STAGES
from governance.policy.gather import Gatherer
from governance.policy.kernel import STRICTNESS, Everywhere, Judge, Outcome, Reason, Ruling, Rulings, Version
from governance.policy.models import Policy

UNKNOWN_IMAGE = "Portwarden knows no image by this name: send a scan report of it first, or name it by its digest."


@dataclass(frozen=True, slots=True)
class Judged:
    """A verdict as people and machines get it; each reason is a dict (`Reason` and its outcome at the place)."""

    image: int | None
    stage: str
    verdict: str
    reasons: list[dict[str, Any]]
    policy: str
    evaluated_at: datetime
    exempted: int = 0


# A stored verdict holds for the newest round, if that is today's, and as long as nothing waits to be judged.
STORED = """
SELECT verdict.ci, verdict.registry, verdict.runtime, (
        SELECT coalesce(json_agg(ground.row ORDER BY said.place), '[]')
        FROM unnest(verdict.reasons) WITH ORDINALITY AS said(id, place) JOIN policy_ground ground ON ground.id = said.id
    ), verdict.policies::json, verdict.exempted, verdict.evaluated_at
FROM policy_verdict verdict JOIN (SELECT id, day FROM policy_round ORDER BY id DESC LIMIT 1) newest
    ON newest.id = verdict.round AND newest.day = %(day)s
WHERE verdict.image_id = %(image)s
  AND NOT EXISTS (SELECT FROM images_verdictwork WHERE image IN (%(image)s, 0))
"""


def in_force() -> list[Version]:
    """The policies that count."""
    return [policy.as_version() for policy in Policy.objects.filter(is_active=True)]


def verdict_of(image: int | None, stage: str, now: datetime | None = None) -> Judged:
    """The verdict on an image (by id; None is one that nobody knows) at a place, now or on another day."""
    moment = now or timezone.now()
    if image is None:
        return unknown(stage, UNKNOWN_IMAGE, moment)
    return _stored(image, stage, moment) or judge_now([image], moment)[image][stage]


def unknown(stage: str, text: str, now: datetime) -> Judged:
    """Nothing is known, and what to do."""
    reason = {"policy": "", "version": 0, "rule": "known image", "kind": "none", "outcome": "unknown", "text": text}
    return Judged(None, stage, "unknown", [{**reason, "count": 0, "exempted": 0, "findings": []}], "", now)


def _stored(image: int, stage: str, now: datetime) -> Judged | None:
    with connection.cursor() as cursor:
        cursor.execute(STORED, {"image": image, "day": now.date()})
        row = cursor.fetchone()
    if row is None:
        return None
    *outcomes, reasons, policies, exempted, at = row
    outcome = dict(zip(STAGES, outcomes, strict=True))[stage]
    return Judged(image, stage, outcome, reasons_at(reasons, stage), policies.get(stage, ""), at, exempted)


def reasons_at(rows: Iterable[Mapping[str, Any]], stage: str) -> list[dict[str, Any]]:
    """Stored reasons as they are at one place, the worst first."""
    found = [
        {**{name: value for name, value in row.items() if name != "at"}, "outcome": row["at"][stage]}
        for row in rows
        if stage in row["at"]
    ]
    return sorted(found, key=lambda row: -STRICTNESS[row["outcome"]])


def judge_now(images: Collection[int], now: datetime | None = None) -> dict[int, dict[str, Judged]]:
    """Judge images on the spot at all places; of ids that are no image, that they are unknown."""
    moment = now or timezone.now()
    return {
        image: {stage: _judged(image, stage, ruling, moment) for stage, ruling in rulings.items()}
        if rulings
        else {stage: unknown(stage, UNKNOWN_IMAGE, moment) for stage in STAGES}
        for image, rulings in judge_images(images, in_force(), moment.date()).items()
    }


def judge_images(images: Collection[int], policies: list[Version], day: date) -> dict[int, Rulings]:
    """What the policies say of images on a day; nothing of ids that are no image."""
    judge = Judge(policies, day)
    found = {facts.image: judge.everywhere(facts) for facts in Gatherer(policies, day).of(images)}
    return {image: found.get(image, Rulings()) for image in images}


def _judged(image: int, stage: str, ruling: Ruling, now: datetime) -> Judged:
    reasons = [_plain(reason) for reason in ruling.reasons]
    return Judged(image, stage, str(ruling.outcome), reasons, ruling.policy, now, ruling.exempted)


def _plain(reason: Reason) -> dict[str, Any]:
    return {
        **{name: getattr(reason, name) for name in PLAIN},
        "findings": list(reason.findings),
    }


PLAIN = tuple(name for name in Reason.__slots__ if name != "findings")


def as_rows(given: Everywhere) -> list[dict[str, Any]]:
    """What a rule gives as reasons: each sentence once, with its outcome by place."""
    rows: dict[str, dict[str, Any]] = {}
    for stage, reason in zip(STAGES, given, strict=True):
        if reason is not None:
            plain = _plain(reason)
            outcome = plain.pop("outcome")
            rows.setdefault(reason.text, {**plain, "at": {}})["at"][stage] = outcome
    return list(rows.values())


def worst_of(rulings: Mapping[str, Ruling]) -> Outcome:
    """The worst of the places where anything is enforced; unknown where nothing is."""
    told = [ruling.outcome for ruling in rulings.values() if ruling.policy]
    return max(told, key=lambda one: STRICTNESS[one], default=Outcome.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Shown:
    """A place's verdict as the image's page shows it, with the reasons that decided (`first` of them in one line)."""

    stage: str
    verdict: str
    policy: str
    reasons: list[dict[str, Any]]

    @property
    def first(self) -> str:
        """Why, in one line; empty where every rule holds."""
        return str(self.reasons[0]["text"]) if self.reasons and self.reasons[0]["outcome"] == self.verdict else ""


REASONS = """
(SELECT jsonb_agg(ground.row ORDER BY said.place)
 FROM policy_verdict verdict CROSS JOIN unnest(verdict.reasons) WITH ORDINALITY AS said(id, place)
 JOIN policy_ground ground ON ground.id = said.id WHERE verdict.image_id = images_image.id)
"""


def with_verdicts(images: QuerySet[Image]) -> QuerySet[Image]:
    """With what `shown_of` shows, in the same statement."""
    reasons: Any = RawSQL(REASONS, (), output_field=JSONField())  # noqa: S611 (a constant)
    return images.select_related("judged").annotate(reasons=reasons)


def shown_of(image: Image) -> list[Shown]:
    """The kept verdicts on an image that came with its row (`with_verdicts`); empty where it was not judged yet.

    Pages show what was judged last and judge nothing themselves; gates answer as of now.
    """
    kept = getattr(image, "judged", None)
    if kept is None:
        return []
    reasons = getattr(image, "reasons", None) or []
    return [
        Shown(stage, getattr(kept, stage), kept.policies.get(stage, ""), reasons_at(reasons, stage)) for stage in STAGES
    ]
