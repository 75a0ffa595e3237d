"""The verbs of exemptions: ask, decide, revoke; each with its audit entry, and what it concerns is judged anew."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from django.conf import settings
from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.utils import timezone

from governance.accounts.audit import actor_name, audit
from governance.accounts.models import Team, User
from governance.accounts.scope import Viewer, administers, edited_teams, edits
from governance.approvals.life import person_behind
from governance.findings.models import Advisory
from governance.images.clean import clean_text
from governance.images.models import Image, Repository, VerdictWork
from governance.policy.exempting import images_in_scope
from governance.policy.models_exemption import Exemption
from governance.policy.work import begin_round

Scope, State, Kind = Exemption.Scope, Exemption.State, Exemption.Kind
# More images than this are judged in a round of their own.
MANY = 20_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is asked for. `thing` is the image, repository or team that the scope names; None for everywhere."""

    vulnerability: str
    scope: str
    reason: str
    expires_on: date
    thing: Image | Repository | Team | None = None
    package: str = ""
    kind: str = Kind.ACCEPTED
    justification: str = ""
    owner: Team | None = None


def teams_concerned(exemption: Exemption) -> set[int]:
    """Ids of the teams whose images it names; of a base and of everywhere, nobody's alone."""
    if exemption.image:
        return set(exemption.image.owners)
    if exemption.scope == Scope.REPOSITORY and exemption.repository and exemption.repository.owner_id:
        return {exemption.repository.owner_id}
    return {exemption.team_id} if exemption.team_id else set()


def may_ask(viewer: Viewer | None, exemption: Exemption) -> bool:
    """Editors of a team that is concerned; for a base also those of the team that owns it; administrators."""
    teams = teams_concerned(exemption)
    if exemption.repository and exemption.repository.owner_id:
        teams.add(exemption.repository.owner_id)
    return edits(viewer, teams)


def may_decide(viewer: Viewer | None, exemption: Exemption) -> bool:
    """Administrators; a team's own administrators where nobody else is concerned."""
    teams = Team.objects.filter(pk__in=teams_concerned(exemption))
    return administers(viewer) or (bool(teams) and all(administers(viewer, team) for team in teams))


@transaction.atomic
def ask_exemption(viewer: Viewer | None, wanted: Wanted) -> Exemption:
    """Ask for one. Raises `PermissionDenied`, and `ValidationError` by field."""
    row = Exemption(
        vulnerability=_vulnerability(wanted.vulnerability),
        package=clean_text(wanted.package.strip(), 300),
        scope=wanted.scope,
        kind=wanted.kind,
        justification=wanted.justification if wanted.kind == Kind.NOT_AFFECTED else "",
        reason=clean_text(wanted.reason.strip(), 1_000),
        expires_on=_end(wanted.expires_on),
        asked_by=actor_name(viewer),
        proposer=person_behind(viewer),
    )
    _name_scope(row, wanted.thing)
    if not row.reason:
        raise ValidationError({"reason": "Say why the finding may stand: whoever decides judges by that."})
    if wanted.kind == Kind.NOT_AFFECTED and wanted.justification not in Exemption.Justification.values:
        raise ValidationError({"justification": "Say why it is not affected: other tools read it in the VEX document."})
    if not may_ask(viewer, row):
        raise PermissionDenied("only editors of the team whose images are concerned ask, and administrators")
    row.owner = _owner(viewer, row, wanted.owner)
    if twin := _same(row).filter(state=State.REQUESTED).first():
        raise ValidationError(f"This was asked for already and waits for a decision (number {twin.pk}).")
    row.save()
    audit(viewer, "exemption.request", named(row), team=row.owner_id, after=as_dict(row), reason=row.reason[:500])
    return row


@transaction.atomic
def decide(viewer: Viewer | None, row: Exemption, grant: bool, answer: str = "") -> Exemption:
    """Grant or decline. Raises `PermissionDenied` and `ValidationError`."""
    row = Exemption.objects.select_for_update().get(pk=row.pk)
    if not may_decide(viewer, row):
        raise PermissionDenied("only administrators decide, and those of the team that alone is concerned")
    if row.state != State.REQUESTED:
        raise ValidationError(f"It is {row.get_state_display().lower()} already: ask anew.")
    if grant:
        _second_person(viewer, row)
        _end(row.expires_on)
    elif not answer.strip():
        raise ValidationError({"answer": "Say why not."})
    _write(viewer, row, State.GRANTED if grant else State.DECLINED, answer)
    if grant:
        judge_anew(row)
    return row


@transaction.atomic
def revoke(viewer: Viewer | None, row: Exemption, answer: str) -> Exemption:
    """End it before its day: its findings count again at once."""
    row = Exemption.objects.select_for_update().get(pk=row.pk)
    if not may_decide(viewer, row) and not may_ask(viewer, row):
        raise PermissionDenied("only who may ask for it, or decide on it, ends it")
    if row.state not in (State.GRANTED, State.REQUESTED):
        raise ValidationError(f"It is {row.get_state_display().lower()} already.")
    if not answer.strip():
        raise ValidationError({"answer": "Say why it ends."})
    _write(viewer, row, State.REVOKED, answer)
    judge_anew(row)
    return row


def judge_anew(row: Exemption) -> None:
    """Put the images that it holds for in line; where they are many, all are judged in a round."""
    ids = [] if row.scope == Scope.EVERYWHERE else list(images_in_scope(row).values_list("pk", flat=True)[: MANY + 1])
    if row.scope == Scope.EVERYWHERE or len(ids) > MANY:
        begin_round(f"exemption {row.pk} of {row.vulnerability}")
    else:
        VerdictWork.objects.bulk_create(VerdictWork(image=pk) for pk in sorted(set(ids)))


def _write(viewer: Viewer | None, row: Exemption, state: str, answer: str) -> None:
    before = as_dict(row)
    row.state, row.answer = state, clean_text(answer.strip(), 1_000)
    row.decided_by, row.decided_at = actor_name(viewer), timezone.now()
    if state == State.GRANTED:
        row.granted_by, row.granted_at = row.decided_by, row.decided_at
    row.save()
    after = as_dict(row)
    audit(viewer, f"exemption.{state}", named(row), team=row.owner_id, before=before, after=after, reason=answer[:500])


def _vulnerability(text: str) -> str:
    """A name that scanners have used: what is exempted is its whole alias group."""
    name = clean_text(text.strip(), 100)
    known = Advisory.objects.filter(name=name).first() or Advisory.objects.filter(name=name.upper()).first()
    if known is None:
        raise ValidationError({"vulnerability": "No scan has named this. Write it as the findings do, CVE-2026-1234."})
    return known.name


def _end(day: date) -> date:
    """Every exemption ends, and not too late."""
    today = timezone.now().date()
    if day <= today:
        raise ValidationError({"expires_on": "That day is over: say when the finding is to count again."})
    last = today + timedelta(days=settings.EXEMPTION_DAYS)
    if day > last:
        raise ValidationError({"expires_on": f"At most {settings.EXEMPTION_DAYS} days: {last} at the latest."})
    return day


def _name_scope(row: Exemption, thing: Image | Repository | Team | None) -> None:
    wanted: dict[str, tuple[type[Any], str]] = {
        Scope.IMAGE: (Image, "image"),
        Scope.REPOSITORY: (Repository, "repository"),
        Scope.BASE: (Repository, "repository"),
        Scope.TEAM: (Team, "team"),
    }
    if row.scope == Scope.EVERYWHERE:
        return
    if row.scope not in wanted or not isinstance(thing, wanted[row.scope][0]):
        raise ValidationError({"scope": "Say for what: an image, a repository, a base, a team, or everywhere."})
    setattr(row, wanted[row.scope][1], thing)


def _owner(viewer: Viewer | None, row: Exemption, owner: Team | None) -> Team | None:
    """Who answers for it: a team that one may speak for, else the one concerned."""
    theirs = edited_teams(viewer)
    if owner is not None:
        if theirs is not None and owner.pk not in theirs:
            raise ValidationError({"owner": "Name one of your teams."})
        return owner
    concerned = teams_concerned(row)
    if not concerned and row.repository and row.repository.owner_id:
        concerned = {row.repository.owner_id}
    allowed = {pk for pk in concerned if theirs is None or pk in theirs}
    return Team.objects.filter(pk__in=allowed).order_by("pk").first()


def _second_person(viewer: Viewer | None, row: Exemption) -> None:
    """Where two persons are needed, two tokens of one are one person."""
    if not settings.EXEMPTION_NEEDS_TWO:
        return
    person: User | None = person_behind(viewer)
    if person is None or row.proposer_id is None:
        raise PermissionDenied("two persons are needed, and a token that nobody made is no person")
    if person.pk == row.proposer_id:
        raise PermissionDenied("two persons are needed: who asked for it does not grant it, by token neither")


def _same(row: Exemption) -> Any:
    names = ("vulnerability", "package", "scope", "image", "repository", "team")
    return Exemption.objects.filter(**{name: getattr(row, name) for name in names})


def named(row: Exemption) -> str:
    """How the audit trail names it."""
    return f"exemption {row.pk} of {row} for {row.where}"[:300]


def as_dict(row: Exemption) -> dict[str, Any]:
    """For the audit trail."""
    plain = ("vulnerability", "package", "scope", "kind", "justification", "state", "reason", "answer")
    return {**{name: getattr(row, name) for name in plain}, "where": row.where, "expires_on": str(row.expires_on)}
