"""The numbers of the start page. Every one is a link to exactly its rows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from django.conf import settings
from django.core.cache import cache
from django.db import connection
from django.db.models import Count, Q, QuerySet
from django.http import HttpRequest

from governance.findings.views import KEPT_SECONDS, scope_key
from governance.images.models import Image
from governance.overview.filters import AGES, STAGES, age_filter, live, place_filter

# Beyond this many images the totals may be a minute old: counting a million rows for every visit helps nobody.
LARGE = 20_000


@dataclass(slots=True)
class Place:
    """One of the three places: how many images were scanned there lately, long ago, in vain, never."""

    stage: str
    name: str
    fresh: int
    stale: int
    failed: int
    never: int

    @property
    def total(self) -> int:
        """All images that are expected: those that a tag still names."""
        return self.fresh + self.stale + self.failed + self.never

    @property
    def days(self) -> int:
        """How long a scan here counts as fresh."""
        return settings.STALE_DAYS_AT[self.stage]

    @property
    def percent(self) -> int:
        """Fresh ones; what is unknown counts against it."""
        return 100 * self.fresh // self.total if self.total else 0

    @property
    def shares(self) -> list[tuple[str, int, str, str]]:
        """[(state, images, x, width)] for a bar of 100."""
        found, x = [], 0.0
        for state in ("fresh", "stale", "failed", "never"):
            amount = getattr(self, state)
            width = 100 * amount / self.total if self.total else 0.0
            found.append((state, amount, f"{x:.2f}", f"{width:.2f}"))
            x += width
        return found


@dataclass(slots=True)
class Age:
    """How many images were built within a stretch of time; `width` is of 100 for the most."""

    word: str
    words: str
    images: int
    width: str


@dataclass(slots=True)
class Figures:
    """What the start page shows of the images in scope that run or that a tag still names; `older` are the others."""

    images: int
    states: dict[str, int]
    severities: dict[str, int]
    places: list[Place]
    end_of_life: int
    unidentified: int
    demo: int
    fixable: int
    exploited: int
    older: int
    running: int
    exploited_running: int
    failing: int
    ages: list[Age]
    worst: list[Image] = field(default_factory=list)

    @property
    def state_rows(self) -> list[tuple[str, str, int]]:
        """[(state, words, images)] of the states that occur."""
        return [(state, label, self.states[state]) for state, label in Image.State.choices if self.states[state]]

    @property
    def calm(self) -> bool:
        """Nothing about the images needs attention."""
        states = ("failed", "stale", "unknown", "unsupported")
        troubles = [self.failing, self.exploited, self.severities["critical"], self.end_of_life, self.unidentified]
        return not any(troubles) and not any(self.states[state] for state in states)


def figures(request: HttpRequest, images: QuerySet[Image]) -> Figures:
    """What the start page shows."""
    worst = images.filter(live(), rank__gt=0).order_by("-rank", "-id").select_related("repository")[:5]
    return Figures(**totals_of(request, images), worst=list(worst))


def totals_of(request: HttpRequest, images: QuerySet[Image]) -> dict[str, Any]:
    """Count the images; a large fleet's totals are kept for a minute."""
    key = f"figures:{scope_key(request)}"
    totals: dict[str, Any] | None = cache.get(key)
    if totals is None:
        totals = count(images)
        if totals["images"] >= LARGE:
            cache.set(key, totals, KEPT_SECONDS)
    return totals


def count(images: QuerySet[Image]) -> dict[str, Any]:
    """Every number in one pass over the rows."""
    parts = {"images": Q(), "running": Q(running__gt=0)}
    parts["exploited_running"] = Q(running__gt=0, exploited__gt=0)
    parts["failing"] = Q(verdict="fail")
    parts |= {f"age_{word}": age_filter(word) for word, *_ in AGES}
    parts |= {f"state_{state}": Q(state=state) for state in Image.State.values}
    for word in ("critical", "high"):
        parts[f"severity_{word}"] = Q(**{f"{word}__gt": 0})
    for stage, _ in STAGES:
        for state in ("fresh", "stale", "failed", "never"):
            # Nobody scans again what no tag names any more.
            parts[f"{stage}_{state}"] = place_filter(stage, state) & Q(superseded=False)
    parts["eol"] = Q(end_of_life=True)
    parts["unidentified"] = Q(placeholder__isnull=False)
    parts["demo"] = Q(is_demo=True)
    parts["exploited"] = Q(exploited__gt=0)
    parts["fixable"] = Q(fixable__gt=0)
    # Not by the names alone: some are those of columns.
    counts = {f"n_{name}": Count("pk", filter=live() & part) for name, part in parts.items()}
    counted = images.order_by().aggregate(**counts, n_all=Count("pk"))
    found = {name.removeprefix("n_"): number for name, number in counted.items()}
    most = max(found[f"age_{word}"] for word, *_ in AGES) or 1
    return {
        **{name: found[name] for name in ("running", "exploited_running", "failing")},
        "older": found["all"] - found["images"],
        "ages": [
            Age(word, words, found[f"age_{word}"], f"{100 * found[f'age_{word}'] / most:.1f}")
            for word, words, _, _ in AGES
        ],
        "images": found["images"],
        "states": {state: found[f"state_{state}"] for state in Image.State.values},
        "severities": {word: found[f"severity_{word}"] for word in ("critical", "high")},
        "places": [
            Place(stage, name, *(found[f"{stage}_{state}"] for state in ("fresh", "stale", "failed", "never")))
            for stage, name in STAGES
        ],
        "end_of_life": found["eol"],
        "unidentified": found["unidentified"],
        "demo": found["demo"],
        "fixable": found["fixable"],
        "exploited": found["exploited"],
    }


def rows_per_team(rows: QuerySet[Any], team: str, ids: list[int]) -> dict[int, int]:
    """{team: how many rows}, by the column that names the team."""
    counted = rows.filter(**{f"{team}__in": ids}).order_by().values(team).annotate(amount=Count("pk"))
    return {row[team]: row["amount"] for row in counted}


PER_TEAM = "SELECT team, count(*) FROM images_image, unnest(owners) team WHERE merged_into_id IS NULL GROUP BY team"


def images_per_team() -> dict[int, int]:
    """{team: how many images}; those of a large fleet are kept for a minute."""
    found: dict[int, int] | None = cache.get("images-per-team")
    if found is None:
        with connection.cursor() as cursor:
            cursor.execute(PER_TEAM)
            found = dict(cursor.fetchall())
        if sum(found.values()) >= LARGE:
            cache.set("images-per-team", found, KEPT_SECONDS)
    return found
