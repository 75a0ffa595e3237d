"""People: who may change them, what is written down, and that an administrator always remains."""

from __future__ import annotations

import pytest
from django.core.exceptions import PermissionDenied, ValidationError

from governance.accounts.models import AuditEntry, Token, User
from governance.accounts.people import (
    change_password,
    change_role,
    create_person,
    deactivate,
    reactivate,
    reset_password,
)
from governance.accounts.services import create_token, find_token
from tests.make import make_token, make_user

pytestmark = pytest.mark.django_db


def actions() -> list[str]:
    return list(AuditEntry.objects.order_by("pk").values_list("action", flat=True))


def test_a_new_person_gets_a_password_that_is_stored_as_a_hash_only(admin: User) -> None:
    made, password = create_person(admin, "new", User.Role.MEMBER, "Newt", "newt@example.org")
    assert User.objects.get(username="new").check_password(password)
    assert password not in made.password
    assert actions() == ["user.create"]
    assert password not in str(AuditEntry.objects.values().get())


@pytest.mark.parametrize("username", ["", " ", "two words", "a\u202eb", "a/b", "x" * 151, "ADMIN"])
def test_a_name_that_is_wrong_or_taken_is_refused_beside_its_field(admin: User, username: str) -> None:
    with pytest.raises(ValidationError) as refused:
        create_person(admin, username, User.Role.MEMBER)
    assert "username" in refused.value.message_dict
    assert actions() == []


def test_a_role_that_there_is_not_is_refused(admin: User, mate: User) -> None:
    with pytest.raises(ValidationError, match="must be one of"):
        create_person(admin, "new", "emperor")
    with pytest.raises(ValidationError, match="must be one of"):
        change_role(admin, mate, "emperor")


def test_only_administrators_change_people(owner: User, mate: User) -> None:
    auditor, reader = make_user(role=User.Role.AUDITOR), make_token(Token.Scope.READ)[0]
    bound = make_token(Token.Scope.ADMIN, team=mate.teams.get())[0]
    for viewer in (owner, auditor, reader, bound):
        for change in (
            lambda viewer=viewer: create_person(viewer, "new", User.Role.ADMIN),
            lambda viewer=viewer: change_role(viewer, mate, User.Role.ADMIN),
            lambda viewer=viewer: deactivate(viewer, mate),
            lambda viewer=viewer: reactivate(viewer, mate),
            lambda viewer=viewer: reset_password(viewer, mate),
        ):
            with pytest.raises(PermissionDenied):
                change()
    assert User.objects.get(pk=mate.pk).role == User.Role.MEMBER


def test_the_same_role_again_writes_nothing(admin: User, mate: User) -> None:
    change_role(admin, mate, User.Role.AUDITOR)
    change_role(admin, mate, User.Role.AUDITOR)
    entry = AuditEntry.objects.get()
    assert (entry.before, entry.after) == ({"role": "member"}, {"role": "auditor"})


def test_the_last_administrator_stays_one(admin: User) -> None:
    make_user(role=User.Role.ADMIN, is_active=False)
    with pytest.raises(ValidationError, match="last administrator"):
        change_role(admin, admin, User.Role.MEMBER)
    with pytest.raises(ValidationError, match="last administrator"):
        deactivate(None, admin)
    assert User.objects.get(pk=admin.pk).is_admin
    second = make_user(role=User.Role.ADMIN)
    assert not change_role(second, admin, User.Role.MEMBER).is_admin


def test_nobody_deactivates_themselves(admin: User) -> None:
    make_user(role=User.Role.ADMIN)
    with pytest.raises(ValidationError, match="cannot deactivate yourself"):
        deactivate(admin, admin)


def test_whoever_is_deactivated_is_out_at_once_and_comes_back(admin: User, mate: User, client) -> None:
    other = make_user(role=User.Role.ADMIN)
    secret = create_token(other, "ci", Token.Scope.READ)[1]
    client.force_login(other)
    deactivate(admin, other)
    deactivate(admin, other)
    assert client.get("/images/").status_code == 302
    assert find_token(secret) is None
    reactivate(admin, other)
    reactivate(admin, other)
    assert find_token(secret)
    assert actions() == ["token.create", "user.deactivate", "user.reactivate"]


def test_a_new_password_ends_the_sessions(admin: User, mate: User, client) -> None:
    client.force_login(mate)
    password = reset_password(admin, mate)
    assert client.get("/images/").status_code == 302
    assert User.objects.get(pk=mate.pk).check_password(password)
    with pytest.raises(ValidationError, match="account page"):
        reset_password(admin, admin)


def test_a_weak_password_is_refused(mate: User) -> None:
    for password in ("short", "password1234"):
        with pytest.raises(ValidationError):
            change_password(mate, password)
    change_password(mate, "correct horse battery")
    assert actions() == ["user.password"]
