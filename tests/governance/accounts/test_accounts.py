"""Tokens, and the audit trail that nobody rewrites."""

from datetime import timedelta
from io import StringIO

import pytest
from django.core.exceptions import PermissionDenied
from django.core.management import CommandError, call_command
from django.db import DatabaseError, connection, transaction
from django.utils import timezone

from governance.accounts.audit import audit, broken_entries
from governance.accounts.models import AuditEntry, Team, Token, User
from governance.accounts.services import create_token, find_token, revoke_token
from tests.make import make_token

pytestmark = pytest.mark.django_db


def test_a_token_is_stored_as_a_hash_only() -> None:
    token, secret = make_token()
    assert secret.startswith("pw_")
    assert secret.encode() not in bytes(Token.objects.get(pk=token.pk).hash)
    assert find_token(secret) == token


def test_a_revoked_token_is_dead_at_once() -> None:
    token, secret = make_token()
    revoke_token(None, token)
    assert find_token(secret) is None
    assert AuditEntry.objects.filter(action="token.revoke").count() == 1
    revoke_token(None, token)
    assert AuditEntry.objects.filter(action="token.revoke").count() == 1


def test_an_expired_token_is_dead() -> None:
    token, secret = make_token()
    Token.objects.filter(pk=token.pk).update(expires_at=timezone.now() - timedelta(seconds=1))
    assert find_token(secret) is None


def test_a_token_dies_with_the_rights_of_its_maker(admin: User) -> None:
    _, secret = create_token(admin, "ci", Token.Scope.ADMIN)
    assert find_token(secret)
    User.objects.filter(pk=admin.pk).update(role=User.Role.MEMBER)
    assert find_token(secret) is None


@pytest.mark.parametrize("scope", ["read", "admin"])
def test_a_member_cannot_make_a_token_for_everything(owner: User, scope: str) -> None:
    with pytest.raises(PermissionDenied):
        create_token(owner, "mine", scope)


def test_a_team_administrator_makes_tokens_for_the_own_team_only(owner: User, team: Team, stranger: User) -> None:
    assert create_token(owner, "ci", Token.Scope.INGEST, team)
    with pytest.raises(PermissionDenied):
        create_token(stranger, "ci", Token.Scope.INGEST, team)


@pytest.mark.parametrize(
    "statement",
    ["UPDATE accounts_auditentry SET actor = 'me'", "DELETE FROM accounts_auditentry", "TRUNCATE accounts_auditentry"],
)
def test_the_database_refuses_to_rewrite_the_trail(statement: str) -> None:
    audit(None, "test", "thing")
    with connection.cursor() as cursor:
        # A deferred check of the row just written would stand in the way of altering the table.
        cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")
        cursor.execute("ALTER TABLE accounts_auditentry ENABLE TRIGGER never_emptied")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


def test_a_change_behind_the_triggers_back_is_found() -> None:
    for number in range(3):
        audit(None, "test", f"thing {number}", after={"number": number})
    assert not list(broken_entries())
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER append_only")
        cursor.execute("DELETE FROM accounts_auditentry WHERE object = 'thing 1'")
    assert len(list(broken_entries())) == 1
    with pytest.raises(CommandError, match="broken"):
        call_command("audit", "verify")


def test_the_command_prints_the_token_alone() -> None:
    out = StringIO()
    call_command("token", "create", "ci", "--scope", "ingest", stdout=out)
    assert find_token(out.getvalue().strip())


def test_bootstrap_makes_the_first_person_once() -> None:
    first, second = StringIO(), StringIO()
    call_command("bootstrap", stdout=first)
    call_command("bootstrap", stdout=second)
    assert "admin / " in first.getvalue()
    assert second.getvalue() == ""
    assert User.objects.get().check_password(first.getvalue().split("admin / ")[1].split()[0])
