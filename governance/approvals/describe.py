"""What pages show of entries: how each stands today, its life as steps, its versions and its users."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

from governance.accounts.scope import Viewer
from governance.approvals.copies import current_place
from governance.approvals.facts import Line, history_of, judge_all
from governance.approvals.judgement import Judgement
from governance.approvals.keeping import upstream_of
from governance.approvals.models import SEVERITIES, ApprovedBase
from governance.approvals.review import review_of
from governance.approvals.sources import Origin, origin_of
from governance.approvals.users import Users, images_on, teams_using, users_of
from governance.findings.licence_sets import UNTOLD
from governance.images.reference import Reference

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


def stepper_of(entry: ApprovedBase, on: date) -> list[Station]:
    """The way of an entry, with the day of each station as far as known. Banned, declined, retired end it early."""
    stage = entry.stage_on(on)
    came: dict[str, date] = {}
    for to, at in entry.steps.values_list("to", "at"):
        came.setdefault(to, at.date())
    came |= {name: day for name in ("deprecated", "sunset") if (day := getattr(entry, f"{name}_on"))}
    if stage in LIFE:
        here = LIFE.index(stage)
        marks = [
            (name, "done" if place < here else "here" if place == here else "ahead") for place, name in enumerate(LIFE)
        ]
    else:
        marks = [*((name, "done") for name in LIFE if name in came and came[name] <= on), (stage, "here")]
    return [Station(str(Words(name).label), mark, came.get(name)) for name, mark in marks]


@dataclass(frozen=True, slots=True)
class Version:
    """One digest that the entry means, with its tag and what the list says of it."""

    tag: str
    digest: str
    image: int
    until: date | None
    said: Judgement


def versions_of(entry: ApprovedBase, on: date) -> list[Version]:
    """The newest digests that the entry means: what its tags point to, then what they left."""
    pattern = entry.as_approval().pattern
    known = [one for one in history_of({entry.name}) if pattern.fits(one.tag) or one.digest == pattern.text]
    by_content: dict[tuple[str, int], Any] = {}
    for one in known:
        by_content.setdefault((one.tag, one.image), one)
    first = list(by_content.values())[:SHOWN]
    host, _, path = entry.name.partition("/")
    said = judge_all([Line(Reference(host, path, digest=one.digest)) for one in first], on)
    return [Version(one.tag, one.digest, one.image, one.until, judged) for one, judged in zip(first, said, strict=True)]


def terms_of(entry: ApprovedBase) -> list[str]:
    """In words."""
    found = [f"at most {entry.max_age} days old"] if entry.max_age is not None else []
    limits = [(word, getattr(entry, f"max_{word}")) for word in SEVERITIES]
    found += [f"at most {most} {word} findings" for word, most in limits if most is not None]
    if entry.grace is not None:
        found.append(f"rebuilt within {entry.grace} days of a fix")
    flags = {"must_be_signed": "signed", "must_not_be_root": "not root", "must_be_kept": "from the kept copy"}
    return found + [words for name, words in flags.items() if getattr(entry, name)]


def facts_of(entry: ApprovedBase, viewer: Viewer, decides: bool, on: date) -> dict[str, Any]:
    """What the page of an entry shows. Who decides sees how many images use it, also of those they do not see."""
    users = users_of([entry], viewer)[entry.pk]
    everybody = users_of([entry], None)[entry.pk] if decides else users
    images = images_on(users, viewer).select_related("repository__registry").order_by("-rank", "-id")
    upstream = upstream_of(entry)
    return {
        "one": described(entry, users, on),
        "everybody": everybody,
        "images": list(images[:SHOWN]) if users.bases else [],
        "teams": teams_using(users, viewer) if users.bases else [],
        "running": images_on(users, viewer).filter(running__gt=0).count() if users.bases else 0,
        "review": review_of(entry, viewer, [one.watch for one in upstream if one.watch]),
        "untold": UNTOLD,
        "versions": versions_of(entry, on),
        "upstream": upstream,
        "copy_place": current_place(),
        "terms": terms_of(entry),
        "life": list(entry.steps.all()[:500]),
    }
