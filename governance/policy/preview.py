"""What a change of policies would do, before it is saved: which images and running workloads change their verdict.

The kernel runs over the fleet's facts as they are, once with the policies in force and once with the wanted ones: what
runs first, then the newest images, as far as the time allows, and the numbers say how far that was.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from django.db.models import F, Sum
from django.utils import timezone

from governance.accounts.scope import Viewer
from governance.images.models import Image
from governance.policy.document import STAGES, PolicyDocument
from governance.policy.gather import Gatherer
from governance.policy.kernel import STRICTNESS, Judge, Version
from governance.policy.known import Facts
from governance.policy.verdicts import in_force

SLICE, SHOWN = 500, 20


class Moved(NamedTuple):
    """One image whose verdict changes at a place, and the first reason of the new one."""

    image: int
    reference: str
    stage: str
    before: str
    after: str
    running: bool
    reason: str

    @property
    def is_worse(self) -> bool:
        """It gets stricter."""
        return STRICTNESS[self.after] > STRICTNESS[self.before]


@dataclass
class Preview:
    """What changes: by (place, before, after) the images and how many of them run; the strictest changes first."""

    looked_at: int = 0
    total: int = 0
    workloads: int = 0
    changes: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    running: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    moved: list[Moved] = field(default_factory=list)
    images: set[int] = field(default_factory=set)

    @property
    def is_exact(self) -> bool:
        """All images were looked at."""
        return self.looked_at >= self.total

    @property
    def rows(self) -> list[tuple[str, str, str, int, int]]:
        """(place, before, after, images, running ones), by place, the strictest first."""
        places: dict[str, int] = {stage: number for number, stage in enumerate(STAGES)}
        keys = sorted(self.changes, key=lambda key: (places[key[0]], -STRICTNESS[key[2]], STRICTNESS[key[1]]))
        return [(*key, self.changes[key], self.running[key]) for key in keys]


def preview(
    viewer: Viewer, wanted: PolicyDocument | None, replaces: str = "", seconds: float = 3.0, most: int = 20_000
) -> Preview:
    """What saving `wanted` in place of the policy named `replaces` would do; None deletes that.

    Only images that the viewer may see are looked at.
    """
    now = in_force()
    gone = {replaces or (wanted.name if wanted else "")}
    then = [one for one in now if one.name not in gone] + ([Version(wanted)] if wanted and wanted.active else [])
    day = timezone.now().date()
    before, after = Judge(now, day), Judge(then, day)
    gatherer = Gatherer([*now, *then], day)
    images = Image.objects.present().visible_to(viewer)
    found, until = Preview(total=images.count()), time.monotonic() + seconds
    for ids in _slices(images.order_by(F("running").desc(nulls_last=True), "-pk").values_list("pk", flat=True)[:most]):
        for facts in gatherer.of(ids):
            _compare(found, facts, before, after)
        found.looked_at += len(ids)
        if time.monotonic() > until:
            break
    running = Image.objects.filter(pk__in=found.images, running__gt=0)
    found.workloads = running.aggregate(sum=Sum("running"))["sum"] or 0
    found.moved.sort(key=lambda one: (not one.is_worse, not one.running, -STRICTNESS[one.after], one.reference))
    return found


def _compare(found: Preview, facts: Facts, before: Judge, after: Judge) -> None:
    was, will = before.everywhere(facts), after.everywhere(facts)
    for stage in STAGES:
        if was[stage].outcome == will[stage].outcome:
            continue
        key = (stage, str(was[stage].outcome), str(will[stage].outcome))
        found.changes[key] += 1
        found.running[key] += bool(facts.running)
        found.images.add(facts.image)
        if len(found.moved) < 50 * SHOWN:
            reasons = will[stage].reasons
            found.moved.append(
                Moved(facts.image, facts.reference, *key, bool(facts.running), reasons[0].text if reasons else "")
            )


def _slices(ids: Iterable[int]) -> Iterator[list[int]]:
    every = list(ids)
    for start in range(0, len(every), SLICE):
        yield every[start : start + SLICE]
