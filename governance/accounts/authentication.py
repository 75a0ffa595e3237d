"""`Authorization: Bearer pw_...` for machines."""

from __future__ import annotations

from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from rest_framework.authentication import BaseAuthentication
from rest_framework.exceptions import AuthenticationFailed
from rest_framework.request import Request

from governance.accounts.models import Token
from governance.accounts.services import PREFIX, find_token


class MachineUser:
    """What `request.user` is for a machine: signed in, but nobody; the token says what it may do."""

    is_authenticated = True
    is_active = True

    def __init__(self, token: Token) -> None:
        self.token = token
        self.pk = None

    def __str__(self) -> str:
        return f"token {self.token.name}"


class TokenAuthentication(BaseAuthentication):
    """Bearer tokens (RFC 6750, section 2.1); never from cookies or the URL."""

    def authenticate(self, request: Request) -> tuple[Any, Token] | None:
        """Return (machine, token); None without a bearer header."""
        kind, _, secret = request.headers.get("Authorization", "").partition(" ")
        if kind.lower() != "bearer":
            return None
        token = find_token(secret.strip()) if secret.strip().startswith(PREFIX) else None
        if token is None:
            raise AuthenticationFailed("this token is unknown, revoked or expired")
        return MachineUser(token), token

    def authenticate_header(self, request: Request) -> str:
        """Make a refusal a 401."""
        return 'Bearer realm="portwarden"'


class TokenScheme(OpenApiAuthenticationExtension):  # type: ignore[no-untyped-call]
    """How the OpenAPI document names it."""

    target_class = "governance.accounts.authentication.TokenAuthentication"
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        """HTTP bearer."""
        return {"type": "http", "scheme": "bearer"}
