"""What a scope allows: denied unless a view says otherwise."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.models import AnonymousUser
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

from governance.accounts.models import Token, User
from governance.accounts.scope import Viewer


def viewer_of(request: Any) -> Viewer:
    """The person or token that asks."""
    auth = getattr(request, "auth", None)
    if isinstance(auth, Token):
        return auth
    return request.user if isinstance(request.user, User) else AnonymousUser()


class HasScope(BasePermission):
    """A view names the scopes that may use it in `scopes` (for writing, `write_scopes`); `admin` includes all.

    People read with their own rights; to write, the view's service checks them.
    """

    message = "this token's scope does not allow that"

    def has_permission(self, request: Request, view: Any) -> bool:
        """Deny by default."""
        viewer = viewer_of(request)
        if isinstance(viewer, User):
            return viewer.is_active
        if not isinstance(viewer, Token):
            return False
        reading = request.method in ("GET", "HEAD", "OPTIONS")
        allowed = getattr(view, "scopes", ()) if reading else getattr(view, "write_scopes", ())
        return viewer.scope == Token.Scope.ADMIN or viewer.scope in allowed
