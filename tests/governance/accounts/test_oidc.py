"""Sign-in through a real provider process: code flow with PKCE, groups, and no way to another's account."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit, urlunsplit

import pytest
import requests
from django.core.exceptions import ImproperlyConfigured
from django.db import connection

from governance.accounts.groups import seat
from governance.accounts.models import AuditEntry, Membership, Team, User
from governance.single_sign_on import Seat, env_groups, provider_id
from tests.make import make_user

ROOT = Path(__file__).resolve().parents[3]
GROUPS = "platform=shop:editor,platform-leads=shop:admin,security=@auditor"


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def running(command: list[str], port: int, environment: dict[str, str]) -> Iterator[None]:
    """A program that listens, until it does."""
    process = subprocess.Popen(command, env=environment, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    try:
        until = time.monotonic() + 60
        while True:
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                break
            except OSError:
                assert process.poll() is None, process.stdout and process.stdout.read().decode()
                assert time.monotonic() < until, "it does not listen"
                time.sleep(0.1)
        yield
    finally:
        process.terminate()
        process.communicate(timeout=30)


@contextmanager
def provider(port: int, *people: dict[str, Any]) -> Iterator[None]:
    """The provider, which knows these people."""
    given = [word for one in people for word in ("--user-claims", json.dumps(one))]
    command = [sys.executable, "-m", "oidc_provider_mock", "--port", str(port), *given]
    with running(command, port, {**os.environ}):
        yield


@contextmanager
def portwarden(port: int, issuer: str) -> Iterator[str]:
    """A web process on this test's own database, with the provider configured; its tables go again at the end."""
    parts = urlsplit(os.environ["DATABASE_URL"])
    url = urlunsplit(parts._replace(path=f"/{connection.settings_dict['NAME']}"))
    if not parts.netloc:
        url = url.replace("postgresql:/", "postgresql:///", 1) if not url.startswith("postgresql:///") else url
    environment = {
        **os.environ,
        "DATABASE_URL": url,
        "BASE_URL": f"http://127.0.0.1:{port}",
        "OUTBOUND_ALLOWED_HOSTS": urlsplit(issuer).netloc,
        "OIDC_ISSUER": issuer,
        "OIDC_CLIENT_ID": "portwarden",
        "OIDC_CLIENT_SECRET": "s3cret",
        "OIDC_NAME": "Example ID",
        "OIDC_GROUPS": GROUPS,
    }
    environment.pop("PW_FAILPOINT", None)

    def manage(*arguments: str) -> None:
        subprocess.run(
            [sys.executable, "manage.py", *arguments], env=environment, cwd=ROOT, check=True, capture_output=True
        )

    manage("migrate", "--no-input")
    try:
        bind = ["--bind", f"127.0.0.1:{port}", "--workers", "1", "--threads", "4"]
        with running([sys.executable, "-m", "gunicorn", *bind, "governance.wsgi"], port, environment):
            yield f"http://127.0.0.1:{port}"
    finally:
        for app in ("socialaccount", "account"):
            manage("migrate", app, "zero", "--no-input")


class Visitor:
    """A browser without JavaScript."""

    def __init__(self, base: str) -> None:
        self.base, self.session = base, requests.Session()
        self.session.trust_env = False
        # Where the provider was asked to send people on: what its authorization request said.
        self.asked: dict[str, list[str]] = {}

    def sign_in(self, sub: str) -> requests.Response:
        """Through the button, as this person."""
        page = self.session.get(f"{self.base}/login/?next=/account/")
        found = re.search(
            r'action="(/login/oidc/[^"]+)".*?name="csrfmiddlewaretoken" value="([^"]+)"', page.text, re.DOTALL
        )
        assert found, page.text
        assert "Example ID" in page.text
        policy = page.headers["Content-Security-Policy"]
        assert re.search(r"form-action 'self' http://127\.0\.0\.1:\d+", policy), policy
        said = {"csrfmiddlewaretoken": found[2], "next": "/account/"}
        headers = {"Referer": f"{self.base}/login/"}
        asked = self.session.post(self.base + found[1], said, headers=headers, allow_redirects=False)
        assert asked.status_code == 302, asked.text
        self.asked = parse_qs(urlsplit(asked.headers["Location"]).query)
        return self.session.post(asked.headers["Location"], {"sub": sub})


@pytest.mark.django_db(transaction=True)
def test_people_sign_in_through_a_real_provider(team: Team) -> None:
    known = make_user("grace", email="grace@example.org", role=User.Role.ADMIN)
    port, own = free_port(), free_port()
    issuer = f"http://127.0.0.1:{port}"
    ada = {"sub": "ada-1", "preferred_username": "ada", "name": "Ada", "email": "ada@example.org"}
    thief = {"sub": "thief-1", "preferred_username": "grace", "email": "grace@example.org", "email_verified": True}
    with portwarden(own, issuer) as base:
        with provider(port, {**ada, "groups": ["platform", "other"]}, thief):
            visitor = Visitor(base)
            page = visitor.sign_in("ada-1")
            assert page.url == f"{base}/account/", page.text
            assert visitor.asked["code_challenge_method"] == ["S256"]
            assert visitor.asked["response_type"] == ["code"]
            assert visitor.asked["state"][0]
            user = User.objects.get(username="ada")
            assert (user.name, user.email, user.role) == ("Ada", "ada@example.org", "member")
            assert not user.has_usable_password()
            assert Membership.objects.get(user=user, team=team).role == "editor"
            # An address proves nothing: whoever has Grace's gets an account of their own, without her rights.
            page = Visitor(base).sign_in("thief-1")
            assert page.url == f"{base}/account/"
            other = User.objects.exclude(pk__in=[known.pk, user.pk]).get()
            assert other.username != "grace"
            assert (other.role, other.teams.count()) == ("member", 0)
            # The answer of a sign-in that was begun elsewhere, or is over, is nobody's.
            answer = requests.get(f"{base}/login/oidc/{provider_id(issuer)}/callback/?code=x&state=y", timeout=10)
            assert answer.url.startswith(f"{base}/login/")
            assert "did not come to an end" in answer.text
            # A GET begins nothing, and no account is joined to another.
            assert requests.get(f"{base}/login/oidc/{provider_id(issuer)}/", timeout=10).status_code == 405
            assert requests.get(f"{base}/login/oidc/elsewhere/callback/", timeout=10).status_code == 404
        with provider(port, {**ada, "groups": ["platform-leads", "security"], "email": "new@example.org"}):
            page = Visitor(base).sign_in("ada-1")
            assert page.url == f"{base}/account/"
            assert User.objects.count() == 3, "the same person again"
            user.refresh_from_db()
            assert user.role == "auditor"
            assert Membership.objects.get(user=user, team=team).role == "admin"
            User.objects.filter(pk=user.pk).update(is_active=False)
            page = Visitor(base).sign_in("ada-1")
            assert page.url.startswith(f"{base}/login/")
            assert "may not sign in" in page.text
    assert AuditEntry.objects.filter(action="person.oidc").count() == 2


@pytest.mark.django_db
def test_groups_give_and_take_what_they_name_and_nothing_else(team: Team, stranger: User, settings: Any) -> None:
    settings.OIDC_GROUPS = [Seat("a", "shop", "viewer"), Seat("b", "shop", "editor"), Seat("s", "", "auditor")]
    other = stranger.teams.get()
    user = make_user("ada", team=other)
    seat(user, {"a", "b", "unknown"})
    assert Membership.objects.get(user=user, team=team).role == "editor"
    seat(user, {"a", "s"})
    user.refresh_from_db()
    assert (Membership.objects.get(user=user, team=team).role, user.role) == ("viewer", "auditor")
    seat(user, set())
    user.refresh_from_db()
    assert user.role == "member"
    assert [row.team for row in user.membership_set.all()] == [other]


@pytest.mark.django_db
def test_the_last_administrator_stays_one(admin: User, settings: Any) -> None:
    settings.OIDC_GROUPS = [Seat("admins", "", "admin")]
    seat(admin, set())
    admin.refresh_from_db()
    assert admin.role == User.Role.ADMIN


def test_groups_are_read_or_the_start_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("X", "a=shop, b=shop:admin ,cn=x=@auditor")
    assert env_groups("X") == [Seat("a", "shop", "viewer"), Seat("b", "shop", "admin"), Seat("cn=x", "", "auditor")]
    for wrong in ("a", "a=", "=shop", "a=shop:king"):
        monkeypatch.setenv("X", wrong)
        with pytest.raises(ImproperlyConfigured):
            env_groups("X")


def test_accounts_belong_to_an_issuer() -> None:
    assert provider_id("https://a.example") != provider_id("https://b.example")
