"""The verbs of the approved list: ask for a base, mend the request, decide, comment; each with its audit entry."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import connection, transaction
from django.utils import timezone

from governance.accounts.audit import actor_name, audit
from governance.accounts.models import Team, Token, User
from governance.accounts.scope import Viewer, administers
from governance.approvals.models import ApprovalStep, ApprovedBase
from governance.approvals.patterns import read_pattern
from governance.images.clean import clean_text
from governance.images.models import VerdictWork
from governance.images.reference import parse_reference

State = ApprovedBase.State
LOCK = 0x70775F6C697374
# What may follow what. There is no way back: whoever wants an entry back asks anew, and it is reviewed anew.
STEPS: dict[str, tuple[str, ...]] = {
    State.REQUESTED: (State.IN_REVIEW, State.DECLINED, State.BANNED),
    State.IN_REVIEW: (State.APPROVED, State.DECLINED, State.BANNED),
    State.APPROVED: (State.APPROVED, State.DEPRECATED, State.SUNSET, State.BANNED),
    State.DEPRECATED: (State.SUNSET, State.BANNED),
    State.SUNSET: (State.BANNED,),
    State.BANNED: (),
    State.DECLINED: (),
    State.RETIRED: (),
}
WORDS = ("family", "purpose", "documentation", "replacement")
NUMBERS = ("max_age", "max_critical", "max_high", "max_medium", "max_low", "grace", "outdated_days", "review_months")
FLAGS = ("must_be_signed", "must_not_be_root", "must_be_kept")
EDITABLE = (*WORDS, *NUMBERS, *FLAGS, "breach", "platforms")
LONGEST_NUMBER = 100_000


@dataclass(frozen=True, slots=True)
class Step:
    """A decision: where to, why, and what goes with it."""

    to: str
    reason: str = ""
    comment: str = ""
    replacement: str = ""
    deprecated_on: date | None = None
    sunset_on: date | None = None


def person_behind(viewer: Viewer | None) -> User | None:
    """The person who acts: a token counts as who made it, so that two tokens of one person are one person."""
    if isinstance(viewer, Token):
        return viewer.maker
    return viewer if isinstance(viewer, User) else None


def may_decide(viewer: Viewer | None, entry: ApprovedBase) -> bool:
    """Administrators, and those of the team that owns the entry."""
    return administers(viewer, entry.owner)


def may_ask(viewer: Viewer | None) -> bool:
    """Members of any team, administrators, and machines of scope admin."""
    if isinstance(viewer, User):
        return viewer.is_active and (viewer.is_admin or bool(viewer.team_ids))
    return viewer is None or (isinstance(viewer, Token) and viewer.scope == Token.Scope.ADMIN)


@transaction.atomic
def request_base(
    viewer: Viewer | None, base: str, pattern: str = "", team: Team | None = None, reason: str = "", **wanted: Any
) -> ApprovedBase:
    """Ask for a base: `base` is a reference; without `pattern`, its digest or tag is what is asked for.

    Raises `PermissionDenied`, and `ValidationError` by field. `team` is for whom; it has to be one's own.
    """
    if not may_ask(viewer):
        raise PermissionDenied("only members of a team ask for bases")
    _refuse_foreign(viewer, team)
    name, pattern = meant(base, pattern)
    if not reason.strip():
        raise ValidationError({"reason": "Say what it is needed for: the reviewer decides by that."})
    entry = ApprovedBase(name=name, pattern=pattern, asked_by=team, owner=_owner(viewer, wanted.pop("owner", None)))
    _take(entry, wanted)
    entry.proposer = person_behind(viewer)
    _alone()
    twin = ApprovedBase.objects.filter(name=name, pattern=pattern, platforms=entry.platforms)
    if open_one := twin.filter(state__in=ApprovedBase.OPEN).first():
        raise ValidationError({"pattern": f"This was asked for already and is being decided (number {open_one.pk})."})
    entry.save()
    _note(viewer, entry, "", Step(State.REQUESTED, reason))
    audit(viewer, "approval.request", named(entry), team=_team_of(entry), after=as_dict(entry), reason=reason[:500])
    return entry


@transaction.atomic
def edit_base(
    viewer: Viewer | None, entry: ApprovedBase, pattern: str = "", reason: str = "", **wanted: Any
) -> ApprovedBase:
    """Mend what is asked for, until it is decided; what was decided changes by another request alone.

    Whoever mends it puts it forward: where two persons are needed, somebody else approves it then.
    """
    entry = _held(viewer, entry)
    if entry.state not in ApprovedBase.OPEN:
        raise ValidationError("It is decided: ask for it anew with other terms; approved, that takes its place.")
    before = as_dict(entry)
    if pattern.strip():
        entry.name, entry.pattern = meant(entry.name, pattern)
    if "owner" in wanted:
        entry.owner = _owner(viewer, wanted.pop("owner"))
    _take(entry, wanted)
    twin = ApprovedBase.objects.filter(name=entry.name, pattern=entry.pattern, platforms=entry.platforms)
    if twin.filter(state__in=ApprovedBase.OPEN).exclude(pk=entry.pk).exists():
        raise ValidationError({"pattern": "Another request asks for this already."})
    if (after := as_dict(entry)) == before:
        return entry
    entry.proposer = person_behind(viewer)
    entry.save()
    changed = {name: value for name, value in after.items() if before[name] != value}
    _note(viewer, entry, entry.state, Step(entry.state, reason, f"Changed: {', '.join(changed)}."))
    was = {name: before[name] for name in changed}
    audit(viewer, "approval.edit", named(entry), team=_team_of(entry), before=was, after=changed, reason=reason[:500])
    return entry


@transaction.atomic
def take_step(viewer: Viewer | None, entry: ApprovedBase, step: Step) -> ApprovedBase:
    """Take an entry one step further. Raises `PermissionDenied` and `ValidationError`."""
    entry = _held(viewer, entry)
    before = entry.state
    if step.to not in STEPS[before]:
        raise ValidationError(f"What is {entry.get_state_display().lower()} cannot become {step.to.replace('_', ' ')}.")
    if not step.reason.strip() and step.to != State.IN_REVIEW:
        raise ValidationError({"reason": "Say why: everybody who uses the base reads it."})
    was = as_dict(entry)
    {
        State.IN_REVIEW: _review,
        State.APPROVED: _approve,
        State.DEPRECATED: _deprecate,
        State.SUNSET: _sunset,
        State.BANNED: _ban,
        State.DECLINED: _decline,
    }[State(step.to)](viewer, entry, step)
    entry.state = step.to
    entry.why = clean_text(step.reason.strip(), 500)
    entry.save()
    _note(viewer, entry, before, step)
    action = f"approval.{step.to}"
    after = as_dict(entry)
    audit(viewer, action, named(entry), team=_team_of(entry), before=was, after=after, reason=step.reason[:500])
    return entry


@transaction.atomic
def comment_on(viewer: Viewer, entry: ApprovedBase, text: str) -> ApprovalStep:
    """Say something on an entry that one sees."""
    if not may_ask(viewer):
        raise PermissionDenied("only members of a team comment")
    if not text.strip():
        raise ValidationError({"comment": "There is nothing to say in this comment."})
    made = _note(viewer, entry, entry.state, Step(entry.state, comment=text))
    audit(viewer, "approval.comment", named(entry), team=_team_of(entry), after={"comment": made.comment})
    return made


def meant(base: str, pattern: str) -> tuple[str, str]:
    """(host/repository, pattern as written). Raises `ValidationError` for what is neither."""
    reference = parse_reference(clean_text(base, 400))
    if reference is None:
        raise ValidationError({"base": "Write registry/repository, as in a FROM line."})
    try:
        return reference.name, read_pattern(pattern.strip() or reference.digest or reference.tag or "*").text
    except ValueError as error:
        raise ValidationError({"pattern": str(error)}) from error


def _review(viewer: Viewer | None, entry: ApprovedBase, step: Step) -> None:
    """Whoever takes up a request that no known person made puts it forward."""
    if entry.proposer is None:
        entry.proposer = person_behind(viewer)


def _approve(viewer: Viewer | None, entry: ApprovedBase, step: Step) -> None:
    """Also for the next time of review; in place of an earlier entry that names the same."""
    if settings.APPROVAL_NEEDS_TWO:
        _second_person(viewer, entry)
    today = timezone.now().date()
    entry.review_on = months_after(today, entry.review_months) if entry.review_months else None
    twins = ApprovedBase.objects.listed().filter(name=entry.name, pattern=entry.pattern, platforms=entry.platforms)
    for twin in twins.exclude(pk=entry.pk):
        was, twin.state = twin.state, State.RETIRED
        twin.save(update_fields=["state"])
        _note(viewer, twin, was, Step(State.RETIRED, f"Entry {entry.pk} takes its place."))
        audit(viewer, "approval.retired", named(twin), team=_team_of(twin), before={"state": was})


def _second_person(viewer: Viewer | None, entry: ApprovedBase) -> None:
    person = person_behind(viewer)
    if person is None or entry.proposer is None:
        raise PermissionDenied("two persons are needed, and a token that nobody made is no person")
    if person.pk == entry.proposer_id:
        raise PermissionDenied("two persons are needed: who put this forward does not approve it, by token neither")


def _deprecate(viewer: Viewer | None, entry: ApprovedBase, step: Step) -> None:
    entry.deprecated_on = step.deprecated_on or timezone.now().date()
    entry.sunset_on = step.sunset_on
    if step.sunset_on and step.sunset_on < entry.deprecated_on:
        raise ValidationError({"sunset_on": "It cannot end before it is deprecated."})
    _replace(entry, step)


def _sunset(viewer: Viewer | None, entry: ApprovedBase, step: Step) -> None:
    today = timezone.now().date()
    entry.sunset_on = step.sunset_on or today
    entry.deprecated_on = entry.deprecated_on or min(today, entry.sunset_on)
    _replace(entry, step)


def _ban(viewer: Viewer | None, entry: ApprovedBase, step: Step) -> None:
    _replace(entry, step)
    twins = ApprovedBase.objects.listed().filter(name=entry.name, pattern=entry.pattern, platforms=entry.platforms)
    if twin := twins.exclude(pk=entry.pk).first():
        raise ValidationError(f"Entry {twin.pk} names the same and counts: ban that one.")


def _decline(viewer: Viewer | None, entry: ApprovedBase, step: Step) -> None:
    _replace(entry, step)


def _replace(entry: ApprovedBase, step: Step) -> None:
    if step.replacement.strip():
        entry.replacement = _reference(step.replacement)


def _reference(text: str) -> str:
    """A replacement is something that can be written into a FROM line."""
    reference = parse_reference(clean_text(text, 400))
    if reference is None:
        raise ValidationError({"replacement": "Write registry/repository:tag, as in a FROM line."})
    return str(reference)


def _held(viewer: Viewer | None, entry: ApprovedBase) -> ApprovedBase:
    """The row, locked, for who may decide on it."""
    if not may_decide(viewer, entry):
        raise PermissionDenied("only administrators, and those of the team that owns the entry, decide on it")
    _alone()
    return ApprovedBase.objects.select_related("owner", "proposer").get(pk=entry.pk)


def _alone() -> None:
    """Decisions on the list come one after the other: it is short, and they look at each other's entries."""
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [LOCK])


def _take(entry: ApprovedBase, wanted: Mapping[str, Any]) -> None:
    """Set what is given, checked. Raises `ValidationError`, also for a name that is none of ours."""
    for name, value in wanted.items():
        if name not in EDITABLE:
            raise ValidationError({name: "There is no such field."})
        setattr(entry, name, _checked(name, value))
    if entry.review_months == 0:
        raise ValidationError({"review_months": "At least one month."})
    given = {name for name, value in wanted.items() if value not in (None, "", [])}
    entry.clean_fields(exclude={field.name for field in entry._meta.concrete_fields} - given)


def _checked(name: str, value: Any) -> Any:
    if name == "replacement":
        return _reference(value) if value.strip() else ""
    if name == "documentation" and value and not value.startswith(("https://", "http://")):
        raise ValidationError({name: "An address begins with https://."})
    if name in WORDS:
        return clean_text(str(value).strip(), 500)
    if name == "platforms":
        return sorted({clean_text(one.strip(), 60) for one in value if one.strip()})
    if name in NUMBERS and value is not None and not 0 <= value <= LONGEST_NUMBER:
        raise ValidationError({name: f"A whole number up to {LONGEST_NUMBER:,}."})
    return value


def _owner(viewer: Viewer | None, team: Team | None) -> Team | None:
    """Only administrators say whose an entry is: its owner decides on it."""
    if team is not None and not administers(viewer):
        raise PermissionDenied("only administrators say which team decides on an entry")
    return team


def _refuse_foreign(viewer: Viewer | None, team: Team | None) -> None:
    foreign = isinstance(viewer, User) and not viewer.is_admin and (team is None or team.pk not in viewer.team_ids)
    bound = isinstance(viewer, Token) and viewer.team_id is not None and (team is None or team.pk != viewer.team_id)
    if foreign or bound:
        raise ValidationError({"team": "Say for which of your teams you ask."})


def _note(viewer: Viewer | None, entry: ApprovedBase, before: str, step: Step) -> ApprovalStep:
    if entry.state in ApprovedBase.LISTED or before in ApprovedBase.LISTED:
        # The verdict on any image may change; 0 stands for all.
        VerdictWork.objects.create(image=0)
    return ApprovalStep.objects.create(
        entry=entry,
        before=before,
        to=step.to,
        actor=actor_name(viewer),
        person=person_behind(viewer),
        reason=clean_text(step.reason.strip(), 500),
        comment=clean_text(step.comment.strip(), 4_000),
    )


def _team_of(entry: ApprovedBase) -> int | None:
    return entry.owner_id or entry.asked_by_id


def named(entry: ApprovedBase) -> str:
    """How the audit trail names it."""
    return f"approved base {entry.pk} {entry}"


def as_dict(entry: ApprovedBase) -> dict[str, Any]:
    """What decisions change, for the audit trail."""
    dates = {name: str(getattr(entry, name) or "") for name in ("deprecated_on", "sunset_on", "review_on")}
    plain = {name: getattr(entry, name) for name in ("name", "pattern", "state", *EDITABLE)}
    return {**plain, **dates, "owner": entry.owner.name if entry.owner else None}


def months_after(day: date, months: int) -> date:
    """The same day so many months later, or that month's last."""
    year, month = divmod(day.year * 12 + day.month - 1 + months, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))
