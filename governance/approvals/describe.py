"""What pages show of entries: how each stands today, its life as steps, its versions and its users."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.db.models import Q

from governance.accounts.scope import Viewer
from governance.approvals.activity import activity_of
from governance.approvals.copied import known_copies
from governance.approvals.facts import Ground, Known, ground_of
from governance.approvals.keeping import upstream_of
from governance.approvals.models import SEVERITIES, ApprovalStep, ApprovedBase, KeptCopy
from governance.approvals.review import review_with
from governance.approvals.sources import Origin, origin_of
from governance.approvals.standing import current_of
from governance.approvals.users import Users, images_on, teams_using, users_and_all
from governance.findings.licence_sets import UNTOLD
from governance.images.models import Image

# The look of a state, by the classes that states have.
LOOKS = {"approved": "pass", "deprecated": "warn", "sunset": "failed", "banned": "failed"}
LIFE = ("requested", "in_review", "approved", "deprecated", "sunset")
SHOWN = 50
Words = ApprovedBase.State


@dataclass(frozen=True, slots=True)
class Described:
    """An entry as it stands on a day."""

    row: ApprovedBase
    stage: str
    label: str
    look: str
    origin: Origin
    users: Users
    is_due: bool


def described(row: ApprovedBase, users: Users, on: date) -> Described:
    """For lists and for its page."""
    stage = row.stage_on(on)
    due = row.review_on is not None and row.review_on <= on and row.state == Words.APPROVED
    return Described(row, stage, str(Words(stage).label), LOOKS.get(stage, "open"), origin_of(row.name), users, due)


@dataclass(frozen=True, slots=True)
class Station:
    """One station of a life: `mark` is done, here or ahead; `on` when it came or will come."""

    label: str
    mark: str
    on: date | None = None


def stepper_of(entry: ApprovedBase, life: Iterable[ApprovalStep], on: date) -> list[Station]:
    """The way of an entry, with the day of each station as far as known. Banned, declined, retired end it early."""
    stage = entry.stage_on(on)
    came: dict[str, date] = {}
    for step in life:
        came.setdefault(step.to, step.at.date())
    came |= {name: day for name in ("deprecated", "sunset") if (day := getattr(entry, f"{name}_on"))}
    if stage in LIFE:
        here = LIFE.index(stage)
        marks = [
            (name, "done" if place < here else "here" if place == here else "ahead") for place, name in enumerate(LIFE)
        ]
    else:
        marks = [*((name, "done") for name in LIFE if name in came and came[name] <= on), (stage, "here")]
    return [Station(str(Words(name).label), mark, came.get(name)) for name, mark in marks]


def versions_of(entry: ApprovedBase, ground: Ground) -> list[Known]:
    """The newest digests that the entry means: what its tags point to, then what they left."""
    pattern = entry.as_approval().pattern
    own = [one for one in ground.history if one.name == entry.name]
    by_content: dict[tuple[str, int], Known] = {}
    for one in own:
        if pattern.fits(one.tag) or one.digest == pattern.text:
            by_content.setdefault((one.tag, one.image), one)
    return list(by_content.values())[:SHOWN]


def terms_of(entry: ApprovedBase) -> list[str]:
    """In words."""
    found = [f"at most {entry.max_age} days old"] if entry.max_age is not None else []
    limits = [(word, getattr(entry, f"max_{word}")) for word in SEVERITIES]
    found += [f"at most {most} {word} findings" for word, most in limits if most is not None]
    if entry.grace is not None:
        found.append(f"rebuilt within {entry.grace} days of a fix")
    flags = {"must_be_signed": "signed", "must_not_be_root": "not root", "must_be_kept": "from the kept copy"}
    return found + [words for name, words in flags.items() if getattr(entry, name)]


def life_of(entry: ApprovedBase) -> list[ApprovalStep]:
    """The steps and comments that came with the entry (`ApprovedBaseQuerySet.with_life`)."""
    told: list[dict[str, Any]] = getattr(entry, "told", [])
    return [ApprovalStep(**{**step, "at": datetime.fromisoformat(step["at"])}) for step in told]


def facts_of(entry: ApprovedBase, viewer: Viewer, decides: bool, on: date) -> dict[str, Any]:
    """What the page of an entry shows. Who decides sees how many images use it, also of those they do not see.

    Everything is asked once: the list with its history and copies, who uses it, upstream, images, teams, licences.
    """
    rows = KeptCopy.objects.filter(Q(state=KeptCopy.State.KEPT) | Q(name=entry.name))
    copies = list(rows.select_related("registry").order_by("pk"))
    ground = ground_of([entry], known_copies(copies))
    versions = versions_of(entry, ground)
    ground.later.update(one.image for one in versions)
    everybody, users = users_and_all([entry], viewer, on, ground, whole=decides)[entry.pk]
    current = current_of(entry, ground)
    upstream = upstream_of(entry, copies)
    newest, images = _images(users, current.newest, viewer)
    teams, running = teams_using(users, viewer) if users.bases else ([], 0)
    activity = activity_of(entry, [one.watch for one in upstream if one.watch], ground.history)
    return {
        "one": described(entry, users, on),
        "everybody": everybody,
        "images": images,
        "tags": {one.image: one.tag for one in reversed(ground.history) if one.name == entry.name},
        "teams": teams,
        "running": running,
        "review": review_with(newest, current, activity, viewer),
        "untold": UNTOLD,
        "versions": [(one, said) for one, said in zip(versions, ground.judge(versions, on), strict=True)],
        "upstream": upstream,
        "terms": terms_of(entry),
    }


def _images(users: Users, newest: int | None, viewer: Viewer) -> tuple[Image | None, list[Image]]:
    """(the newest image of an entry, the worst that are built on it), in one statement."""
    built = images_on(users, viewer) if users.bases else Image.objects.none()
    worst = built.order_by("-rank", "-id").values("pk")[:SHOWN]
    rows = Image.objects.filter(Q(pk__in=worst) | Q(pk=newest)).annotate(is_on=Q(pk__in=worst))
    found = list(rows.select_related("repository__registry").order_by("-rank", "-id"))
    shown = [row for row in found if getattr(row, "is_on", False)]
    return next((row for row in found if row.pk == newest), None), shown
