"""What the approved list says of the bases of images: for pages, the API and filters. By sets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime

from django.db.models import Count, Q, TextChoices
from django.utils import timezone

from governance.approvals.copied import known_copies
from governance.approvals.facts import Base, asked_of_bases, history_of, judge_asked, listed
from governance.approvals.judgement import Approval, Judgement, Verdict
from governance.approvals.models import ApprovedBase, KeptCopy
from governance.approvals.users import Users, bases_of
from governance.images.models import Image


class State(TextChoices):
    """How a base stands on the list, in one word."""

    APPROVED = "approved", "Approved"
    OUTDATED = "outdated", "Outdated"
    DEPRECATED = "deprecated", "Deprecated"
    SUNSET = "sunset", "Sunset"
    BANNED = "banned", "Banned"
    UNLISTED = "unlisted", "Not on the list"
    NOTHING = "nothing", "Built on nothing"
    UNKNOWN = "unknown", "Base unknown"


LOOKS = {
    "approved": "pass",
    "nothing": "pass",
    "outdated": "warn",
    "deprecated": "warn",
    "sunset": "failed",
    "banned": "failed",
}
NOTHING = Judgement(Verdict.ALLOW, ("It is built on nothing.",))
UNKNOWN = Judgement(Verdict.UNKNOWN, ("Nobody knows what it is built on.",))


@dataclass(frozen=True, slots=True)
class Standing:
    """A base's state, and the judgement: verdict, reasons, what to use instead, the entry that decided."""

    state: State
    said: Judgement

    @property
    def look(self) -> str:
        """The class of a state's word; what breaks its terms does not look approved."""
        if self.state == State.APPROVED and self.said.verdict != Verdict.ALLOW:
            return "failed" if self.said.verdict == Verdict.DENY else "warn"
        return LOOKS.get(self.state, "unknown")


def base_of(image: Image) -> Base | None:
    """What an image was built on, as the list is asked about it; None where that is nothing, or not known."""
    if image.base_name:
        return Base(0, image.base_name)
    return Base(image.base_id) if image.base_id else None


def standings_of(images: Iterable[Image], on: date | None = None) -> dict[int, Standing]:
    """How the base of each image stands, for all of them at once."""
    rows = list(images)
    bases = {row.pk: base_of(row) for row in rows}
    day, approvals = on or timezone.now().date(), listed()
    wanted = {base for base in bases.values() if base is not None}
    asked = asked_of_bases(wanted, approvals) if wanted else {}
    stood = {base: standing(judge_asked(one, approvals, day), approvals, day) for base, one in asked.items()}
    nothing, unknown = Standing(State.NOTHING, NOTHING), Standing(State.UNKNOWN, UNKNOWN)
    found = {}
    for row in rows:
        base = bases[row.pk]
        found[row.pk] = stood[base] if base is not None else nothing if row.base_rung else unknown
    return found


def standing(said: Judgement, approvals: Iterable[Approval], on: date) -> Standing:
    """A judgement with the state of the entry that decided it."""
    entry = next((one for one in approvals if one.id == said.entry), None)
    if entry is None:
        return Standing(State.UNLISTED, said)
    state = State(entry.stage_on(on).value)
    return Standing(State.OUTDATED if said.outdated and state in (State.APPROVED, State.DEPRECATED) else state, said)


def bases_by_state(on: date | None = None) -> dict[State, list[Base]]:
    """All bases of the fleet of which an entry says something (the 5,000 most built on), by their state."""
    day, approvals = on or timezone.now().date(), listed()
    copies = known_copies()
    counts = bases_of(copies.widened({one.name for one in approvals}), None)
    found: dict[State, list[Base]] = defaultdict(list)
    for base, asked in asked_of_bases(counts, approvals, copies).items():
        found[standing(judge_asked(asked, approvals, day), approvals, day).state].append(base)
    return found


def built_on_any(bases: Collection[Base]) -> Q:
    """Images that are built directly on one of these."""
    by_image = [base.image for base in bases if not base.name]
    by_name = [base.name for base in bases if base.name]
    return Q(base__in=by_image, base_name="") | Q(base_name__in=by_name)


def by_state(value: str) -> Q:
    """Images whose base stands so."""
    known = ~Q(base=None) | ~Q(base_name="")
    if value == State.UNKNOWN:
        return Q(base=None, base_name="", base_rung=0)
    if value == State.NOTHING:
        return Q(base=None, base_name="") & ~Q(base_rung=0)
    found = bases_by_state()
    if value == State.UNLISTED:
        named = [base for state, bases in found.items() if state != State.UNLISTED for base in bases]
        return known & ~built_on_any(named)
    return built_on_any(found[State(value)])


@dataclass(frozen=True, slots=True)
class Column:
    """What the list shows of an entry beside its life: its newest version, how many are kept, how many images run."""

    newest: Image | None = None
    versions: int = 0
    kept: int = 0
    running: int = 0


def columns_of(entries: Sequence[ApprovedBase], users: dict[int, Users]) -> dict[int, Column]:
    """For a page of entries, in four statements."""
    history = history_of({entry.name for entry in entries})
    current: dict[int, dict[int, set[str]]] = defaultdict(lambda: defaultdict(set))
    patterns = {entry.pk: entry.as_approval().pattern for entry in entries}
    for known in history:
        for entry in entries:
            pattern = patterns[entry.pk]
            fits = known.until is None and pattern.fits(known.tag)
            if known.name == entry.name and (fits or known.digest == pattern.text):
                current[entry.pk][known.image].add(known.digest)
    images = Image.objects.in_bulk({image for found in current.values() for image in found})
    kept = {
        str(digest)
        for digests, top in KeptCopy.objects.filter(
            name__in={entry.name for entry in entries}, state=KeptCopy.State.KEPT
        ).values_list("digests", "digest")
        for digest in (*digests, top)
    }
    run = _running(users)
    return {
        entry.pk: Column(
            max((images[pk] for pk in current[entry.pk] if pk in images), key=_age, default=None),
            versions=len(current[entry.pk]),
            kept=sum(1 for digests in current[entry.pk].values() if digests & kept),
            running=run.get(entry.pk, 0),
        )
        for entry in entries
    }


def _age(image: Image) -> tuple[datetime, int]:
    return image.built_at or image.first_seen, image.pk


def _running(users: dict[int, Users]) -> dict[int, int]:
    """How many of the images on each entry run."""
    bases = {base for one in users.values() for base, _ in one.bases}
    if not bases:
        return {}
    rows = Image.objects.present().filter(built_on_any(bases), running__gt=0)
    counts = rows.values_list("base_id", "base_name").annotate(number=Count("pk")).order_by()
    found: dict[Base, int] = defaultdict(int)
    for image, name, number in counts:
        found[Base(0, name) if name else Base(image or 0)] += number
    return {entry: sum(found[base] for base, _ in one.bases) for entry, one in users.items()}
