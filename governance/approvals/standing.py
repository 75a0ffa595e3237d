"""What the approved list says of the bases of images: for pages, the API and filters. By sets."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import date

from django.db.models import Count, Q, TextChoices
from django.utils import timezone

from governance.accounts.scope import Viewer
from governance.approvals.copied import known_copies
from governance.approvals.facts import Base, Ground, asked_of_bases, judge_asked, listed
from governance.approvals.judgement import Approval, Judgement, Verdict
from governance.approvals.models import ApprovedBase
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

    @property
    def why(self) -> str:
        """What to say of it first: of what is approved and does not look so, not that it is approved."""
        reasons = self.said.reasons
        return reasons[self.state in (State.APPROVED, State.OUTDATED) and len(reasons) > 1]


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


@dataclass(frozen=True, slots=True)
class Current:
    """The images that an entry's tags name now, or that its digest names: the newest, how many, how many are kept."""

    newest: int | None = None
    versions: int = 0
    kept: int = 0


def current_of(entry: ApprovedBase, ground: Ground) -> Current:
    """By what is known of its repository."""
    pattern = entry.as_approval().pattern
    held: dict[int, set[str]] = defaultdict(set)
    ages: dict[int, tuple[float, int]] = {}
    for known in ground.history:
        fits = known.until is None and pattern.fits(known.tag)
        if known.name == entry.name and (fits or known.digest == pattern.text):
            held[known.image].add(known.digest)
            ages[known.image] = (known.made.timestamp() if known.made else 0.0, known.image)
    kept = sum(1 for digests in held.values() if any((entry.name, one) in ground.copies.internal for one in digests))
    return Current(max(ages, key=ages.__getitem__, default=None), len(held), kept)


def columns_of(
    entries: Sequence[ApprovedBase], users: dict[int, Users], viewer: Viewer, ground: Ground
) -> dict[int, Column]:
    """For a page of entries, in two statements beside the ground."""
    current = {entry.pk: current_of(entry, ground) for entry in entries}
    images = Image.objects.in_bulk({one.newest for one in current.values() if one.newest is not None})
    run = _running(users, viewer)
    return {
        pk: Column(images.get(one.newest or 0), one.versions, one.kept, run.get(pk, 0)) for pk, one in current.items()
    }


def _running(users: dict[int, Users], viewer: Viewer) -> dict[int, int]:
    """How many of the images on each entry run, of those that the viewer may see."""
    bases = {base for one in users.values() for base, _ in one.bases}
    if not bases:
        return {}
    rows = Image.objects.present().visible_to(viewer).filter(built_on_any(bases), running__gt=0)
    counts = rows.values_list("base_id", "base_name").annotate(number=Count("pk")).order_by()
    found: dict[Base, int] = defaultdict(int)
    for image, name, number in counts:
        found[Base(0, name) if name else Base(image or 0)] += number
    return {entry: sum(found[base] for base, _ in one.bases) for entry, one in users.items()}
