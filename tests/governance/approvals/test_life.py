"""The life of an entry: who may take which step, that each is audited, and that two persons are two persons."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.utils import timezone

from governance.accounts.models import AuditEntry, Team, Token, User
from governance.accounts.services import create_token
from governance.approvals.facts import Line, judge_all
from governance.approvals.life import STEPS, Step, comment_on, edit_base, months_after, request_base, take_step
from governance.approvals.models import ApprovalStep, ApprovedBase
from governance.images.reference import parse_reference
from tests.make import make_user

pytestmark = pytest.mark.django_db


def ask(viewer: User | Token, team: Team | None = None, base: str = "alpine", pattern: str = "3.22*", **wanted):
    return request_base(viewer, base, pattern, team, "needed", **wanted)


def approve(viewer: User | Token, entry: ApprovedBase) -> ApprovedBase:
    if ApprovedBase.objects.get(pk=entry.pk).state == "requested":
        take_step(viewer, entry, Step("in_review"))
    return take_step(viewer, entry, Step("approved", "looked at"))


def verdict(text: str, on: date | None = None) -> str:
    reference = parse_reference(text)
    assert reference
    return judge_all([Line(reference)], on)[0].verdict


def test_the_whole_life_is_written_down(team, mate, admin) -> None:
    entry = ask(mate, team, review_months=6)
    assert verdict("alpine:3.22") == "unknown"
    entry = approve(admin, entry)
    today = timezone.now().date()
    assert entry.review_on == months_after(today, 6)
    assert verdict("alpine:3.22") == "allow"
    soon, late = today + timedelta(days=10), today + timedelta(days=20)
    take_step(admin, entry, Step("deprecated", "old", "", "alpine:3.23", soon, late))
    assert [verdict("alpine:3.22", day) for day in (today, soon, late)] == ["allow", "warn", "deny"]
    take_step(admin, entry, Step("sunset", "older", sunset_on=soon))
    assert verdict("alpine:3.22", soon) == "deny"
    take_step(admin, entry, Step("banned", "a backdoor"))
    assert verdict("alpine:3.22") == "deny"
    steps = [(step.before, step.to, step.person_id) for step in ApprovalStep.objects.filter(entry=entry)]
    assert [to for _, to, _ in steps] == ["requested", "in_review", "approved", "deprecated", "sunset", "banned"]
    assert [person for *_, person in steps] == [mate.pk, *[admin.pk] * 5]
    assert AuditEntry.objects.filter(object__contains=f"approved base {entry.pk} ").count() == 6
    assert AuditEntry.objects.get(action="approval.banned").reason == "a backdoor"


@pytest.mark.parametrize("state", ApprovedBase.State.values)
def test_no_step_but_those_that_are_stated(state: str, team, mate, admin) -> None:
    entry = ask(mate, team)
    ApprovedBase.objects.filter(pk=entry.pk).update(state=state)
    for to in set(ApprovedBase.State.values) - set(STEPS[state]):
        with pytest.raises(ValidationError):
            take_step(admin, entry, Step(to, "because"))
    assert ApprovedBase.objects.get(pk=entry.pk).state == state


def test_steps_are_for_administrators_and_the_owners_own(team, owner, mate, stranger, admin) -> None:
    entry = ask(admin, owner=team)
    auditor = make_user("auditor", role=User.Role.AUDITOR)
    reading = create_token(None, "reads", Token.Scope.READ)[0]
    for viewer in (mate, stranger, auditor, reading):
        with pytest.raises(PermissionDenied):
            take_step(viewer, entry, Step("in_review"))
        with pytest.raises(PermissionDenied):
            edit_base(viewer, entry, purpose="mine now")
    assert approve(owner, entry).state == "approved"


def test_who_is_in_no_team_asks_for_nothing(team, stranger, db) -> None:
    with pytest.raises(PermissionDenied):
        ask(make_user("nobody"))
    with pytest.raises(ValidationError):
        ask(stranger, team)


def test_only_administrators_say_who_decides(team, mate) -> None:
    with pytest.raises(PermissionDenied):
        ask(mate, team, owner=team)


def test_one_person_is_not_two_by_token(settings, team, admin) -> None:
    settings.APPROVAL_NEEDS_TWO = True
    first = create_token(admin, "one", Token.Scope.ADMIN)[0]
    second = create_token(admin, "two", Token.Scope.ADMIN)[0]
    made_by_token = create_token(first, "three", Token.Scope.ADMIN)[0]
    of_nobody = create_token(None, "four", Token.Scope.ADMIN)[0]
    entry = ask(first)
    for viewer in (first, second, admin, made_by_token, of_nobody, None):
        with pytest.raises(PermissionDenied):
            approve(viewer, entry)
    other = make_user("other", role=User.Role.ADMIN)
    assert approve(create_token(other, "five", Token.Scope.ADMIN)[0], entry).state == "approved"


def test_who_changes_what_is_asked_for_does_not_approve_it(settings, team, mate, admin) -> None:
    settings.APPROVAL_NEEDS_TWO = True
    entry = edit_base(admin, ask(mate, team), "*", "all of them")
    with pytest.raises(PermissionDenied):
        approve(admin, entry)
    other = make_user("other", role=User.Role.ADMIN)
    assert approve(other, entry).state == "approved"


def test_a_request_that_nobody_made_needs_two_who_are_known(settings, admin) -> None:
    settings.APPROVAL_NEEDS_TWO = True
    entry = ask(create_token(None, "machine", Token.Scope.ADMIN)[0])
    with pytest.raises(PermissionDenied):
        approve(admin, entry)
    other = make_user("other", role=User.Role.ADMIN)
    assert take_step(other, entry, Step("approved", "seen")).state == "approved"


def test_a_new_entry_of_the_same_pattern_takes_the_old_ones_place(admin) -> None:
    first = approve(admin, ask(admin, max_age=30))
    take_step(admin, first, Step("banned", "bad"))
    with pytest.raises(ValidationError):
        edit_base(admin, first, max_age=10_000)
    second = ask(admin, max_age=60)
    assert verdict("alpine:3.22") == "deny"
    approve(admin, second)
    first.refresh_from_db()
    assert (first.state, verdict("alpine:3.22")) == ("retired", "allow")


@pytest.mark.parametrize(
    ("base", "pattern", "more"),
    [
        ("./x", "", {}),
        ("alpine", "(", {}),
        ("alpine", "sha256:12", {}),
        ("alpine", "3", {"max_age": 10**400}),
        ("alpine", "3", {"grace": -1}),
        ("alpine", "3", {"documentation": "javascript:alert(1)"}),
        ("alpine", "3", {"replacement": "not a reference"}),
        ("alpine", "3", {"breach": "explode"}),
        ("alpine", "3", {"state": "approved"}),
    ],
)
def test_what_cannot_be_is_refused(base: str, pattern: str, more: dict[str, object], admin) -> None:
    with pytest.raises(ValidationError):
        ask(admin, None, base, pattern, **more)
    assert not ApprovedBase.objects.exists()


def test_the_same_is_asked_for_once(team, mate, admin) -> None:
    ask(mate, team)
    with pytest.raises(ValidationError):
        ask(admin)


def test_requests_are_seen_by_their_team_and_decisions_by_all(team, mate, stranger, admin) -> None:
    entry = ask(mate, team)
    seen = ApprovedBase.objects.visible_to
    assert (seen(mate).count(), seen(stranger).count(), seen(admin).count()) == (1, 0, 1)
    approve(admin, entry)
    assert seen(stranger).count() == 1
    assert seen(create_token(None, "sends", Token.Scope.INGEST)[0]).count() == 0


def test_comments_are_kept_and_audited(team, mate, admin) -> None:
    entry = ask(mate, team)
    comment_on(admin, entry, "Which \x00 packages?")
    step = ApprovalStep.objects.latest("pk")
    assert (step.comment, step.to, step.person) == ("Which  packages?", "requested", admin)
    assert AuditEntry.objects.filter(action="approval.comment").exists()


def test_months_end_where_the_month_ends() -> None:
    assert months_after(date(2026, 8, 31), 6) == date(2027, 2, 28)
