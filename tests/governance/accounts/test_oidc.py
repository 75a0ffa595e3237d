"""Sign-in through a real provider process: code flow with PKCE, groups, and no way to another's account."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from django.core.exceptions import ImproperlyConfigured
from playwright.sync_api import Browser, ConsoleMessage
from pytest_django import DjangoDbBlocker

from governance.accounts.groups import seat
from governance.accounts.models import AuditEntry, Membership, Team, User
from governance.single_sign_on import Seat, env_groups, provider_id
from tests.governance.accounts.provider import Site
from tests.governance.accounts.provider import site as running_site
from tests.make import make_user


@pytest.fixture(scope="module")
def site(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[Site]:
    """The provider and a Portwarden that knows it; one start for all tests here."""
    with django_db_blocker.unblock(), running_site() as found:
        yield found


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
def test_people_sign_in_through_a_real_provider(site: Site, team: Team) -> None:
    known = make_user("grace", email="grace@example.org", role=User.Role.ADMIN)
    ada = {"preferred_username": "ada", "name": "Ada", "email": "ada@example.org"}
    site.know("ada-1", **ada, groups=["platform", "other"])
    site.know("thief-1", preferred_username="grace", email="grace@example.org", email_verified=True)
    base, provider = site.base, provider_id(site.issuer)
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
    answer = requests.get(f"{base}/login/oidc/{provider}/callback/?code=x&state=y", timeout=10)
    assert answer.url.startswith(f"{base}/login/")
    assert "did not come to an end" in answer.text
    # A GET begins nothing, and no account is joined to another.
    assert requests.get(f"{base}/login/oidc/{provider}/", timeout=10).status_code == 405
    assert requests.get(f"{base}/login/oidc/elsewhere/callback/", timeout=10).status_code == 404
    site.know("ada-1", **ada | {"email": "new@example.org"}, groups=["platform-leads", "security"])
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


@pytest.mark.browser
@pytest.mark.django_db(transaction=True)
def test_the_button_leads_through_the_providers_page_to_ours(site: Site, team: Team, browser: Browser) -> None:
    site.know("ada-2", preferred_username="ada", name="Ada", groups=["platform"])
    context = browser.new_context()
    page = context.new_page()
    page.set_default_timeout(15_000)
    said: list[ConsoleMessage] = []
    page.on("console", lambda one: said.append(one))  # noqa: PLW0108 (Playwright marks the function)
    page.goto(site.base)
    page.get_by_role("button", name="Sign in with Example ID").click()
    page.wait_for_url(f"{site.issuer}/**")
    page.get_by_role("textbox", name="Subject").fill("ada-2")
    page.get_by_role("button", name="Authorize", exact=True).click()
    page.wait_for_url(f"{site.base}/")
    assert page.get_by_role("heading", level=1).count() == 1
    assert page.locator("details.person summary").inner_text().strip() == "Ada"
    page.goto(f"{site.base}/account/")
    assert "shop" in page.locator("main").inner_text()
    # What the provider's page complains about is its own affair.
    ours = [one for one in said if one.location["url"].startswith(site.base)]
    assert [one.text for one in ours if one.type in ("error", "warning")] == []
    context.close()
    assert Membership.objects.get(user__username="ada").role == "editor"


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
