"""How django-allauth is put together where a provider of sign-ins is configured; loads nothing of it."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured
from django.utils.csp import CSP

from governance.environment import env_list


def provider_id(issuer: str) -> str:
    """Accounts belong to an issuer: another one starts anew, whatever it calls people."""
    return f"oidc-{hashlib.sha256(issuer.encode()).hexdigest()[:16]}" if issuer else ""


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """One provider."""

    issuer: str
    client: str
    secret: str
    name: str
    origins: Sequence[str]

    apps = (
        "allauth",
        "allauth.account",
        "allauth.socialaccount",
        "allauth.socialaccount.providers.openid_connect",
    )
    middleware = "allauth.account.middleware.AccountMiddleware"
    backends = ("django.contrib.auth.backends.ModelBackend", "allauth.account.auth_backends.AuthenticationBackend")

    @property
    def form_action(self) -> list[str]:
        """Where a form may lead: browsers hold that against every redirect after it, too."""
        parts = urlsplit(self.issuer)
        return [CSP.SELF, f"{parts.scheme}://{parts.netloc}", *self.origins]

    @property
    def allauth(self) -> dict[str, Any]:
        """Its settings. No e-mail address ever connects an account with another, and none is asked for."""
        app = {
            "provider_id": provider_id(self.issuer),
            "name": self.name,
            "client_id": self.client,
            "secret": self.secret,
            "settings": {"server_url": self.issuer, "oauth_pkce_enabled": True},
        }
        return {
            "SOCIALACCOUNT_ADAPTER": "governance.accounts.oidc.Adapter",
            "SOCIALACCOUNT_PROVIDERS": {"openid_connect": {"OAUTH_PKCE_ENABLED": True, "APPS": [app]}},
            "SOCIALACCOUNT_EMAIL_AUTHENTICATION": False,
            "SOCIALACCOUNT_EMAIL_AUTHENTICATION_AUTO_CONNECT": False,
            "SOCIALACCOUNT_EMAIL_VERIFICATION": "none",
            "SOCIALACCOUNT_STORE_TOKENS": False,
            "ACCOUNT_EMAIL_VERIFICATION": "none",
            "ACCOUNT_UNIQUE_EMAIL": False,
            "ACCOUNT_SIGNUP_FIELDS": ["username*"],
        }


@dataclass(frozen=True, slots=True)
class Seat:
    """A group at the provider of sign-ins and what it gives: a role in a team, or (`team` empty) one everywhere."""

    group: str
    team: str
    role: str


def env_groups(name: str) -> list[Seat]:
    """Read `group=team:role` (a viewer where no role is said), `group=@admin` and `group=@auditor`, by commas."""
    seats = []
    for entry in env_list(name, ""):
        group, _, target = (part.strip() for part in entry.rpartition("="))
        team, _, role = (part.strip() for part in target.partition(":"))
        if target in ("@admin", "@auditor"):
            team, role = "", target[1:]
        elif not team or role not in ("", "viewer", "triager", "editor", "admin"):
            group = ""
        if not group:
            raise ImproperlyConfigured(f"{name}: {entry!r} is not group=team:role, group=@admin or group=@auditor")
        seats.append(Seat(group, team, role or "viewer"))
    return seats
