"""The cast: an owner, a team mate, a stranger, an administrator, machines."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from django.db import connection
from django.test import Client
from playwright.sync_api import Browser
from pytest_django import DjangoDbBlocker

from governance.accounts.models import Membership, Team, Token, User
from scanning.capacity import GAUGE
from tests.chromium import chromium
from tests.make import make_token, make_user


@pytest.fixture(autouse=True)
def _fresh_gauge() -> None:
    """What one test sent does not count for the next."""
    GAUGE.sent, GAUGE.looked_at, GAUGE.trouble = {}, 0.0, ""


@pytest.fixture(scope="session")
def django_db_setup(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Tests that commit empty all tables afterwards; the audit trail would refuse.

    A thread of the live server keeps its connection as long as the browser keeps its own: ended before the drop.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute("ALTER TABLE accounts_auditentry DISABLE TRIGGER never_emptied")
    yield
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        cursor.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One browser for all tests: Playwright has one loop in a thread."""
    with chromium() as found:
        yield found


@pytest.fixture
def team(db: None) -> Team:
    """The team that owns things."""
    return Team.objects.create(name="shop")


@pytest.fixture
def owner(team: Team) -> User:
    """Administers the team."""
    return make_user("owner", team=team, membership=Membership.Role.ADMIN)


@pytest.fixture
def mate(team: Team) -> User:
    """Only views."""
    return make_user("mate", team=team)


@pytest.fixture
def stranger(db: None) -> User:
    """Belongs to another team and administers that."""
    other = Team.objects.create(name="payments")
    return make_user("stranger", team=other, membership=Membership.Role.ADMIN)


@pytest.fixture
def admin(db: None) -> User:
    """May do everything."""
    return make_user("admin", role=User.Role.ADMIN)


def signed_in(user: User) -> Client:
    """A browser of somebody's own."""
    found = Client()
    found.force_login(user)
    return found


@pytest.fixture
def as_admin(admin: User) -> Client:
    """The administrator's browser."""
    return signed_in(admin)


@pytest.fixture
def as_owner(owner: User) -> Client:
    """The browser of the team's administrator."""
    return signed_in(owner)


@pytest.fixture
def as_mate(mate: User) -> Client:
    """The browser of somebody who only views the team's things."""
    return signed_in(mate)


class Machine(Client):
    """Sends a bearer token with every request."""

    def __init__(self, secret: str) -> None:
        super().__init__(headers={"Authorization": f"Bearer {secret}"})


@pytest.fixture
def machine(db: None) -> Machine:
    """May send reports."""
    return Machine(make_token(Token.Scope.INGEST)[1])


@pytest.fixture
def reader(db: None) -> Machine:
    """May read everything."""
    return Machine(make_token(Token.Scope.READ)[1])
