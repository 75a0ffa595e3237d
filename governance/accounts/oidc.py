"""Sign-in by OpenID Connect, where a provider is configured: who somebody is, and which teams their groups put them in.

Loaded by django-allauth only then. An identity is the issuer and its `sub` (OpenID Connect Core, section 2), never an
e-mail address: whoever can write an address at the provider gets a new account, not the one that has it here.
"""

from __future__ import annotations

from typing import Any

import requests
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from django.conf import settings
from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest
from django.shortcuts import redirect

from governance.accounts.audit import audit
from governance.accounts.groups import seat
from governance.accounts.models import User
from governance.web.guarded import Guarded


class Adapter(DefaultSocialAccountAdapter):  # type: ignore[misc]
    """What of allauth's ways is ours."""

    def list_apps(self, request: HttpRequest, provider: Any = None, client_id: Any = None) -> list[Any]:
        """The configured provider alone, whatever the database says."""
        return [app for app in super().list_apps(request, provider, client_id) if app.pk is None]

    def get_requests_session(self) -> requests.Session:
        """A session whose requests take the one way out."""
        session = requests.Session()
        session.trust_env = False
        for scheme in ("https://", "http://"):
            session.mount(scheme, Guarded())
        return session

    def pre_social_login(self, request: HttpRequest, sociallogin: Any) -> None:
        """Look at what the provider said before anybody is signed in."""
        said = claims_of(sociallogin)
        # No address of the provider's proves anything here.
        sociallogin.email_addresses = []
        if sociallogin.is_existing:
            user = sociallogin.user
            if not user.is_active:
                refuse(request, "This account may not sign in.")
            seat(user, groups_of(said))

    def is_open_for_signup(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Whoever the provider lets in; without a group they see nothing."""
        return True

    def is_auto_signup_allowed(self, request: HttpRequest, sociallogin: Any) -> bool:
        """Nobody is asked for more than the provider said."""
        return True

    def populate_user(self, request: HttpRequest, sociallogin: Any, data: dict[str, Any]) -> User:
        """The name as the provider has it; a sign-in name that is taken here gets another ending."""
        user: User = super().populate_user(request, sociallogin, data)
        user.name = str(data.get("name") or "")[:150]
        user.email = str(data.get("email") or "")[:254]
        return user

    @transaction.atomic
    def save_user(self, request: HttpRequest, sociallogin: Any, form: Any = None) -> User:
        """Somebody new: no password, and the teams of their groups."""
        user: User = super().save_user(request, sociallogin, form)
        after = {"issuer": settings.OIDC_ISSUER, "sub": sociallogin.account.uid}
        audit(user, "person.oidc", f"user {user.pk} {user.username}", after=after)
        seat(user, groups_of(claims_of(sociallogin)))
        return user

    def on_authentication_error(self, request: HttpRequest, provider: Any, **said: Any) -> None:
        """Back to our own page, which says that it failed and no more."""
        refuse(request, "The sign-in did not come to an end. Try again; if it fails again, ask your administrator.")


def refuse(request: HttpRequest, why: str) -> None:
    """End the sign-in with a sentence on our own page."""
    messages.error(request, why)
    raise ImmediateHttpResponse(redirect("accounts:login"))


def claims_of(sociallogin: Any) -> dict[str, Any]:
    """What the provider said of somebody: of the token, and of its other page where both are about the same person.

    Raises `ImmediateHttpResponse` where there is no token, or the two are about different people (OpenID Connect Core,
    5.3.2).
    """
    data = sociallogin.account.extra_data
    token, page = data.get("id_token"), data.get("userinfo")
    if not isinstance(token, dict) or not token.get("sub"):
        raise ImmediateHttpResponse(redirect("accounts:login"))
    if page is not None and page.get("sub") != token["sub"]:
        raise ImmediateHttpResponse(redirect("accounts:login"))
    return {**token, **(page or {})}


def groups_of(said: dict[str, Any]) -> set[str]:
    """The groups that the provider names."""
    found = said.get(settings.OIDC_GROUPS_CLAIM)
    if isinstance(found, str):
        found = [found]
    return {str(one) for one in found[:1_000]} if isinstance(found, list) else set()
