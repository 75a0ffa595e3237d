"""Teams: who may change them and their members."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from governance.accounts.models import AuditEntry, Membership, Team, Token, User
from governance.accounts.teams import create_team, put_member, remove_member, rename_team
from tests.make import make_token, make_user

pytestmark = pytest.mark.django_db


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def test_a_team_is_created_and_renamed(admin: User) -> None:
    made = create_team(admin, "  store ")
    assert made.name == "store"
    rename_team(admin, made, "Store")
    rename_team(admin, made, "Store")
    entry = AuditEntry.objects.latest("pk")
    assert actions() == ["team.create", "team.rename"]
    assert (entry.team_id, entry.before, entry.after) == (made.pk, {"name": "store"}, {"name": "Store"})


@pytest.mark.parametrize("name", ["", "  ", "SHOP", "x" * 101, "12", "Mine", "a\u202eb", "a\x00b", "a\nb"])
def test_a_name_that_is_wrong_or_taken_is_refused(admin: User, team: Team, name: str) -> None:
    other = Team.objects.create(name="other")
    for change in (lambda: create_team(admin, name), lambda: rename_team(admin, other, name)):
        with pytest.raises(ValidationError) as refused:
            change()
        assert "name" in refused.value.message_dict
    assert actions() == []


def test_only_administrators_create_and_rename(team: Team, owner: User, mate: User) -> None:
    for viewer in (owner, mate, make_user(role=User.Role.AUDITOR), make_token(Token.Scope.READ)[0]):
        with pytest.raises(PermissionDenied):
            create_team(viewer, "store")
        with pytest.raises(PermissionDenied):
            rename_team(viewer, team, "store")


def test_a_team_administrator_changes_the_own_team_only(team: Team, owner: User, stranger: User) -> None:
    assert put_member(owner, team, "stranger", Membership.Role.EDITOR)
    assert not put_member(owner, team, "stranger", Membership.Role.EDITOR)
    assert put_member(owner, team, "stranger", Membership.Role.VIEWER)
    assert remove_member(owner, team, stranger)
    assert not remove_member(owner, team, stranger)
    assert actions() == ["team.member.add", "team.member.role", "team.member.remove"]
    theirs = Team.objects.get(name="payments")
    with pytest.raises(PermissionDenied):
        put_member(owner, theirs, "owner", Membership.Role.ADMIN)
    with pytest.raises(PermissionDenied):
        remove_member(owner, theirs, stranger)


def test_members_and_auditors_change_nobody(team: Team, mate: User) -> None:
    for viewer in (mate, make_user(role=User.Role.AUDITOR), make_user(team=team, membership=Membership.Role.EDITOR)):
        with pytest.raises(PermissionDenied):
            put_member(viewer, team, viewer.username, Membership.Role.ADMIN)
        with pytest.raises(PermissionDenied):
            remove_member(viewer, team, mate)


def test_a_token_of_the_team_changes_that_team_only(team: Team, stranger: User) -> None:
    bound = make_token(Token.Scope.ADMIN, team=team)[0]
    assert put_member(bound, team, "stranger", Membership.Role.VIEWER)
    with pytest.raises(PermissionDenied):
        put_member(bound, Team.objects.get(name="payments"), "stranger", Membership.Role.VIEWER)


@pytest.mark.parametrize(
    ("username", "role", "field"),
    [("nobody", "viewer", "username"), ("gone", "viewer", "username"), ("mate", "emperor", "role")],
)
def test_whoever_cannot_join_is_named(admin: User, team: Team, username: str, role: str, field: str) -> None:
    make_user("gone", is_active=False)
    make_user("mate")
    with pytest.raises(ValidationError) as refused:
        put_member(admin, team, username, role)
    assert field in refused.value.message_dict
